"""The audit page: chain state, verification, export, details of an entry."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from audit import actions as audit
from audit import export, verification
from audit.models import Action, AuditCheck, AuditHead, AuditLog

Browse = Callable[[str], Client]
PAST_TRIGGERS = {
    "sqlite": ("drop trigger audit_no_update", "drop trigger audit_no_delete"),
    "postgresql": ("drop trigger audit_no_change on audit_auditlog",),
}


def record(user: User, action: Action = Action.JOB_GENERATE, **details: object) -> AuditLog:
    with transaction.atomic():
        return audit.record(action, actor=user, tenant_id=user.tenant_id, target=("user", user.pk), details=details)


def tamper(statement: str) -> None:
    """As somebody with the database's password would: past the triggers."""
    with connection.cursor() as cursor:
        for drop in PAST_TRIGGERS[connection.vendor]:
            cursor.execute(drop)
        cursor.execute(statement)


def seen(client: Client) -> str:
    return " ".join(client.get("/audit").content.decode().split())


def streamed(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_the_page_says_up_to_where_the_chain_was_verified(people: dict[str, User], browse: Browse) -> None:
    assert "Not verified yet" in seen(browse("alice"))
    for _ in range(3):
        record(people["bob"])
    assert verification.verify_for(seconds=5)
    assert "Verified up to #3 at <time" in seen(browse("alice"))
    record(people["bob"])
    assert verification.verify_for(seconds=5)
    assert "Verified up to #4 at <time" in seen(browse("alice"))


def test_a_check_goes_on_where_it_stopped(people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_BATCH", 2)
    for _ in range(5):
        record(people["bob"])
    steps = [(verification.verify_for(seconds=0), AuditCheck.objects.get().sequence) for _ in range(4)]
    assert steps == [(False, 2), (False, 4), (False, 5), (True, 5)]


@pytest.mark.parametrize(
    ("statement", "place", "reason"),
    [
        ("update audit_auditlog set actor = 'mallory' where sequence = 5", 5, "the entry was changed"),
        ("delete from audit_auditlog where sequence = 6", 6, "entries at the end of the log are missing"),
    ],
)
def test_a_broken_entry_is_an_alarm_on_the_page(
    people: dict[str, User], browse: Browse, statement: str, place: int, reason: str
) -> None:
    for _ in range(4):
        record(people["bob"])
    verification.verify_for(seconds=5)
    for _ in range(2):
        record(people["bob"])
    tamper(statement)
    assert verification.verify_for(seconds=5)
    page = seen(browse("alice"))
    assert f"does not hold from entry #{place} on:" in page
    assert reason in page
    assert 'class="notice error" role="alert"' in page


def test_what_was_verified_before_is_read_again_when_asked(people: dict[str, User], browse: Browse) -> None:
    for _ in range(4):
        record(people["bob"])
    verification.verify_for(seconds=5)
    tamper("update audit_auditlog set actor = 'mallory' where sequence = 2")
    answer = browse("alice").post("/audit/verify", follow=True)
    assert "The audit log does not hold." in answer.content.decode()
    assert AuditCheck.objects.get().broken == 2
    tamper_back = "update audit_auditlog set actor = 'bob' where sequence = 2"
    with connection.cursor() as cursor:
        cursor.execute(tamper_back)
    answer = browse("alice").post("/audit/verify", follow=True)
    assert "The whole audit log is as it was written." in answer.content.decode()


def test_an_older_end_put_back_with_its_seal_is_found(people: dict[str, User]) -> None:
    record(people["bob"])
    older = AuditHead.objects.get()
    record(people["bob"])
    verification.verify_for(seconds=5)
    older.save()
    tamper("delete from audit_auditlog where sequence = 2")
    assert audit.verify() is None, "the log alone does not show it"
    verification.verify_for(seconds=5)
    assert (AuditCheck.objects.get().broken, AuditCheck.objects.get().reason) == (
        2,
        "entries that were there before are missing",
    )


def test_what_somebody_else_wrote_about_the_chain_is_not_believed(people: dict[str, User], browse: Browse) -> None:
    for _ in range(3):
        record(people["bob"])
    verification.verify_for(seconds=5)
    tamper("update audit_auditlog set actor = 'mallory' where sequence = 1")
    AuditCheck.objects.update(sequence=3, verified=99)
    assert "Verified" not in seen(browse("alice"))
    verification.verify_for(seconds=5)
    assert AuditCheck.objects.get().broken == 1


def test_only_administrators_verify_export_and_look_at_entries(people: dict[str, User], browse: Browse) -> None:
    entry = record(people["alice"])
    for name, status in (("bob", 403), ("gina", 404)):
        assert browse(name).get(f"/audit/{entry.sequence}").status_code == status
    assert browse("bob").get("/audit/export.csv").status_code == 403
    assert browse("bob").post("/audit/verify").status_code == 403
    assert browse("alice").get("/audit/verify").status_code == 405
    assert browse("alice").get("/audit/export.pdf").status_code == 404
    assert "alice" not in streamed(browse("gina"), "/audit/export.ndjson"), "another tenant's"


def test_an_export_has_what_the_filters_leave_and_is_audited(
    people: dict[str, User], browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_BATCH", 2)
    wanted = [record(people["bob"], note="=1+1", ok=True) for _ in range(5)]
    record(people["carol"])
    record(people["gina"])
    text = streamed(browse("alice"), "/audit/export.csv?actor=bob")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["sequence"]) for row in rows] == [entry.sequence for entry in reversed(wanted)]
    assert json.loads(rows[0]["details"]) == {"note": "=1+1", "ok": True}
    assert rows[0]["hash"] == wanted[-1].hash
    lines = [json.loads(line) for line in streamed(browse("alice"), "/audit/export.ndjson?actor=bob").splitlines()]
    assert [line["sequence"] for line in lines] == [entry.sequence for entry in reversed(wanted)]
    assert lines[0]["timestamp"].endswith("Z")
    taken = AuditLog.objects.filter(action="Audit Export").order_by("sequence")
    assert [(entry.actor, entry.target_id, entry.details) for entry in taken] == [
        ("alice", "csv", {"filters": {"actor": "bob"}}),
        ("alice", "ndjson", {"filters": {"actor": "bob"}}),
    ]


def test_a_name_that_is_a_formula_is_kept_from_spreadsheets(people: dict[str, User], browse: Browse) -> None:
    User.objects.filter(pk=people["bob"].pk).update(username="=cmd|x")
    record(User.objects.get(pk=people["bob"].pk))
    rows = list(csv.DictReader(io.StringIO(streamed(browse("alice"), "/audit/export.csv"))))
    assert "'=cmd|x" in [row["actor"] for row in rows]


def test_an_export_with_filters_that_are_not_valid_leads_to_what_is_wrong(browse: Browse, db: None) -> None:
    answer = browse("alice").get("/audit/export.csv?since=nonsense", follow=True)
    assert "Enter a valid date/time." in answer.content.decode()
    assert not AuditLog.objects.exists()


def test_an_entry_has_a_page_with_its_details_and_whether_it_holds(people: dict[str, User], browse: Browse) -> None:
    entry = record(people["bob"], report="sales-<x>")
    record(people["bob"])
    page = browse("alice").get(f"/audit/{entry.sequence}").content.decode()
    assert "sales-&lt;x&gt;" in page and entry.hash in page and entry.previous_hash in page
    assert f'href="/audit/{entry.sequence + 1}"' in page
    assert "changed after it was written" not in page
    tamper(f"update audit_auditlog set actor = 'mallory' where sequence = {entry.sequence}")
    assert "changed after it was written" in browse("alice").get(f"/audit/{entry.sequence}").content.decode()
