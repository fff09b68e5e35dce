"""The secrets in the database, such as connection URLs: can they be decrypted, and with which key?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models

from reports import crypto

#: What the names of fields with secrets begin with.
_PREFIX = "encrypted_"


@dataclass(frozen=True)
class StoredSecret:
    """One secret."""

    row: models.Model
    field: str

    def __str__(self) -> str:
        owner = getattr(self.row, "tenant", None)
        name = f"{self.row._meta.verbose_name} {self.row}"
        return f"{name} of {owner}" if owner else name

    @property
    def token(self) -> str:
        """The secret as it is stored."""
        return str(getattr(self.row, self.field))

    def rotate(self) -> bool:
        """Encrypt it with the first key. False if it already is. Raises WrongKey."""
        new = crypto.rotate(self.token)
        if new == self.token:
            return False
        # A secret that somebody replaced in the meantime was encrypted with the first key.
        rows = type(self.row)._default_manager.filter(pk=self.row.pk, **{self.field: self.token})
        return bool(rows.update(**{self.field: new}))


def stored_secrets() -> Iterator[StoredSecret]:
    """Yield every secret in the database."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.name.startswith(_PREFIX):
                for row in model._default_manager.exclude(**{field.name: ""}).order_by("pk"):
                    yield StoredSecret(row, field.name)
