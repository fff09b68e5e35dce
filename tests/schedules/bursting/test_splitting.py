"""Bursts with `split_by`: the source is read once, and each recipient gets the rows of their key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from jobs import actions as jobs
from jobs.execution import transitions
from jobs.models import Artifact, Delivery, DeliveryPlan, JobExecutionLog, JobSplit, Piece
from jobs.results import retention, storage
from reports.models import ReportConfiguration
from schedules import slots
from schedules.bursting import splitting
from schedules.models import Slot, SlotRecipient
from tests.jobs.execution.conftest import as_worker  # noqa: F401 - a fixture that the next one needs
from tests.jobs.helpers import reload
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions
from tests.schedules.bursting.conftest import (
    ANN,
    BEN,
    RECIPIENTS,
    People,
    burst_with,
    bursting,
    child,
    outcomes,
    run_burst,
    with_people,
)
from tests.schedules.bursting.splits import (  # noqa: F401 - a fixture
    MAIL,
    SPLIT,
    dry_runs,
    rows_for,
    rows_of,
    run_all,
    run_next,
    run_whole,
    waiting,
    worker_here,
)
from tests.schedules.conftest import rewind
from tests.schedules.sending import URL, errors

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("worker_here")]
SHARE: dict[str, Any] = {"name": "share", "kind": "file_share", "path": "daily/{recipient.key}"}
#: By carrier.
FLIGHTS = {"UA": 30, "AA": 12, "B6": 5, None: 3}


@pytest.fixture
def flights(people: People, tmp_path: Path) -> Iterator[Path]:
    """A report with the flights of all carriers. The recipients are those of UA and AA."""
    with_report(tmp_path)
    path = tmp_path / "data/flights.db"
    rows = [(carrier, number) for carrier, count in FLIGHTS.items() for number in range(count)]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("drop table if exists flights")
        database.execute("create table flights (carrier, number)")
        database.executemany("insert into flights values (?, ?)", rows)
    yield path


def with_report(folder: Path, **fields: Any) -> None:
    """Define the report of all carriers' flights, with other fields."""
    data = with_people()
    query = "select carrier, number from flights"
    data["reports"][0] |= {"query": query, "parameters": [], "formats": ["csv", "xlsx"]} | fields
    apply_definitions(folder, data)


def splitting_by(*deliveries: dict[str, Any], **recipients: Any) -> Any:
    return bursting(*(deliveries or [MAIL]), recipients=SPLIT | recipients)


def test_the_source_is_read_once_and_pieces_and_rest_add_up_to_the_whole(flights: Path) -> None:
    slot = run_burst(splitting_by(MAIL))
    assert waiting(slot) == ["AA", "UA"] and JobExecutionLog.objects.count() == 1
    whole = run_whole(slot)
    assert whole.status == "Succeeded", whole.error_trace
    # From here on, nobody can read the source.
    flights.unlink()
    while job := run_next():
        assert job.status == "Succeeded", job.error_trace
    for key in ("UA", "AA"):
        assert [row["carrier"] for row in rows_for(slot, key)] == [key] * FLIGHTS[key]
        job = child(slot, key).job
        assert job and job.split_from == whole.pk and job.parameters == {} and job.requested_by_name == "bob"
        assert job.artifact.rows == FLIGHTS[key] and job.artifact.kept
        assert job.artifact.expires_at == whole.artifact.expires_at
    everything = rows_of(whole)
    rest = [row for row in everything if row["carrier"] not in ("UA", "AA")]
    assert len(everything) == 50 == len(rows_for(slot, "UA")) + len(rows_for(slot, "AA")) + len(rest)
    slot.refresh_from_db()
    assert slot.reason == "Rows without a recipient: 8. Their carrier is “B6”, NULL."
    assert Delivery.objects.filter(job=whole).count() == 0
    sent = Delivery.objects.order_by("recipient_key").values_list("recipient_key", "target", "options__subject")
    assert list(sent) == [("AA", "ben@example.com", "Ben: 12"), ("UA", "ann@example.com", "Ann: 30")]
    assert not Slot.objects.with_unfinished_jobs().exists()


def test_a_recipient_without_rows_has_an_empty_file_and_rules_apply(people: People, flights: Path) -> None:
    people([ANN, ("d4", "DL", 1, "dee@example.com", "Dee")])
    slot = run_burst(splitting_by(MAIL | {"when": "rows"}))
    run_all(slot)
    assert rows_for(slot, "DL") == [] and len(rows_for(slot, "UA")) == 30
    assert dict(Delivery.objects.values_list("recipient_key", "state")) == {"UA": "pending", "DL": "skipped"}


def test_several_formats_conversion_rows_and_the_api(flights: Path) -> None:
    schedule = splitting_by(SHARE)
    assert client("alice").patch(f"{URL}/hourly", {"formats": ["xlsx", "csv"]}, format="json").status_code == 200
    api = client("bob")
    answer = api.post(f"{URL}/hourly/run")
    assert answer.status_code == 202 and answer.json()["childrenTotal"] == 2, answer.content
    assert {each["outcome"] for each in answer.json()["children"]} == {"unfinished"}
    slot = schedule.slots.get()
    whole = run_all(slot)
    job = child(slot, "AA").job
    assert job and job.formats == ["xlsx", "csv"] and whole.formats == ["xlsx"]
    [listed] = api.get(f"{URL}/hourly/slots").json()["results"]
    assert listed["jobId"] == str(whole.pk) and [each["key"] for each in listed["children"]] == ["AA", "UA"]
    body = api.get(f"/api/v1/jobs/{job.pk}").json()
    assert (body["splitFrom"], body["convertedFrom"]) == (str(whole.pk), None) and body["result"]["rows"] == 12
    page = api.get(f"/api/v1/jobs/{job.pk}/rows?limit=100").json()
    assert page["total"] == 12 and {row[0] for row in page["rows"]} == {"AA"}
    converted = api.post(f"/api/v1/jobs/{job.pk}/convert", {"format": "csv"}, format="json").json()["jobId"]
    done = run_next()
    assert done and str(done.pk) == converted and [row["carrier"] for row in rows_of(done)] == ["AA"] * 12
    assert {delivery.recipient_key for delivery in Delivery.objects.all()} == {"AA", "UA"}


def test_an_unknown_column_is_found_when_the_schedule_is_saved_or_run(flights: Path, tmp_path: Path) -> None:
    for column in ("region", "Carrier"):
        found = errors(burst_with(MAIL, recipients=SPLIT | {"split_by": column}))
        words = f"The query returns no column {column} to split the result by. Its columns are carrier, number."
        assert found == {"recipients.split_by": [words]}
    schedule = splitting_by()
    with_report(tmp_path, query="select carrier as airline from flights")
    slot = run_burst(schedule)
    job = run_next()
    assert job and (job.status, job.error_code) == ("Failed", "design_mismatch")
    assert splitting.split_ended() == 1 and waiting(slot) == []
    [ann] = Slot.objects.get(pk=slot.pk).recipients.filter(key="UA")
    assert ann.outcome == "failed" and ann.why == job.error_message and "no column carrier" in ann.why


def test_a_source_that_does_not_answer_keeps_nobody_from_saving(flights: Path) -> None:
    flights.unlink()
    assert burst_with(MAIL, recipients=SPLIT | {"split_by": "region"}).status_code == 201


def test_a_retry_runs_again_what_failed_and_nothing_else(people: People, flights: Path) -> None:
    people([ANN, BEN, ("c3", "B6", 1, "nobody", "Cem")])
    slot = run_burst(splitting_by())
    whole = slot.job
    assert whole
    jobs.cancel(job=whole, actor="tester")
    assert splitting.split_ended() == 1 and outcomes(slot)["UA"] == ""
    api = client("bob")
    first = api.post(f"{URL}/hourly/slots/{slot.pk}/retry").json()
    assert (first["retried"], first["left"]) == (2, 1), first
    assert waiting(slot) == ["AA", "UA"] and splitting.split_ended() == 0
    again = run_whole(slot)
    assert again.retry_of_id == whole.pk
    ann = child(slot, "UA").job
    assert ann
    jobs.cancel(job=ann, actor="tester")
    people([ANN, BEN, ("c3", "B6", 1, "cem@example.com", "Cem")])
    second = api.post(f"{URL}/hourly/slots/{slot.pk}/retry").json()
    assert (second["retried"], second["left"]) == (2, 0), second
    assert waiting(slot) == ["B6"] and splitting.split_ended() == 1
    while run_next():
        pass
    assert {key: len(rows_for(slot, key)) for key in ("UA", "AA", "B6")} == {"UA": 30, "AA": 12, "B6": 5}
    assert JobExecutionLog.objects.filter(split_from=None).count() == 2, "the source was read by one job only"
    assert api.post(f"{URL}/hourly/slots/{slot.pk}/retry").json()["code"] == "nothing_to_retry"


def test_recipients_that_were_all_refused_get_their_job_by_a_retry(people: People, flights: Path) -> None:
    people([(*ANN[:3], "nobody", "Ann")])
    slot = run_burst(splitting_by())
    assert slot.job is None and not JobExecutionLog.objects.exists()
    people([ANN])
    assert client("bob").post(f"{URL}/hourly/slots/{slot.pk}/retry").json()["retried"] == 1
    slot.refresh_from_db()
    run_all(slot)
    assert len(rows_for(slot, "UA")) == 30


def test_the_slot_is_unfinished_until_the_last_recipient_is_done(flights: Path) -> None:
    schedule = bursting(MAIL, cron="* * * * *", recipients=SPLIT)
    rewind(schedule, timedelta(minutes=1))
    slots.record_due(schedule.pk)
    slot = schedule.slots.earliest("time")
    unfinished = Slot.objects.with_unfinished_jobs()
    assert slot.unfinished and unfinished.get(pk=slot.pk)
    assert run_next() and unfinished.get(pk=slot.pk), "its recipients wait"
    splitting.split_ended()
    while run_next():
        assert slot.recipients.filter(waits=True).count() == 0
    assert not unfinished.filter(pk=slot.pk).exists()


def test_a_schedule_that_was_changed_or_deleted_meanwhile(flights: Path) -> None:
    schedule = splitting_by()
    slot, other = run_burst(schedule), run_burst(schedule)
    whole = run_next()
    assert whole and whole.pk == slot.job_id
    client("alice").patch(f"{URL}/hourly", {"recipients": None, "deliveries": []}, format="json")
    assert splitting.split_ended() == 1
    assert DeliveryPlan.objects.filter(job__split_from=whole.pk).count() == 2, "as the slot's version says"
    assert run_next()
    Slot.objects.filter(pk=other.pk).get().schedule.delete()
    assert splitting.split_ended() == 0 and JobExecutionLog.objects.filter(split_from=other.job_id).count() == 0


def test_a_truncated_result_and_one_whose_report_was_deleted(flights: Path, tmp_path: Path) -> None:
    with_report(tmp_path, max_rows=10)
    schedule = splitting_by()
    slot = run_burst(schedule)
    run_all(slot)
    ann = child(slot, "UA").job
    assert ann and ann.artifact.truncated.startswith("Only the first 10 rows") and len(rows_for(slot, "UA")) == 10
    assert set(Delivery.objects.values_list("state", flat=True)) == {"skipped"}
    slot = run_burst(schedule)
    run_next()
    ReportConfiguration.objects.all().delete()
    assert splitting.split_ended() == 1
    assert set(outcomes(slot).values()) == {"The report was deleted."}


def test_pieces_that_are_gone_are_not_read_from_the_source(flights: Path) -> None:
    slot = run_burst(splitting_by())
    whole = run_whole(slot)
    retention.purge(Artifact.objects.get(job=whole), actor="tester")
    job = run_next()
    assert job and (job.status, job.error_code) == ("Failed", "rows_gone")
    JobSplit.objects.all().delete()
    assert not Piece.objects.exists()
    job = run_next()
    assert job and (job.status, job.error_code) == ("Failed", "rows_gone")


def test_a_damaged_piece_is_not_sent(flights: Path, settings: Any) -> None:
    slot = run_burst(splitting_by())
    whole = run_whole(slot)
    Piece.objects.update(sha256="0" * 64)
    job = run_next()
    assert job and job.error_code == "rows_gone"
    name = storage.result_name(whole.pk, whole.file_stem, "pieces")
    assert (Path(settings.ARTIFACTS_DIR) / name).exists()


def test_a_host_of_the_version_before_reads_nothing_for_a_piece(flights: Path) -> None:
    """It takes `converted_from` for a job, and knows no `split_from`."""
    slot = run_burst(splitting_by())
    run_whole(slot)
    JobExecutionLog.objects.filter(split_from__isnull=False).update(split_from=None)
    job = run_next()
    assert job and (job.status, job.error_code) == ("Failed", "rows_gone")


def test_pieces_of_a_caller_bound_report_are_its_owners(people: People, flights: Path, tmp_path: Path) -> None:
    with_report(tmp_path, query="select carrier, number from flights where :caller_username = 'bob'")
    slot = run_burst(splitting_by())
    run_all(slot)
    job = child(slot, "UA").job
    assert job and job.ran_as == User.objects.get(username="bob") and len(rows_for(slot, "UA")) == 30


def test_a_failed_write_of_the_pieces_leaves_no_job_without_them(
    flights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = run_burst(splitting_by())

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError

    monkeypatch.setattr(Piece.objects, "bulk_create", fail)
    job = run_next()
    assert job and job.status == "Failed"
    splitting.split_ended()
    assert SlotRecipient.objects.filter(slot=slot, job=None, waits=False).count() == 2


def test_a_scheduler_that_dies_while_it_makes_the_jobs_makes_them_once(
    flights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = run_burst(splitting_by())
    whole = run_next()
    assert whole
    real = splitting.left_out

    def die(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(splitting, "left_out", die)
    with pytest.raises(KeyboardInterrupt):
        splitting.split_ended()
    assert waiting(slot) == ["AA", "UA"] and JobExecutionLog.objects.count() == 1
    monkeypatch.setattr(splitting, "left_out", real)
    assert (splitting.split_ended(), splitting.split_ended()) == (1, 0)
    assert JobExecutionLog.objects.filter(split_from=whole.pk).count() == 2
    assert reload(whole).status == "Succeeded" and transitions.claim(owner="w", host="h", pid=1)


def test_preview_lists_the_recipients(flights: Path) -> None:
    splitting_by()
    found = client("bob").post(f"{URL}/hourly/recipients").json()
    assert [(each["key"], each["to"], each["runs"]) for each in found["recipients"]] == [
        ("UA", ["ann@example.com"], True),
        ("AA", ["ben@example.com"], True),
    ]
    assert RECIPIENTS["key"] == "id"
