"""The language, number format and time zone of the pages."""
