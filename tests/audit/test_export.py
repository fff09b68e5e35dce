"""Exports of the audit log."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

from django.test import Client
from pytest_django import Settings

from accounts.models import User
from audit.models import AuditLog
from tests.audit.helpers import record

Browse = Callable[[str], Client]


def download(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_an_export_contains_the_filtered_entries_and_is_audited(
    people: dict[str, User], browse: Browse, settings: Settings
) -> None:
    settings.AUDIT_BATCH_ENTRIES = 2
    wanted = [record(people["bob"], note="=1+1", ok=True) for _ in range(5)]
    record(people["carol"])
    record(people["gina"])
    text = download(browse("alice"), "/audit/export.csv?actor=bob")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["sequence"]) for row in rows] == [entry.sequence for entry in reversed(wanted)]
    assert json.loads(rows[0]["details"]) == {"note": "=1+1", "ok": True}
    assert (rows[0]["hash"], rows[0]["action"]) == (wanted[-1].hash, "Job Generate")
    lines = [json.loads(line) for line in download(browse("alice"), "/audit/export.ndjson?actor=bob").splitlines()]
    assert [line["sequence"] for line in lines] == [entry.sequence for entry in reversed(wanted)]
    assert lines[0]["timestamp"].endswith("Z")
    exports = AuditLog.objects.filter(action="Audit Export").order_by("sequence")
    assert [(entry.actor, entry.target_id, entry.details) for entry in exports] == [
        ("alice", "csv", {"filters": {"actor": "bob"}}),
        ("alice", "ndjson", {"filters": {"actor": "bob"}}),
    ]


def test_an_export_contains_no_entries_of_other_tenants(people: dict[str, User], browse: Browse) -> None:
    record(people["alice"])
    assert "alice" not in download(browse("gina"), "/audit/export.ndjson")


def test_a_user_name_that_is_a_formula_is_guarded(people: dict[str, User], browse: Browse) -> None:
    User.objects.filter(pk=people["bob"].pk).update(username="=cmd|x")
    record(User.objects.get(pk=people["bob"].pk))
    rows = list(csv.DictReader(io.StringIO(download(browse("alice"), "/audit/export.csv"))))
    assert "'=cmd|x" in [row["actor"] for row in rows]


def test_an_export_with_invalid_filters_leads_to_the_page_that_names_them(browse: Browse, db: None) -> None:
    answer = browse("alice").get("/audit/export.csv?since=nonsense", follow=True)
    assert "Enter a valid date/time." in answer.content.decode()
    assert not AuditLog.objects.exists()
