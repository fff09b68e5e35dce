"""A log with entries, and copies of it at two times."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from accounts.models import User
from audit import verification
from audit.models import AuditCheck, AuditHead, AuditLog
from tests.audit.heads.states import State, current_state
from tests.audit.helpers import record

_triggers = import_module("audit.migrations.0002_append_only")


@pytest.fixture
def without_triggers(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """As for somebody who has the database's password, who can drop the triggers that protect the log."""
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        _triggers.drop(None, editor)
    yield
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        # pytest-django empties all tables later than this, which the triggers would prevent.
        for model in (AuditLog, AuditHead, AuditCheck):
            editor.execute(f"delete from {model._meta.db_table}")
        _triggers.create(None, editor)
        if connection.vendor == "postgresql":
            # As tests/conftest.py leaves it.
            editor.execute("alter table audit_auditlog disable trigger audit_no_truncate")


@pytest.fixture
def committing(without_triggers: None, transactional_db: None, tmp_path: Path, settings: Settings) -> None:
    """Commit as a host of its own, and empty all tables afterwards."""
    settings.AUDIT_HEADS_DIR = tmp_path / "keys"
    verification.begin_heads()


@pytest.fixture
def shared_folder(committing: None, tmp_path: Path, settings: Settings) -> Path:
    """The folder of copies that all hosts share."""
    settings.AUDIT_HEADS_FOLDER = tmp_path / "shared"
    verification.begin_heads()
    return tmp_path / "shared"


@pytest.fixture
def states(committing: None, people: dict[str, User]) -> dict[str, State]:
    """The log when it was empty, after five entries, and after eight; each was verified."""
    found = {"empty": current_state()}
    for name, entries in (("old", 5), ("new", 3)):
        for number in range(entries):
            record(people["bob"], number=number)
        assert verification.verify_for(seconds=5)
        found[name] = current_state()
    return found
