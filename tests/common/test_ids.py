"""UUIDs in URLs, API bodies and hand-written SQL."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection

from common.ids import parse_uuid, uuid_from_db, uuid_to_db

TEXT = "0b0e7a5e-1c5f-4a57-9f3c-2d1f8f2b6a11"


@pytest.mark.parametrize("text", [TEXT, TEXT.upper()])
def test_the_canonical_form_is_parsed(text: str) -> None:
    assert parse_uuid(text) == UUID(TEXT)


@pytest.mark.parametrize(
    "text", ["", "x", TEXT[:-1], TEXT.replace("-", ""), f"{{{TEXT}}}", f"urn:uuid:{TEXT}", f" {TEXT}", f"{TEXT}\n"]
)
def test_other_forms_are_not_ids(text: str) -> None:
    assert parse_uuid(text) is None


@pytest.mark.django_db
def test_ids_survive_hand_written_sql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select %s", [uuid_to_db(UUID(TEXT))])
        assert uuid_from_db(cursor.fetchone()[0]) == UUID(TEXT)
    assert uuid_to_db(None) is None
