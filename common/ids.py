"""UUIDs: parsing them strictly, and converting them for hand-written SQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, models


def parse_uuid(text: str) -> UUID | None:
    """The UUID if the text is in canonical form (any case), else None. Python also accepts braces and other forms."""
    try:
        uuid = UUID(text)
    except ValueError:
        return None
    return uuid if str(uuid) == text.lower() else None


_FIELD: models.UUIDField[Any, Any] = models.UUIDField()


def uuid_to_db(uuid: UUID | None) -> Any:
    """The value as a parameter of hand-written SQL: text on SQLite, UUID on PostgreSQL."""
    return _FIELD.get_db_prep_value(uuid, connection)


def uuid_from_db(value: Any) -> UUID:
    """The UUID in a row that hand-written SQL returned."""
    return value if isinstance(value, UUID) else UUID(value)
