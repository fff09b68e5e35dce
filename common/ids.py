"""UUIDs: read from addresses and API bodies, and as the database stores them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, models


def parse_uuid(text: str) -> UUID | None:
    """The id in its canonical form, or None. Other spellings that Python reads are not ids here."""
    try:
        uuid = UUID(text)
    except ValueError:
        return None
    return uuid if str(uuid) == text.lower() else None


def uuid_to_db(uuid: UUID | None) -> Any:
    """The id as the database has it, for a statement written by hand."""
    return models.UUIDField().get_db_prep_value(uuid, connection)


def uuid_from_db(value: Any) -> UUID:
    """The id that a statement written by hand answered with."""
    return value if isinstance(value, UUID) else UUID(value)
