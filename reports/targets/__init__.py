"""Where results of a report go."""
