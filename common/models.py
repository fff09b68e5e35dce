"""Tables that every app uses."""

from __future__ import annotations

from django.db import models


class RateCount(models.Model):
    """The number of calls of one scope that one caller has made in the current window, such as failed sign-ins.

    Written often and worthless after a crash, so the table is separate from the jobs': in its own database
    file on SQLite (settings.COUNTERS_DATABASE), and UNLOGGED on PostgreSQL.
    """

    key = models.CharField(primary_key=True, max_length=64, help_text="SHA-256 of scope and caller.")
    started = models.BigIntegerField(help_text="Start of the window, in seconds since 1970.")
    used = models.BigIntegerField(help_text="Calls in this window.")

    class Meta:
        db_table = "rate_count"

    def __str__(self) -> str:
        return f"{self.used} since {self.started}"
