"""Writing numbers, times and sentences as the reader of a page does."""
