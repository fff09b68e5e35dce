"""Backups: one folder with all that an installation needs, which is checked when it is written and when it is read."""
