"""The pages of the audit log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from audit import actions as audit
from audit import verification
from audit.models import Action, AuditCheck, AuditLog
from tests.audit.helpers import record, tamper
from tests.pages.html import Page

Browse = Callable[[str], Client]


def visit(client: Client, path: str = "/audit") -> Page:
    return Page(client.get(path))


def state_of(client: Client) -> str:
    """What the page says about the verification."""
    return visit(client).by_id("verification").text


def test_the_list_is_for_administrators_and_shows_their_tenant(people: dict[str, User], browse: Browse) -> None:
    entry = record(people["bob"], report="sales-<x>")
    record(people["gina"])
    page = visit(browse("alice"))
    [row] = page.get("table", "Audit entries, newest first").all("row")[1:]
    assert row.get("link", f"Entry {entry.sequence}")["href"] == f"/audit/{entry.sequence}"
    assert row.has("rowheader", re_start("Report requested"))
    assert "sales-<x>" in row.text
    assert "gina" not in page.text
    assert browse("bob").get("/audit").status_code == 403


def re_start(text: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(text)}")


def test_the_list_is_filtered_and_names_invalid_filters(people: dict[str, User], browse: Browse) -> None:
    record(people["bob"])
    record(people["carol"], Action.SIGN_IN)
    page = visit(browse("alice"), "/audit?actor=carol&since=nonsense")
    assert len(page.get("table").all("row")) == 2, "the header and one entry"
    since = page.field("Since")
    assert since.is_invalid and since.description == "Enter a valid date/time."
    page = visit(browse("alice"), "/audit?action=Job+Retry")
    assert "No entries match." in page.text
    assert page.field("Action").value == "Job Retry"
    assert page.field("Action").options["Job Generate"] == "Report requested"


def test_the_page_shows_how_far_the_log_was_verified(people: dict[str, User], browse: Browse) -> None:
    assert "Not verified yet" in state_of(browse("alice"))
    for _ in range(3):
        record(people["bob"])
    assert verification.verify_for(seconds=5)
    assert state_of(browse("alice")).startswith("Verified up to #3, ")
    record(people["bob"])
    assert verification.verify_for(seconds=5)
    assert state_of(browse("alice")).startswith("Verified up to #4, ")


def test_polling_gets_the_state_of_the_verification_alone(people: dict[str, User], browse: Browse) -> None:
    answer = browse("alice").get("/audit", headers={"HX-Request": "true"})
    assert Page(answer).by_id("verification")
    assert "<html" not in answer.content.decode()
    assert browse("bob").get("/audit", headers={"HX-Request": "true"}).status_code == 403


@pytest.mark.parametrize(
    ("statement", "sequence", "reason"),
    [
        ("update audit_auditlog set actor = 'mallory' where sequence = 5", 5, "the entry was changed"),
        ("delete from audit_auditlog where sequence = 6", 6, "entries at the end of the log are missing"),
    ],
)
def test_a_broken_entry_is_an_alert_on_the_page(
    people: dict[str, User], browse: Browse, statement: str, sequence: int, reason: str
) -> None:
    for _ in range(4):
        record(people["bob"])
    verification.verify_for(seconds=5)
    for _ in range(2):
        record(people["bob"])
    tamper(statement)
    assert verification.verify_for(seconds=5)
    alert = visit(browse("alice")).by_id("verification").get("alert")
    assert f"Verification failed at entry #{sequence}: {reason}" in alert.text


def test_verify_now_reads_entries_again_that_were_verified_before(people: dict[str, User], browse: Browse) -> None:
    for _ in range(4):
        record(people["bob"])
    verification.verify_for(seconds=5)
    tamper("update audit_auditlog set actor = 'mallory' where sequence = 2")
    answer = browse("alice").post("/audit/verify", follow=True)
    assert "The audit log failed verification." in Page(answer).text
    assert AuditCheck.objects.get().broken_sequence == 2
    with connection.cursor() as cursor:
        cursor.execute("update audit_auditlog set actor = 'bob' where sequence = 2")
    answer = browse("alice").post("/audit/verify", follow=True)
    assert "The whole audit log was verified." in Page(answer).text


def test_a_result_that_somebody_else_wrote_is_not_shown(people: dict[str, User], browse: Browse) -> None:
    record(people["bob"])
    verification.verify_for(seconds=5)
    AuditCheck.objects.update(sequence=3, verified_sequence=99)
    assert "Verified" not in state_of(browse("alice"))


def test_only_administrators_verify_export_and_view_entries(people: dict[str, User], browse: Browse) -> None:
    entry = record(people["alice"])
    for name, status in (("bob", 403), ("gina", 404)):
        assert browse(name).get(f"/audit/{entry.sequence}").status_code == status
    assert browse("bob").get("/audit/export.csv").status_code == 403
    assert browse("bob").post("/audit/verify").status_code == 403
    assert browse("alice").get("/audit/verify").status_code == 405
    assert browse("alice").get("/audit/export.pdf").status_code == 404


def test_an_entry_has_a_page_with_its_details_and_its_integrity(people: dict[str, User], browse: Browse) -> None:
    entry = record(people["bob"], report="sales-<x>", filters={"actor": "bob", "since": "x"})
    newer = record(people["bob"])
    path = f"/audit/{entry.sequence}"
    page = visit(browse("alice"), path)
    details = page.definitions()
    assert (details["report"], details["filters"]) == ("sales-<x>", "actor: bob, since: x")
    assert (details["Hash"], details["Previous hash"]) == (entry.hash, entry.previous_hash)
    assert details["Action"] == "Report requested Job Generate"
    assert page.get("link", "Newer")["href"] == f"/audit/{newer.sequence}"
    assert page.get("region", "Integrity").text.startswith("Integrity verified")
    tamper(f"update audit_auditlog set actor = 'mallory' where sequence = {entry.sequence}")
    page = visit(browse("alice"), path)
    assert "This entry was changed after it was written." in page.text
    assert page.get("region", "Integrity").text.startswith("Integrity changed")


def test_a_user_named_like_the_server_is_told_from_it(people: dict[str, User], browse: Browse) -> None:
    User.objects.filter(pk=people["bob"].pk).update(username="system")
    with transaction.atomic():
        for actor in (User.objects.get(pk=people["bob"].pk), "system", "operator:root", "unknown"):
            audit.record(Action.SIGN_IN, actor=actor, tenant_id=people["bob"].tenant_id, target=("user", 1))
    shown = visit(browse("alice"), "/audit").text
    for actor in (
        f"system #{people['bob'].pk}",
        "system (the server)",
        "operator:root (a command)",
        "unknown (not signed in)",
    ):
        assert actor in shown
    last = AuditLog.objects.order_by("sequence").first()
    assert last and f"system #{people['bob'].pk}" in visit(browse("alice"), f"/audit/{last.sequence}").text
    exported = b"".join(browse("alice").get("/audit/export.ndjson").streaming_content).decode()  # type: ignore[attr-defined]
    assert [json.loads(line)["actorId"] for line in exported.splitlines()[-4:]] == [None, None, None, people["bob"].pk]
