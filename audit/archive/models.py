"""The archived part of the audit log. Django finds it through audit.models."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

#: Bytes of one hash.
_HASH_BYTES = 32


class AuditArchive(models.Model):
    """A file with consecutive entries that are no longer in the database. Append-only, and without gaps.

    The database keeps the hashes: what was kept outside of it can then be compared without reading the file.
    """

    first_sequence = models.BigIntegerField(primary_key=True)
    last_sequence = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    name = models.CharField(max_length=200, unique=True, help_text="Of the file in the store.")
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    hashes = models.BinaryField(help_text="The hash of each entry, 32 bytes.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["first_sequence"]
        constraints = [
            models.CheckConstraint(
                condition=Q(first_sequence__gte=1, last_sequence__gte=F("first_sequence")), name="audit_archive_range"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.first_sequence} to #{self.last_sequence}"

    def hash_of(self, sequence: int) -> str:
        """The hash of one of its entries, in hexadecimal."""
        start = (sequence - self.first_sequence) * _HASH_BYTES
        return bytes(self.hashes[start : start + _HASH_BYTES]).hex()

    @property
    def last_hash(self) -> str:
        return self.hash_of(self.last_sequence)
