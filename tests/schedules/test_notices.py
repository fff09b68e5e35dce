"""Whom a schedule tells of trouble: once when it starts, once when it is over, and only who may be mailed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import Tenant, User
from audit.models import AuditLog
from jobs import actions as jobs
from jobs import failures
from jobs.delivery.outgoing import MAX_ATTEMPTS
from jobs.execution import transitions
from jobs.models import Delivery, JobExecutionLog, Notice, Streak, Unsubscription
from jobs.notices import texts
from reports.actions import delete_report
from reports.models import ReportConfiguration, UserGrant
from schedules import actions
from schedules.models import Schedule, ScheduleVersion
from tests.jobs.delivery.helpers import send_next
from tests.jobs.helpers import reload
from tests.jobs.notices.sending import send_all, text
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions, sample
from tests.schedules.conftest import ENTRY, MakeSchedule, record, rewind
from tests.schedules.sending import MAIL, URL, alice, end, errors, run, save, schedule_with
from tests.sinks import Mails

# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]
OPS: dict[str, Any] = {"to": ["ops@example.com"], "on": ["failure", "delivery", "missed", "recovery"]}
HOUR = timedelta(hours=1)


def scheduled(*deliveries: dict[str, Any], **notify: Any) -> Schedule:
    answer = save("alice", *deliveries, run_as="user:bob", notify=OPS | notify)
    assert answer.status_code == 201, answer.content
    return Schedule.objects.get(pk=answer.json()["id"])


def fail(schedule: Schedule) -> JobExecutionLog:
    """Run the schedule now, and let its job fail for good."""
    actions.run_now(schedule=schedule, actor="tester")
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job and transitions.fail(job, failures.CANCELLED)
    return reload(job)


def withdraw_rights() -> None:
    UserGrant.objects.all().delete()
    User.objects.get(username="bob").groups.clear()


def subjects(mails: Mails) -> list[str]:
    return [str(message["Subject"]) for _, message in send_all(mails)]


# --- What is told -----------------------------------------------------------------------------------------------------


def test_a_streak_of_failures_is_told_once_and_so_is_its_end(mails: Mails) -> None:
    schedule = scheduled()
    job = fail(schedule)
    ((address, message),) = send_all(mails)
    assert (address, message["Subject"]) == ("ops@example.com", "hourly failed")
    assert failures.CANCELLED.message in text(message) and f"/jobs/{job.pk}" in text(message)
    fail(schedule)
    assert subjects(mails) == []
    run(schedule)
    assert subjects(mails) == ["hourly works again"]
    run(schedule)
    assert subjects(mails) == []
    fail(schedule)
    assert subjects(mails) == ["hourly failed"], "another streak"


def test_only_what_was_chosen_is_told(mails: Mails) -> None:
    schedule = scheduled(on=["recovery"])
    fail(schedule)
    assert subjects(mails) == []
    run(schedule)
    assert subjects(mails) == ["hourly works again"]


def test_a_retry_that_succeeds_ends_the_streak(mails: Mails) -> None:
    job = fail(scheduled())
    subjects(mails)
    jobs.retry(job=job, actor=alice())
    end()
    assert subjects(mails) == ["hourly works again"]


def test_a_delivery_that_was_given_up_is_told_once(mails: Mails) -> None:
    schedule = scheduled(MAIL)
    mails.reply = "550 never"
    for _ in range(2):
        run(schedule)
        assert send_next().state == "failed"
    mails.reply = "250 OK"
    ((_, message),) = send_all(mails)
    assert message["Subject"] == "hourly was not delivered" and "refused" in text(message)
    assert "bob@example.com" not in text(message)
    run(schedule)
    assert send_next().state == "sent" and subjects(mails) == ["hourly works again"]


def test_a_delivery_is_told_after_its_last_attempt(mails: Mails) -> None:
    run(scheduled(MAIL))
    mails.reply = "450 later"
    for attempt in range(MAX_ATTEMPTS):
        assert Notice.objects.count() == 0, attempt
        Delivery.objects.update(available_at="2020-01-01T00:00Z")
        send_next()
    assert Notice.objects.get().kind == "delivery"


def test_times_that_were_missed_are_told_in_one_message(mails: Mails) -> None:
    schedule = scheduled()
    actions.patch_schedule(schedule=schedule, patch={"cron": "30 * * * *", "missed": "none"}, actor=alice())
    rewind(schedule, 5 * HOUR)
    record(schedule)
    ((_, message),) = send_all(mails)
    assert message["Subject"] == "hourly was not run" and "runs, the last at" in text(message)
    rewind(schedule, 2 * HOUR)
    record(schedule)
    assert subjects(mails) == []


# --- Schedules that can't run any more --------------------------------------------------------------------------------


def test_a_schedule_that_cannot_be_run_pauses_after_some_times_and_resuming_starts_again(
    mails: Mails, settings: Settings
) -> None:
    settings.SCHEDULE_FAILURES = 3
    schedule = scheduled()
    actions.patch_schedule(schedule=schedule, patch={"missed": "all"}, actor=alice())
    withdraw_rights()
    rewind(schedule, HOUR * 2)
    record(schedule)
    schedule.refresh_from_db()
    assert (schedule.failed_slots, schedule.paused) == (2, False)
    ((_, message),) = send_all(mails)
    assert message["Subject"] == "hourly could not be run" and "bob has no right to run the report." in text(message)
    Schedule.objects.filter(pk=schedule.pk).update(next_at=schedule.slots.latest("time").time + timedelta(seconds=1))
    record(schedule)
    schedule.refresh_from_db()
    assert schedule.paused and "3 times in a row" in schedule.paused_reason
    ((_, message),) = send_all(mails)
    assert message["Subject"] == "hourly was paused" and "bob has no right" in text(message)
    entry = AuditLog.objects.filter(action="Schedule Pause").latest("sequence")
    assert entry.actor == "system" and entry.details["reason"] == schedule.paused_reason
    resumed = actions.resume(schedule=schedule, actor=alice())
    assert (resumed.paused, resumed.paused_reason, resumed.failed_slots) == (False, "", 0)


@pytest.mark.parametrize("limit", [0, 2])
def test_a_success_in_between_and_no_limit_keep_it_running(
    make_schedule: MakeSchedule, settings: Settings, limit: int
) -> None:
    settings.SCHEDULE_FAILURES = limit
    schedule = make_schedule(missed="all", due=HOUR)
    Schedule.objects.filter(pk=schedule.pk).update(failed_slots=1)
    if limit:
        record(schedule)
        assert Schedule.objects.get(pk=schedule.pk).failed_slots == 0
        return
    withdraw_rights()
    rewind(schedule, HOUR * 6)
    record(schedule)
    assert not Schedule.objects.get(pk=schedule.pk).paused


@pytest.mark.parametrize("limit", [0, 2])
def test_the_count_of_failures_has_an_end_and_a_limit_that_was_lowered_pauses(
    make_schedule: MakeSchedule, settings: Settings, limit: int
) -> None:
    settings.SCHEDULE_FAILURES = limit
    schedule = make_schedule(missed="all", due=HOUR)
    Schedule.objects.filter(pk=schedule.pk).update(failed_slots=32_767)
    withdraw_rights()
    record(schedule)
    schedule.refresh_from_db()
    assert (schedule.failed_slots, schedule.paused) == (32_767, limit > 0)


def test_a_deleted_report_is_told(mails: Mails, sales: ReportConfiguration) -> None:
    scheduled()
    delete_report(report=sales, actor=alice())
    ((_, message),) = send_all(mails)
    assert message["Subject"] == "hourly was paused" and "The report was deleted." in text(message)
    assert "until somebody corrects this" in text(message)


def test_who_is_told_of_a_pause_learns_who_can_end_it(mails: Mails) -> None:
    schedule = scheduled()
    User.objects.filter(username="bob").update(is_active=False)
    rewind(schedule, HOUR)
    record(schedule)
    notice = Notice.objects.get(kind=Notice.Kind.PAUSED)
    assert texts.of(notice)[1][-1] == "An Administrator can take it over."


# --- Who may be told --------------------------------------------------------------------------------------------------


def test_users_tell_themselves_and_allowed_domains(sales: ReportConfiguration) -> None:
    to = ["BOB@example.com", "eve@evil.example"]
    assert list(errors(save("bob", notify={"to": to}))) == ["notify.to[1]"]
    Tenant.objects.update(recipient_domains="evil.example")
    answer = save("bob", notify={"to": to})
    assert answer.status_code == 201 and answer.json()["definition"]["notify"]["on"] == OPS["on"]


def test_what_an_administrator_saved_stays_until_it_is_changed() -> None:
    assert save("alice", run_as="user:bob", notify=OPS).status_code == 201
    api = client("bob")
    assert api.patch(f"{URL}/hourly", {"cron": "5 * * * *"}, format="json").status_code == 200
    assert ScheduleVersion.objects.latest("number").notify_approved
    refused = api.patch(f"{URL}/hourly", {"notify": {"on": ["failure"]}}, format="json")
    assert list(errors(refused)) == ["notify.to[0]"]
    removed = api.patch(f"{URL}/hourly", {"notify": None}, format="json")
    assert removed.status_code == 200 and removed.json()["definition"]["notify"] is None


@pytest.mark.parametrize(
    ("notify", "path", "words"),
    [
        ({"to": []}, "notify.to", "at least"),
        ({"to": ["nobody"]}, "notify.to[0]", "Must be an e-mail address."),
        ({"to": ["a@b.example"], "on": []}, "notify.on", "at least"),
        ({"to": ["a@b.example"], "on": ["doom"]}, "notify.on[0]", "Must be one of"),
        ({"to": ["a@b.example"], "on": ["missed", "missed"]}, "notify.on[1]", "Is already named."),
        ({"on": ["failure"]}, "notify.to", "required"),
        ({"to": ["a@b.example"], "cc": []}, "notify.cc", "Unknown field."),
    ],
)
def test_what_is_wrong_is_a_sentence_on_its_field(notify: Any, path: str, words: str) -> None:
    assert words in errors(save("alice", notify=notify))[path][0]


def test_the_domain_is_checked_when_it_is_sent(mails: Mails) -> None:
    Tenant.objects.update(recipient_domains="partner.example")
    answer = save("bob", notify={"to": ["ann@partner.example", "bob@example.com"]})
    fail(Schedule.objects.get(pk=answer.json()["id"]))
    Tenant.objects.update(recipient_domains="")
    assert [address for address, _ in send_all(mails)] == ["bob@example.com"]
    skipped = Notice.objects.get(state="skipped")
    assert skipped.address == "ann@partner.example" and "no longer allows" in skipped.error


def test_who_has_unsubscribed_is_told_nothing(mails: Mails) -> None:
    schedule = scheduled()
    fail(schedule)
    ((_, message),) = send_all(mails)
    link = message["List-Unsubscribe"].strip("<> \r\n")
    assert link in text(message)
    client("alice").post(link.removeprefix("http://testserver"))
    assert Unsubscription.objects.count() == 1
    run(schedule)
    assert subjects(mails) == []


def test_another_recipient_is_told_of_trouble_that_goes_on(mails: Mails) -> None:
    schedule = scheduled()
    fail(schedule)
    actions.patch_schedule(schedule=schedule, patch={"notify": {"to": ["new@example.com"]}}, actor=alice())
    assert not Streak.objects.exists()
    fail(schedule)
    assert [address for address, _ in send_all(mails)] == ["ops@example.com", "new@example.com"]


def test_a_deleted_schedule_tells_nothing(mails: Mails) -> None:
    schedule = scheduled()
    fail(schedule)
    actions.delete_schedule(schedule=schedule, actor=alice())
    assert subjects(mails) == [] and Notice.objects.get().state == "skipped" and not Streak.objects.exists()


def test_a_definitions_file_says_who_is_told(tmp_path: Path) -> None:
    data = sample()
    data["schedules"] = [ENTRY | {"run_as": "user:bob", "notify": {"to": ["x@elsewhere.example"]}}]
    apply_definitions(tmp_path, data)
    assert apply_definitions(tmp_path, data) == [] and ScheduleVersion.objects.get().notify_approved
    data["schedules"][0]["notify"]["on"] = ["missed"]
    assert any("notify" in line for line in apply_definitions(tmp_path, data))


def test_without_notify_nothing_is_written(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(formats=["csv"])
    fail(schedule)
    withdraw_rights()
    rewind(schedule, HOUR)
    record(schedule)
    assert not Notice.objects.exists() and not Streak.objects.exists()


def test_a_version_from_before_tells_nobody(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(formats=["csv"])
    version = schedule.version
    stored = {name: value for name, value in version.definition.items() if name != "notify"}
    ScheduleVersion.objects.filter(pk=version.pk).update(definition=stored)
    again = Schedule.objects.complete().get(pk=schedule.pk)
    assert again.definition.notify is None and again.told.to == []
    fail(again)


def test_both_ways_of_telling_are_independent(mails: Mails) -> None:
    schedule = schedule_with(MAIL)
    run(schedule)
    assert send_next().state == "sent" and subjects(mails) == []
