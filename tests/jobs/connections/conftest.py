"""The sample's people, and connections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.models import Connection
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions, sample

URL = "/api/v1/connections"
SECRET_URL = "s3://AKIA:hush-hush@lake/reports?region=eu-central-1"
BODY: dict[str, Any] = {"slug": "lake", "kind": "s3", "url": SECRET_URL, "grants": {"use": ["analysts"]}}
Make = Callable[..., Connection]


@pytest.fixture
def people(db: None, tmp_path: Path) -> None:
    """Alice, who is an Administrator, and bob, an analyst."""
    apply_definitions(tmp_path, sample())


@pytest.fixture
def make(people: None) -> Make:
    """Return a function that creates a connection as alice."""

    def make(**fields: Any) -> Connection:
        answer = client("alice").post(URL, BODY | fields, format="json")
        assert answer.status_code == 201, answer.content
        return Connection.objects.get(pk=answer.json()["id"])

    return make
