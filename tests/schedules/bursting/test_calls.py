"""Saving, previewing, running and retrying bursts through the API and the definitions file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Tenant
from jobs import actions as jobs
from jobs.delivery import outbox
from jobs.execution import transitions
from jobs.models import Delivery, JobExecutionLog
from schedules import querysets
from schedules.bursting import actions as bursts
from schedules.models import Schedule
from tests.jobs.delivery.helpers import make_due, send_next
from tests.jobs.helpers import succeed_with
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions
from tests.schedules.bursting.conftest import (
    ANN,
    BEN,
    MAIL,
    RECIPIENTS,
    People,
    burst_with,
    bursting,
    child,
    outcomes,
    run_burst,
    with_people,
)
from tests.schedules.conftest import ENTRY
from tests.schedules.sending import URL, errors
from tests.sinks import Mails

pytestmark = pytest.mark.django_db(databases="__all__")
UNKNOWN = RECIPIENTS | {"parameters": RECIPIENTS["parameters"] | {"x": "id"}}
SHARE: dict[str, Any] = {"name": "share", "kind": "file_share", "path": "daily/{recipient.key}"}


def post(path: str, username: str = "bob") -> Any:
    return client(username).post(f"{URL}/hourly/{path}")


def finish(key: str, slot: Any) -> None:
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job and job.slot_recipient.key == key and job.slot_recipient.slot_id == slot.pk
    succeed_with(job, f"{key}\r\n".encode())


# --- Saving -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deliveries", "fields", "path", "words"),
    [
        ([MAIL | {"to": ["a@example.com"]}], {}, "deliveries[0].to", "the recipients' query has the addresses"),
        ([MAIL], {"recipients": None}, "deliveries[0].to", "This field is required."),
        ([SHARE | {"path": "daily/{file_name}"}], {}, "deliveries[0].path", "Must have {recipient.key}"),
        ([SHARE | {"path": "daily/{{recipient.key}}"}], {}, "deliveries[0].path", "Must have {recipient.key}"),
        ([MAIL], {"recipients": RECIPIENTS | {"to": None}}, "recipients.to", "Name the column"),
        ([MAIL], {"recipients": RECIPIENTS | {"split_by": "carrier"}}, "recipients.parameters", "Leave it out"),
        ([MAIL], {"recipients": RECIPIENTS | {"at_most": 2_001}}, "recipients.at_most", "Must be 2000 or less."),
        ([MAIL], {"recipients": RECIPIENTS | {"key": ""}}, "recipients.key", "Must not be empty."),
        ([MAIL], {"recipients": RECIPIENTS | {"query": "select :id"}}, "recipients.query", "Leave out :id."),
        ([MAIL], {"recipients": RECIPIENTS | {"query": "select 1; select 2"}}, "recipients.query", "one"),
        ([MAIL], {"recipients": RECIPIENTS | {"data_source": "other"}}, "recipients.data_source", "does not exist"),
        ([MAIL], {"recipients": UNKNOWN}, "recipients.parameters.x", "no such"),
        ([MAIL], {"subscribable": True}, "subscribable", "Each recipient gets a result"),
        ([MAIL], {"parameters": {"seats": 1}}, "parameters.seats", "comes from the recipients' query"),
        ([MAIL], {"recipients": {"key": "id"}}, "recipients.query", "This field is required."),
        ([MAIL | {"subject": "{parameter.x}"}], {}, "deliveries[0].subject", "recipient.<column>"),
        ([MAIL | {"to": ["a@example.com"], "subject": "{recipient.x}"}], {"recipients": None},
         "deliveries[0].subject", "There is no field"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence_on_its_field(
    people: People, deliveries: list[Any], fields: dict[str, Any], path: str, words: str
) -> None:
    if fields.get("recipients", "") is None:
        fields = {"parameters": {"carrier": "UA"}} | fields
    found = errors(burst_with(*deliveries, **fields))
    assert list(found) == [path] and words in found[path][0], found


def test_only_administrators_save_recipients(people: People) -> None:
    assert list(errors(burst_with(MAIL, username="bob"))) == ["recipients.query"]
    bursting()
    api = client("bob")
    assert api.patch(f"{URL}/hourly", {"cron": "5 * * * *"}, format="json").status_code == 200, "they are unchanged"
    for change, field in [({"to": "name"}, "to"), ({"data_source": None}, "data_source"), ({"at_most": 9}, "at_most")]:
        refused = api.patch(f"{URL}/hourly", {"recipients": change}, format="json")
        assert errors(refused) == {f"recipients.{field}": ["Only an Administrator can save this."]}
    plain = {"recipients": None, "parameters": {"carrier": "UA"}, "deliveries": []}
    assert api.patch(f"{URL}/hourly", plain, format="json").status_code == 200, "less is no risk"


def test_a_definitions_file_and_a_renamed_data_source(people: People, tmp_path: Path) -> None:
    data = with_people()
    entry = ENTRY | {"run_as": "user:bob", "parameters": {}, "recipients": RECIPIENTS, "deliveries": [MAIL]}
    data["schedules"] = [entry]
    assert apply_definitions(tmp_path, data) == ["create schedule hourly in acme"]
    assert apply_definitions(tmp_path, data) == []
    schedule = Schedule.objects.complete().get()
    assert schedule.tenant.data_sources.filter(slug="people").update(slug="staff") == 1
    stored = schedule.definition.entry()["recipients"]
    assert stored == RECIPIENTS | {"data_source": "staff", "split_by": None}
    assert run_burst(schedule).recipients.count() == 2
    # A source in use can't be deleted, except in SQL.
    schedule.tenant.data_sources.filter(slug="staff")._raw_delete("default")
    answer = post("recipients")
    assert answer.status_code == 400 and "was deleted" in answer.json()["error"]


# --- Previewing and running -------------------------------------------------------------------------------------------


def test_the_preview_says_who_would_receive_what_and_runs_nothing(people: People) -> None:
    bursting(paused=True)
    people([ANN, ("b2", "united", 20, "ben@example.com", "Ben")])
    answer = post("recipients")
    assert answer.status_code == 200 and (answer.json()["total"], answer.json()["refused"]) == (2, 1)
    ann, ben = answer.json()["recipients"]
    expected = {"key": "a1", "to": ["ann@example.com"], "parameters": {"carrier": "UA", "seats": 10}}
    assert ann == expected | {"runs": True, "reason": ""}
    assert not ben["runs"] and ben["reason"].startswith("carrier:") and ben["parameters"]["carrier"] == "united"
    assert not JobExecutionLog.objects.exists() and not Schedule.objects.get().slots.exists()


def test_without_recipients_there_is_no_preview(people: People) -> None:
    mail = {"name": "mail", "kind": "email", "to": ["a@example.com"]}
    bursting(mail, recipients=None, parameters={"carrier": "UA"})
    answer = post("recipients")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_recipients_query")
    [slot] = [run_burst(Schedule.objects.get())]
    assert post(f"slots/{slot.pk}/retry").json()["code"] == "nothing_to_retry"
    assert post("slots/999/retry").status_code == 404


def test_running_answers_with_the_slot_and_its_children(people: People) -> None:
    people([ANN, ("b2", "united", 20, "ben@example.com", "Ben")])
    bursting()
    answer = post("run")
    assert answer.status_code == 202, answer.content
    [listed] = client("bob").get(f"{URL}/hourly/slots").json()["results"]
    assert listed == answer.json() and (listed["state"], listed["jobId"]) == ("Created", None)
    ann, ben = listed["children"]
    assert (ann["key"], ann["jobStatus"], ann["outcome"], ann["to"]) == ("a1", "Queued", "unfinished", [ANN[3]])
    assert (ben["key"], ben["jobId"], ben["outcome"]) == ("b2", None, "failed") and ben["reason"]


# --- Sending and retrying ---------------------------------------------------------------------------------------------


def test_each_recipient_gets_a_mail_with_the_own_result(people: People, mails: Mails) -> None:
    also_ann = (*ANN[:3], "ann2@example.com", "Ann")
    people([ANN, BEN, also_ann])
    slot = run_burst(bursting())
    finish("a1", slot)
    finish("b2", slot)
    for _ in range(3):
        make_due()
        assert send_next().state == "sent"
    sent = {to: (mail["Subject"], next(iter(mail.iter_attachments())).get_content()) for to, mail in mails.received}
    assert sent == {
        "ann@example.com": ("Ann: UA", "a1\r\n"),
        "ann2@example.com": ("Ann: UA", "a1\r\n"),
        "ben@example.com": ("Ben: AA", "b2\r\n"),
    }


def test_addresses_that_nobody_has_approved_are_checked_when_they_are_known_and_when_sent(people: People) -> None:
    Tenant.objects.update(recipient_domains="example.com")
    bursting()
    changed = client("bob").patch(f"{URL}/hourly", {"deliveries": [MAIL | {"when": "rows"}]}, format="json")
    assert changed.status_code == 200, changed.content
    people([ANN, ("b2", "AA", 20, "ben@elsewhere.example", "Ben")])
    slot = run_burst(Schedule.objects.get())
    assert "no longer allows" not in outcomes(slot)["a1"] and "ben@elsewhere.example" in outcomes(slot)["b2"]
    assert child(slot, "b2").job is None
    finish("a1", slot)
    Tenant.objects.update(recipient_domains="")
    assert send_next().state == "failed"


def test_a_retry_runs_only_what_failed(people: People) -> None:
    people([ANN, BEN, ("c3", "united", 1, "cem@example.com", "Cem"), ("d4", "UA", 1, "dee@example.com", "Dee")])
    slot = run_burst(bursting())
    finish("a1", slot)
    finish("b2", slot)
    dee = child(slot, "d4").job
    assert dee
    jobs.cancel(job=dee, actor="tester")
    mail = Delivery.objects.get(recipient_key="b2")
    outbox.mark_failed(mail, "The mail server refused the address.", permanent=True)
    Delivery.objects.filter(recipient_key="a1").update(state="sent")
    people([ANN, BEN, ("c3", "CO", 1, "cem@example.com", "Cem")])
    answer = post(f"slots/{slot.pk}/retry", "alice")
    assert answer.status_code == 202, answer.content
    assert child(slot, "d4").job != dee and child(slot, "d4").job.requested_by_name == "bob"  # type: ignore[union-attr]
    cem = child(slot, "c3")
    assert cem.job and cem.reason == "" and cem.parameters["carrier"] == "CO"
    mail.refresh_from_db()
    assert mail.state == "pending"
    assert slot.recipients.count() == 4 and JobExecutionLog.objects.count() == 5
    assert post(f"slots/{slot.pk}/retry").json()["code"] == "nothing_to_retry"


def test_a_retry_has_an_end_and_says_how_many_are_left(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bursts, "MAX_RETRIES", 2)
    bad = [(f"x{number}", "united", 1, "x@example.com", "") for number in range(2)]
    people([ANN, BEN, *bad, ("y", "UA", 1, "y@example.com", "")])
    slot = run_burst(bursting())
    for key in ("a1", "b2", "y"):
        jobs.cancel(job=child(slot, key).job, actor="tester")  # type: ignore[arg-type]
    people([ANN, BEN, bad[0], ("x1", "UA", 1, "x@example.com", ""), ("y", "UA", 1, "y@example.com", "")])
    answers = [post(f"slots/{slot.pk}/retry").json() for _ in range(3)]
    assert [(answer["retried"], answer["left"]) for answer in answers] == [(2, 3), (2, 0), (0, 0)]
    assert [each.key for each in slot.recipients.filter(job=None)] == ["x0"]


def test_slots_list_their_first_children_and_count_all(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(querysets, "LISTED_CHILDREN", 1)
    schedule = bursting()
    run_burst(schedule), run_burst(schedule)
    with CaptureQueriesContext(connection) as queries:
        listed = client("bob").get(f"{URL}/hourly/slots").json()["results"]
    assert [([each["key"] for each in slot["children"]], slot["childrenTotal"]) for slot in listed] == [(["a1"], 2)] * 2
    [sql] = [query["sql"] for query in queries if "ROW_NUMBER" in query["sql"]]
    assert "requested_parameters" not in sql


def test_what_changed_is_compared_for_each_recipient(people: People) -> None:
    schedule = bursting(MAIL | {"when": "changed"})
    for digests, expected in [(("x", "y"), "pending"), (("x", "z"), "skipped")]:
        slot = run_burst(schedule)
        for digest in digests:
            job = transitions.claim(owner="w", host="h", pid=1)
            assert job
            succeed_with(job, b"", digest=digest)
        states = dict(Delivery.objects.filter(job__slot_recipient__slot=slot).values_list("recipient_key", "state"))
        assert states["a1"] == expected and states["b2"] == "pending"
        Delivery.objects.filter(state="pending").update(state="sent", ended_at="2026-11-30T00:00Z")


def test_keys_that_look_alike_get_files_of_their_own(people: People, tmp_path: Path) -> None:
    keys = ["a/b", "a\\b", "a_b", "..", "x.csv", "x", "k" * 200, "k" * 199]
    people([(key, "UA", 1, "a@example.com", "") for key in keys])
    slot = run_burst(bursting(SHARE | {"exists": "replace"}, recipients=RECIPIENTS | {"at_most": 50, "to": None}))
    for _ in keys:
        job = transitions.claim(owner="w", host="h", pid=1)
        assert job
        succeed_with(job, b"")
    targets = list(Delivery.objects.values_list("target", flat=True))
    assert len(set(targets)) == len(keys) == slot.recipients.count()
    assert all(target.startswith("daily/") and ".." not in target for target in targets)
