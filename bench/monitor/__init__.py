"""Speed of the pages over a long job history."""
