"""What a claim puts on a job, and a success on its artifact."""

from __future__ import annotations

from django.db import models

from jobs.results import storage


class Claim(models.Model):
    """A claim of a job: its number and its random token. Hosts of the version before insert rows without a token."""

    fence = models.PositiveBigIntegerField(default=0)
    claim_token = models.CharField(max_length=16, blank=True, default="", db_default="")

    class Meta:
        abstract = True

    @property
    def file_stem(self) -> str:
        """The name of the attempt's files, without the extension."""
        return storage.file_stem(self.fence, self.claim_token)
