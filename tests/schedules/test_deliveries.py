"""What schedules send: who may save it, by which rules it is sent, skipped or held, and what comes of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Tenant, User
from jobs import actions as jobs
from jobs import failures
from jobs.delivery import outbox
from jobs.execution import transitions
from jobs.models import Delivery, DeliveryPlan
from reports.models import ReportConfiguration
from schedules import actions
from schedules.models import Schedule, ScheduleVersion
from tests.jobs.delivery.helpers import send_next
from tests.jobs.helpers import reload
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions, sample
from tests.schedules.conftest import ENTRY
from tests.schedules.sending import MAIL, URL, alice, end, errors, run, save, schedule_with, states
from tests.sinks import Mails

# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]


# --- Saving -----------------------------------------------------------------------------------------------------------


def test_users_send_to_themselves_and_to_allowed_domains(sales: ReportConfiguration) -> None:
    to = ["BOB@example.com", "ann@example.com", "eve@evil.example"]
    assert list(errors(save("bob", MAIL | {"to": to}))) == ["deliveries[0].to[1]", "deliveries[0].to[2]"]
    sales.tenant.recipient_domains = "example.org EXAMPLE.com"
    sales.tenant.save()
    refused = errors(save("bob", MAIL | {"to": to}))
    assert list(refused) == ["deliveries[0].to[2]"] and "domains that your organization allows" in str(refused)
    assert save("bob", MAIL | {"to": to[:2]}).status_code == 201


@pytest.mark.parametrize(
    "delivery",
    [
        {"name": "hook", "kind": "webhook", "url": "https://example.com/hook"},
        {"name": "share", "kind": "file_share", "path": "daily"},
        MAIL | {"to": ["eve@evil.example"]},
    ],
)
def test_administrators_save_what_others_may_not(delivery: dict[str, Any]) -> None:
    assert errors(save("bob", delivery))
    assert save("alice", delivery, run_as="user:bob").status_code == 201
    api = client("bob")
    assert api.patch(f"{URL}/hourly", {"cron": "5 * * * *"}, format="json").status_code == 200, "it is unchanged"
    changed = api.patch(f"{URL}/hourly", {"deliveries": [delivery | {"when": "rows"}]}, format="json")
    assert errors(changed), "it isn't what the Administrator saved"


@pytest.mark.parametrize("change", [{"parameters": {"start": "now-2M/M", "end": "now"}}, {"formats": ["csv", "pdf"]}])
def test_who_changes_what_is_sent_loses_the_approval_of_its_receiver(change: dict[str, Any]) -> None:
    delivery = MAIL | {"to": ["eve@evil.example"]}
    assert save("alice", delivery, run_as="user:bob").status_code == 201
    refused = client("bob").patch(f"{URL}/hourly", change, format="json")
    assert list(errors(refused)) == ["deliveries[0].to[0]"]
    assert client("alice").patch(f"{URL}/hourly", change, format="json").status_code == 200


def test_an_administrator_approves_only_what_this_save_changes(sales: ReportConfiguration) -> None:
    Tenant.objects.update(recipient_domains="partner.example")
    assert save("bob", MAIL | {"to": ["ann@partner.example"]}).status_code == 201
    Tenant.objects.update(recipient_domains="")
    api = client("alice")
    assert api.patch(f"{URL}/hourly", {"cron": "5 * * * *"}, format="json").status_code == 200
    assert ScheduleVersion.objects.latest("number").approved == []
    assert api.patch(f"{URL}/hourly", {"deliveries": [MAIL | {"when": "rows"}]}, format="json").status_code == 200
    assert ScheduleVersion.objects.latest("number").approved == ["mail"]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"subject": "\ud800"}, "deliveries[0].subject", "Must be valid Unicode text."),
        ({"body": "{slot:\ud800}"}, "deliveries[0].body", "Must be valid Unicode text."),
        ({"file_name": "\udfff"}, "deliveries[0].file_name", "Must be valid Unicode text."),
        ({"subject": "{nothing}"}, "deliveries[0].subject", "There is no field {nothing}."),
        ({"body": "{parameter.region}"}, "deliveries[0].body", "There is no field"),
        ({"file_name": "{file_name}"}, "deliveries[0].file_name", "There is no field"),
        ({"to": ["nobody"]}, "deliveries[0].to[0]", "Must be an e-mail address."),
        ({"to": ["a@example.com\nBcc: b@example.com"]}, "deliveries[0].to[0]", "Must be an e-mail address."),
        ({"when": "sometimes"}, "deliveries[0].when", "Must be one of"),
        ({"hold_if": {"rows_change": 0}}, "deliveries[0].hold_if.rows_change", "Must be 1 or more."),
        ({"kind": "pigeon"}, "deliveries[0].kind", "Must be one of"),
        ({"path": "x"}, "deliveries[0].path", "Unknown field."),
    ],
)
def test_what_is_wrong_is_a_sentence_on_its_field(change: dict[str, Any], path: str, words: str) -> None:
    assert words in errors(save("alice", MAIL | change))[path][0]


def test_names_are_unique_and_paths_stay_inside_the_share() -> None:
    assert list(errors(save("alice", MAIL, MAIL))) == ["deliveries[1].name"]
    for path in ("/etc", "../up", "a\\b"):
        assert list(errors(save("alice", {"name": "s", "kind": "file_share", "path": path}))) == ["deliveries[0].path"]


def test_a_definitions_file_has_domains_and_deliveries(tmp_path: Path) -> None:
    data = sample()
    data["tenants"][0]["recipient_domains"] = ["example.com"]
    data["schedules"] = [ENTRY | {"run_as": "user:bob", "deliveries": [MAIL | {"to": ["x@elsewhere.example"]}]}]
    assert "update tenant acme: recipient_domains" in apply_definitions(tmp_path, data)
    assert apply_definitions(tmp_path, data) == []
    version = ScheduleVersion.objects.get()
    assert version.approved == ["mail"], "operators decide"
    entry = Schedule.objects.complete().get().definition.entry()
    assert entry["deliveries"][0]["to"] == ["x@elsewhere.example"] and entry["deliveries"][0]["when"] == "always"


# --- Rules ------------------------------------------------------------------------------------------------------------


def test_a_mail_has_the_schedules_texts(mails: Mails) -> None:
    texts = {"subject": "{report.name} from {parameter.start}", "body": "{rows} rows.\n", "file_name": "d-{slot:%Y}"}
    job = run(schedule_with(MAIL | texts))
    assert job.delivery_state == "Pending"
    assert send_next().state == "sent"
    ((address, message),) = mails.received
    assert (address, message["Subject"]) == ("bob@example.com", f"Carrier delays from {job.parameters['start']}")
    (file,) = message.iter_attachments()
    assert file.get_filename() == f"d-{job.queued_at:%Y}.csv"
    assert str(message.get_body(("plain",)).get_content()).startswith("1 rows.")
    assert reload(job).delivery_state == "Delivered"


@pytest.mark.parametrize(
    ("rules", "outcome", "state"),
    [
        ({}, {"rows": 0}, "pending"),
        ({"when": "rows"}, {"rows": 0}, "skipped"),
        ({"when": "rows"}, {"rows": 1}, "pending"),
        ({"when": "no_rows"}, {"rows": 0}, "pending"),
        ({"when": "no_rows"}, {"rows": 1}, "skipped"),
        ({}, {"truncated": "Only the first row."}, "skipped"),
        ({"truncated": "send"}, {"truncated": "Only the first row."}, "pending"),
        ({"held": True}, {}, "held"),
        ({"held": True, "when": "rows"}, {"rows": 0}, "skipped"),
        ({"hold_if": {"rows_change": 50}}, {"rows": 9}, "pending"),
        ({"when": "changed"}, {"digest": "1"}, "pending"),
    ],
)
def test_rules_decide_what_becomes_of_a_delivery(rules: dict[str, Any], outcome: dict[str, Any], state: str) -> None:
    job = run(schedule_with(MAIL | rules), **outcome)
    delivery = job.deliveries.get()
    assert delivery.state == state
    assert bool(delivery.error) is (state != "pending") and bool(delivery.ended_at) is (state == "skipped")
    assert job.delivery_state == {"pending": "Pending", "skipped": "Skipped", "held": "Held"}[state]
    events = {"skipped": "delivery_skipped", "held": "delivery_held"}
    assert (events.get(state) in job.events.values_list("kind", flat=True)) is (state in events)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ({"digest": "1"}, "skipped"),
        ({"digest": "2"}, "pending"),
        ({"digest": ""}, "pending"),
        ({"digest": "1", "truncated": "Only some."}, "pending"),
    ],
)
def test_a_result_that_has_not_changed_is_not_sent_again(mails: Mails, outcome: dict[str, Any], state: str) -> None:
    schedule = schedule_with(MAIL | {"when": "changed", "truncated": "send"})
    run(schedule, digest="1")
    assert states(run(schedule, digest="1")) == {"mail": "pending"}, "the first has not been delivered yet"
    send_next()
    send_next()
    assert states(run(schedule, **outcome)) == {"mail": state}


@pytest.mark.parametrize(
    ("rows", "state"), [(100, "pending"), (149, "pending"), (150, "held"), (51, "pending"), (50, "held"), (0, "held")]
)
def test_a_result_whose_rows_changed_too_much_is_held(mails: Mails, rows: int, state: str) -> None:
    schedule = schedule_with(MAIL | {"hold_if": {"rows_change": 50}})
    run(schedule, rows=100)
    send_next()
    job = run(schedule, rows=rows)
    assert states(job) == {"mail": state}
    if rows == 50:
        assert job.deliveries.get().error == "Rows \N{MINUS SIGN}50 %: 100 were delivered last, and now there are 50."


def test_a_delivery_that_cannot_be_prepared_fails_alone(mails: Mails) -> None:
    schedule = schedule_with(MAIL, MAIL | {"name": "other"})
    actions.run_now(schedule=schedule, actor="tester")
    plan = DeliveryPlan.objects.get()
    del plan.deliveries[0]["when"]
    plan.save()
    job = end()
    assert job.status == "Succeeded"
    assert states(job) == {"mail": "failed", "other": "pending"}


def test_scheduled_jobs_send_nothing_to_the_reports_targets(sales: ReportConfiguration) -> None:
    assert not run(schedule_with()).deliveries.exists()


def test_a_retry_of_a_deleted_schedules_job_sends_nothing() -> None:
    schedule = schedule_with(MAIL)
    actions.run_now(schedule=schedule, actor="tester")
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job and transitions.fail(job, failures.CANCELLED)
    actions.delete_schedule(schedule=schedule, actor=alice())
    jobs.retry(job=reload(job), actor=alice())
    assert not end().deliveries.exists()


def test_a_retry_sends_what_the_failed_job_would_have_sent() -> None:
    schedule = schedule_with(MAIL)
    actions.run_now(schedule=schedule, actor="tester")
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job and transitions.fail(job, failures.CANCELLED)
    actions.update_schedule(schedule=schedule, definition=_without_deliveries(schedule), actor=alice())
    jobs.retry(job=reload(job), actor=alice())
    assert states(end()) == {"mail": "pending"}


def _without_deliveries(schedule: Schedule) -> Any:
    definition = Schedule.objects.complete().get(pk=schedule.pk).definition
    return definition.model_copy(update={"deliveries": []})


# --- At sending -------------------------------------------------------------------------------------------------------


def test_domains_are_checked_again_at_sending(sales: ReportConfiguration, mails: Mails) -> None:
    sales.tenant.recipient_domains = "example.org"
    sales.tenant.save()
    answer = save("bob", MAIL | {"to": ["bob@example.com", "ann@example.org"]})
    run(Schedule.objects.get(pk=answer.json()["id"]))
    sales.tenant.recipient_domains = ""
    sales.tenant.save()
    sent = {delivery.target: delivery for delivery in (send_next(), send_next())}
    assert (sent["bob@example.com"].state, sent["ann@example.org"].state) == ("sent", "failed")
    assert "no longer allows" in sent["ann@example.org"].error
    assert [address for address, _ in mails.received] == ["bob@example.com"]


def test_nothing_is_sent_for_an_owner_who_was_deactivated(mails: Mails) -> None:
    run(schedule_with(MAIL))
    User.objects.filter(username="bob").update(is_active=False)
    delivery = send_next()
    assert (delivery.state, mails.received) == ("failed", []) and "deactivated" in delivery.error


def test_what_was_not_sent_is_discarded_with_the_schedule(mails: Mails) -> None:
    schedule = schedule_with(MAIL, MAIL | {"name": "held", "held": True})
    job = run(schedule)
    actions.run_now(schedule=schedule, actor="tester")
    actions.delete_schedule(schedule=schedule, actor=alice())
    assert states(job) == {"mail": "discarded", "held": "discarded"} and reload(job).delivery_state == "Skipped"
    assert not end().deliveries.exists()
    assert outbox.claim() is None


@pytest.mark.parametrize("exists", ["new", "replace", "fail"])
def test_a_file_is_written_where_the_schedule_says(tmp_path: Path, settings: Any, exists: str) -> None:
    settings.FILE_SHARE = tmp_path / "share"
    share = {"name": "share", "kind": "file_share", "path": "d/{slot:%Y}/{file_name}", "file_name": "x"}
    schedule = schedule_with(share | {"exists": exists})
    first = run(schedule).deliveries.get()
    assert send_next().state == "sent"
    # As if the deliverer had died before it recorded the outcome.
    Delivery.objects.update(state="pending", available_at=first.created_at - timedelta(days=1), ended_at=None)
    assert send_next().state == "sent"
    files = [path.relative_to(settings.FILE_SHARE / "acme") for path in settings.FILE_SHARE.rglob("*.csv")]
    folder = Path(f"d/{first.job.queued_at:%Y}")
    assert files == [folder / (f"x-{first.pk}.csv" if exists == "new" else "x.csv")]
    (settings.FILE_SHARE / "acme" / files[0]).write_text("other")
    run(schedule)
    again = send_next()
    assert again.state == ("failed" if exists == "fail" else "sent")
    assert len([*settings.FILE_SHARE.rglob("*.csv")]) == (2 if exists == "new" else 1)
