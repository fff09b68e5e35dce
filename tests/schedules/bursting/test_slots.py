"""Slots of schedules that burst: one job for each key, or none at all."""

from __future__ import annotations

import itertools
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import User
from audit.models import AuditLog
from jobs import actions as jobs
from jobs.execution import transitions
from jobs.models import DeliveryPlan, JobExecutionLog
from reports.dry_run import query_rows
from reports.exceptions import InvalidParameters
from schedules import actions, slots
from schedules.bursting import backfilling
from schedules.models import Schedule, Slot, SlotRecipient
from schedules.scheduler import Scheduler
from schedules.trouble.pausing import OWNER_GONE
from tests.jobs.helpers import succeed_with
from tests.reports.definitions.sample_file import apply_definitions
from tests.schedules.bursting.conftest import (
    ANN,
    BEN,
    RECIPIENTS,
    People,
    bursting,
    child,
    outcomes,
    run_burst,
    with_people,
)
from tests.schedules.conftest import ENTRY, rewind, states

pytestmark = pytest.mark.django_db(databases="__all__")


def due(**fields: Any) -> Schedule:
    schedule = bursting(**{"cron": "* * * * *"} | fields)
    rewind(schedule, timedelta(minutes=1))
    return schedule


def first_slot(schedule: Schedule) -> Slot:
    slots.record_due(schedule.pk)
    return schedule.slots.earliest("time")


def test_each_key_gets_a_job_with_its_own_values_as_the_owner(people: People) -> None:
    slot = first_slot(due())
    assert (slot.state, slot.job, slot.unfinished) == ("Created", None, True)
    ann, ben = child(slot, "a1").job, child(slot, "b2").job
    assert ann and ben and slot.recipients.count() == JobExecutionLog.objects.count() == 2
    assert (ann.parameters, ben.parameters) == ({"carrier": "UA", "seats": 10}, {"carrier": "AA", "seats": 20})
    assert {ann.requested_by_name, ben.requested_by_name} == {"bob"} and ann.is_scheduled
    plan = DeliveryPlan.objects.get(job=ben)
    assert plan.deliveries[0]["to"] == ["ben@example.com"] and plan.recipient["row"]["name"] == "Ben"  # type: ignore[index]
    entry = AuditLog.objects.filter(action="Job Generate").latest("sequence")
    assert entry.details["recipient"] == "b2"


def test_equal_rows_are_one_job_with_several_addresses_and_unequal_ones_none(people: People) -> None:
    also_ann = (*ANN[:3], "ANN2@example.com", "Ann's other")
    people([ANN, also_ann, (*ANN[:3], "ann@EXAMPLE.com", ""), BEN, ("b2", "UA", 20, "x@example.com", "Ben")])
    slot = run_burst(bursting())
    assert child(slot, "a1").addresses == ["ann@example.com", "ANN2@example.com"]
    found = outcomes(slot)
    assert found["a1"] == "" and found["b2"].startswith("Its rows have different values of a parameter")
    assert JobExecutionLog.objects.count() == 1


@pytest.mark.parametrize(
    ("row", "key", "words"),
    [
        (("c3", "united", 1, "c@example.com", ""), "c3", "carrier: "),
        (("c3", "UA", 501, "c@example.com", ""), "c3", "seats: Must be"),
        (("c3", "UA", "many", "c@example.com", ""), "c3", "seats: Must be a whole number"),
        (("c3", None, 1, "c@example.com", ""), "c3", "carrier: The column carrier is NULL or empty."),
        (("c3", "UA", 1, "nobody", ""), "c3", "“nobody” is not an e-mail address."),
        (("c3", "UA", 1, None, ""), "c3", "An address is missing."),
        ((None, "UA", 1, "c@example.com", ""), "", "The key is NULL or empty."),
        (("k" * 201, "UA", 1, "c@example.com", ""), None, "A key is a text of at most 200 characters"),
    ],
)
def test_a_bad_row_fails_alone_with_its_sentence(
    people: People, row: tuple[object, ...], key: str | None, words: str
) -> None:
    people([ANN, row, BEN])
    slot = run_burst(bursting())
    [bad] = slot.recipients.filter(job=None)
    assert bad.reason.startswith(words) and (key is None or bad.key == key)
    assert slot.recipients.exclude(job=None).count() == JobExecutionLog.objects.count() == 2


def test_one_bad_address_of_several_is_left_out(people: People) -> None:
    people([ANN, (*ANN[:3], "nobody", "")])
    ann = child(run_burst(bursting()), "a1")
    assert ann.job and ann.addresses == ["ann@example.com"] and "nobody" in ann.reason


@pytest.mark.parametrize(
    ("recipients", "words"),
    [
        ({"at_most": 1}, "The recipients' query returns more than 1 rows, which is what at_most allows."),
        ({"query": "select * from nothing"}, "The recipients' query failed."),
        ({"key": "id2"}, "The recipients' query has no column id2. Its columns are id, carrier,"),
        # Fails with the last row.
        ({"query": "select *, abs(case id when 'b2' then -9223372036854775808 end) from person"}, "The recipients'"),
    ],
)
def test_nothing_is_created_if_the_query_fails_or_returns_too_much(
    people: People, recipients: dict[str, Any], words: str
) -> None:
    slot = first_slot(due(recipients=RECIPIENTS | recipients))
    assert slot.state == "Failed" and slot.reason.startswith(words), slot.reason
    assert not JobExecutionLog.objects.exists() and not SlotRecipient.objects.exists()
    with pytest.raises(InvalidParameters):
        run_burst(slot.schedule)


def test_a_column_that_a_text_uses_has_to_be_there(people: People) -> None:
    slot = first_slot(due(deliveries=[{"name": "m", "kind": "email", "subject": "{recipient.nick}"}]))
    assert slot.state == "Failed" and "no column nick" in slot.reason


def test_a_slot_without_recipients_is_skipped(people: People) -> None:
    people([])
    slot = first_slot(due())
    assert (slot.state, slot.reason) == ("Skipped", "The recipients' query returned no rows.")
    assert not slot.unfinished and not slot.waits


def test_a_slot_is_unfinished_while_one_of_its_jobs_is(people: People) -> None:
    schedule = due(overlap="queue")
    rewind(schedule, timedelta(minutes=4))
    while slots.record_due(schedule.pk):
        pass
    assert [state for _, state in states(schedule)][:3] == ["Created", "Created", "Skipped"]
    waiting = schedule.slots.get(waits=True)
    assert slots.release_waiting() == 0
    for _ in range(2):
        job = transitions.claim(owner="w", host="h", pid=1)
        assert job and job.slot_recipient.slot_id != waiting.pk
        assert slots.release_waiting() == 0
        succeed_with(job, b"x")
    assert transitions.claim(owner="w", host="h", pid=1) is None
    assert slots.release_waiting() == 1
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job and job.slot_recipient.slot_id == waiting.pk


def test_each_transaction_makes_the_jobs_of_one_slot_and_all_times_keep_their_rule(people: People) -> None:
    schedule = due(missed="all", cron="30 * * * *")
    rewind(schedule, timedelta(hours=5))
    created = []
    while slots.record_due(schedule.pk):
        created.append(schedule.slots.filter(state="Created").count())
    assert created[0] == 1 and all(later - earlier <= 1 for earlier, later in itertools.pairwise(created))
    # One that is on time may find another waiting.
    assert created[-1] >= 4 and not schedule.slots.exclude(state__in=("Created", "Skipped")).exists()


def test_a_backfill_is_queued_and_bursts_for_each_of_its_times_with_one_read(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    run = query_rows.run_in_child
    monkeypatch.setattr(query_rows, "run_in_child", lambda *given, **named: reads.append(1) or run(*given, **named))
    schedule = due(missed="none", cron="30 * * * *")
    now = Schedule.objects.clock(schedule.pk)
    record_times_due(schedule)
    reads.clear()
    made = actions.backfill(schedule=schedule, first=now - timedelta(hours=3), last=now, actor="tester")
    assert {slot.state for slot in made} == {"Queued"} and not reads and backfilling.waiting() == [schedule.pk]
    again = actions.backfill(schedule=schedule, first=now - timedelta(hours=3), last=now, actor="tester")
    assert again == [], "they are on their way"
    assert backfilling.burst_queued(schedule.pk) == len(made) >= 2 and len(reads) == 1
    slots_made = Slot.objects.filter(pk__in=[slot.pk for slot in made])
    assert {(slot.state, slot.kind, slot.recipients.count()) for slot in slots_made} == {("Created", "backfill", 2)}
    assert backfilling.burst_queued(schedule.pk) == 0 and backfilling.waiting() == []


def record_times_due(schedule: Schedule) -> None:
    while slots.record_due(schedule.pk):
        pass


def test_the_scheduler_makes_the_jobs_of_a_backfill(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = due(missed="none", cron="30 * * * *")
    record_times_due(schedule)
    now = Schedule.objects.clock(schedule.pk)
    made = actions.backfill(schedule=schedule, first=now - timedelta(hours=3), last=now, actor="tester")
    working = Scheduler()
    begun: list[Any] = []
    monkeypatch.setattr(working._background, "submit", lambda *call: begun.append(call) or Future())
    assert working.work() <= 0.5 and working.work() <= 0.5 and len(begun) == 1
    make, *given = begun[0]
    monkeypatch.setattr(connections, "close_all", lambda: None)
    assert make(*given) == len(made)
    assert {slot.state for slot in schedule.slots.filter(kind="backfill")} == {"Created"}


def test_a_queued_slot_that_can_not_be_made_says_why(people: People) -> None:
    schedule = due(missed="none", cron="30 * * * *")
    record_times_due(schedule)
    now = Schedule.objects.clock(schedule.pk)
    made = actions.backfill(schedule=schedule, first=now - timedelta(hours=3), last=now, actor="tester")
    User.objects.filter(username="bob").update(is_active=False)
    assert backfilling.burst_queued(schedule.pk) == len(made)
    assert {(slot.state, slot.reason) for slot in schedule.slots.filter(kind="backfill")} == {("Failed", OWNER_GONE)}


def test_one_host_reads_recipients_and_another_one_if_it_dies(people: People) -> None:
    schedule = due()
    until = Schedule.objects.begin_reading(schedule.pk)
    assert until and Schedule.objects.begin_reading(schedule.pk) is None and not Schedule.objects.due().exists()
    Schedule.objects.end_reading(schedule.pk, until - timedelta(seconds=1))
    assert not Schedule.objects.due().exists(), "that was another host's claim"
    Schedule.objects.end_reading(schedule.pk, until)
    assert Schedule.objects.due().exists()
    Schedule.objects.begin_reading(schedule.pk)
    Schedule.objects.update(reading_until=timezone.now() - timedelta(seconds=1))
    assert Schedule.objects.due().exists() and Schedule.objects.begin_reading(schedule.pk)
    assert slots.record_due(schedule.pk), "somebody who changes the schedule doesn't wait"


def dying_before(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the host die before it makes the jobs of this slot."""
    made, create = itertools.count(1), slots.create_children

    def dies(*given: Any, **named: Any) -> list[SlotRecipient]:
        if next(made) == number:
            raise KeyboardInterrupt
        return create(*given, **named)

    monkeypatch.setattr(slots, "create_children", dies)


def test_each_slot_of_a_backfill_is_a_transaction(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = due(missed="none", cron="30 * * * *")
    record_times_due(schedule)
    now = Schedule.objects.clock(schedule.pk)
    queued = len(actions.backfill(schedule=schedule, first=now - timedelta(hours=4), last=now, actor="tester"))
    assert queued >= 3 and AuditLog.objects.get(action="Schedule Backfill").details["slots"] == queued
    dying_before(monkeypatch, 3)
    before = SlotRecipient.objects.exclude(job=None).count()
    with pytest.raises(KeyboardInterrupt):
        backfilling.burst_queued(schedule.pk)
    assert SlotRecipient.objects.exclude(job=None).count() == before + 4
    assert schedule.slots.filter(state="Queued").count() == queued - 2
    assert backfilling.burst_queued(schedule.pk) == queued - 2
    assert SlotRecipient.objects.exclude(job=None).count() == before + 2 * queued


@pytest.mark.parametrize("change", ["pause", "edit"])
def test_each_slot_that_is_due_before_a_change_is_a_transaction(
    people: People, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    schedule = due(missed="all", cron="30 * * * *", overlap="queue")
    rewind(schedule, timedelta(hours=4))
    dying_before(monkeypatch, 3)

    def act() -> None:
        if change == "pause":
            actions.pause(schedule=schedule, actor="tester")
        else:
            actions.patch_schedule(
                schedule=schedule, patch={"cron": "5 0 1 1 *"}, actor=User.objects.get(username="alice")
            )

    with pytest.raises(KeyboardInterrupt):
        act()
    assert schedule.slots.count() == 2 and not Schedule.objects.get(pk=schedule.pk).paused
    act()
    schedule = Schedule.objects.complete().get(pk=schedule.pk)
    # One that is on time may find another waiting.
    assert schedule.slots.count() == 4 and not schedule.slots.exclude(state__in=("Created", "Skipped")).exists()
    assert schedule.paused if change == "pause" else schedule.version.number == 2


def test_a_dry_run_of_a_file_gives_no_time_a_slot(people: People, tmp_path: Path) -> None:
    schedule = due()
    data = with_people()
    mail = {"name": "mail", "kind": "email", "subject": "x"}
    data["schedules"] = [
        ENTRY | {"run_as": "user:bob", "parameters": {}, "recipients": RECIPIENTS, "deliveries": [mail]}
    ]
    assert apply_definitions(tmp_path, data, dry_run=True) and not schedule.slots.exists()
    assert apply_definitions(tmp_path, data) and schedule.slots.count() in (1, 2)


def test_a_slow_query_makes_no_slot_late(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = due(missed="none", cron="30 * * * *")
    now = Schedule.objects.clock(schedule.pk)
    Schedule.objects.filter(pk=schedule.pk).update(next_at=now - slots.ON_TIME - timedelta(seconds=20))
    slots.record_due(schedule.pk, noticed_at=now - timedelta(seconds=30))
    assert [slot.state for slot in schedule.slots.all()] == ["Created"]


def test_a_retry_takes_the_place_of_the_job_that_failed(people: People) -> None:
    slot = run_burst(bursting())
    ann = child(slot, "a1")
    assert ann.job
    jobs.cancel(job=ann.job, actor="tester")
    again = jobs.retry(job=JobExecutionLog.objects.get(pk=ann.job.pk), actor="tester")
    assert child(slot, "a1").job == again
    assert DeliveryPlan.objects.get(job=again).recipient_key == "a1"
