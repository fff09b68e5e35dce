"""Slots show the same once their jobs are archived, and no job is archived for whose result a recipient waits."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from jobs import actions as jobs
from jobs.execution import transitions
from jobs.history import archiving
from jobs.models import Artifact, Delivery, JobExecutionLog, JobSplit, Piece
from jobs.results import store as result_store
from jobs.status import DeliveryState
from schedules import calendar
from schedules.bursting import splitting
from schedules.bursting.progress import failed_recipients, progress_of
from schedules.models import Schedule, Slot, SlotRecipient
from tests.jobs.helpers import succeed_with
from tests.pages.html import Page
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions
from tests.schedules.bursting.conftest import ANN, BEN, MAIL, People, bursting, run_burst, with_people
from tests.schedules.bursting.splits import SPLIT
from tests.schedules.sending import URL, save
from tests.schedules.test_pages import browser

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def store(settings: Settings, tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of results, empty and marked. All that tests write is old."""
    settings.ARTIFACTS_DIR = tmp_path / "artifacts"
    settings.ARTIFACTS_DIR.mkdir()
    cache.clear()
    result_store.mark()
    monkeypatch.setattr(archiving, "limit", lambda: timezone.now() + timedelta(days=1))
    yield settings.ARTIFACTS_DIR
    cache.clear()


def end_deliveries() -> None:
    Delivery.objects.filter(state="pending").update(state="sent", ended_at=timezone.now())
    JobExecutionLog.objects.filter(delivery_state=DeliveryState.PENDING).update(delivery_state=DeliveryState.DELIVERED)


def archive() -> int:
    """Let all results expire and all deliveries end, and archive what may be. Return how many jobs were."""
    Artifact.objects.filter(purged_at=None).update(purged_at=timezone.now())
    end_deliveries()
    before = JobExecutionLog.objects.count()
    list(archiving.archive_history())
    return before - JobExecutionLog.objects.count()


def archived_lines(store: Path) -> dict[str, dict[str, Any]]:
    paths = (store / "history" / "jobs").glob("*.ndjson.gz")
    found = [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]
    return {line["id"]: line for line in found}


def end_next() -> JobExecutionLog:
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    succeed_with(job, b"a,b\r\n1,2\r\n")
    return JobExecutionLog.objects.get(pk=job.pk)


def split_burst() -> tuple[Slot, JobExecutionLog]:
    """A slot whose recipients wait for the result of its job, which has succeeded."""
    slot = run_burst(bursting(MAIL | {"subject": "x"}, recipients=SPLIT))
    whole = end_next()
    split = JobSplit.objects.get(job=whole)
    JobSplit.objects.filter(pk=split.pk).update(file={"format": "pieces", "size": 2, "sha256": "0", "stamp": ""})
    Piece.objects.bulk_create(
        Piece(split=split, key=key, rows=1, offset=0, size=1, sha256="0") for key in sorted(split.keys)
    )
    return slot, whole


def shown(slot: Slot) -> Any:
    """What the API and the pages say of a slot, but for the time that it takes the browser to look again."""
    listed = client("alice").get(f"{URL}/hourly/slots").json()["results"]
    progress = progress_of([slot.pk]).get(slot.pk)
    failed = sorted(failed_recipients(slot).values_list("key", flat=True))
    month = calendar.month_of(slot.schedule, "")
    days = [(day.date, day.counts) for week in month.weeks for day in week if day.counts]
    return listed, progress and dict(progress.counts), failed, days


def without_reasons(listed: Any) -> Any:
    """Errors of jobs are the reasons once the jobs are archived."""
    slots = [slot | {"reason": ""} for slot in listed]
    return [slot | {"children": [child | {"reason": ""} for child in slot["children"]]} for slot in slots]


@pytest.fixture
def split_people(people: People, tmp_path: Path) -> People:
    data = with_people()
    data["reports"][0] |= {"query": "select carrier, number from flights", "parameters": [], "formats": ["csv"]}
    apply_definitions(tmp_path, data)
    return people


def test_a_whole_result_stays_while_recipients_or_their_jobs_wait_for_it(split_people: People, store: Path) -> None:
    slot, whole = split_burst()
    assert archive() == 0, "recipients wait"
    assert splitting.split_ended() == 1
    assert archive() == 0, "their jobs wait"
    end_next()
    assert archive() == 1, "one of them still does"
    assert JobExecutionLog.objects.filter(pk=whole.pk).exists()
    assert Piece.objects.count() == 2
    end_next()
    end_deliveries()
    before = shown(slot)
    assert archive() == 2
    assert not JobExecutionLog.objects.exists() and not JobSplit.objects.exists() and not Piece.objects.exists()
    after = shown(slot)
    assert (without_reasons(after[0]), *after[1:]) == (without_reasons(before[0]), *before[1:])
    line = archived_lines(store)[str(whole.pk)]
    assert line["split"]["column"] == "carrier" and sorted(line["split"]["keys"]) == ["AA", "UA"]
    assert [piece["key"] for piece in line["split"]["pieces"]] == ["AA", "UA"]
    assert client("bob").post(f"{URL}/hourly/slots/{slot.pk}/retry").json()["code"] == "nothing_to_retry"
    assert not JobExecutionLog.objects.exists()


def test_a_failed_whole_result_is_still_the_reason(split_people: People) -> None:
    slot = run_burst(bursting(MAIL | {"subject": "x"}, recipients=SPLIT))
    whole = slot.job
    assert whole
    jobs.cancel(job=whole, actor="tester")
    assert splitting.split_ended() == 1
    before, why = shown(slot), [child.why for child in slot.recipients.select_related("slot__job")]
    assert archive() == 1
    after = shown(slot)
    assert (without_reasons(after[0]), *after[1:]) == (without_reasons(before[0]), *before[1:])
    children = SlotRecipient.objects.filter(slot=slot).select_related("slot__job")
    assert [child.why for child in children] == why and why[0]
    slot.refresh_from_db()
    assert (slot.archived_job, slot.job_status, slot.reason) == (whole.pk, "Failed", why[0])
    assert client("bob").post(f"{URL}/hourly/slots/{slot.pk}/retry").json()["code"] == "nothing_to_retry"
    page = Page(browser("bob").get(f"/schedules/hourly/slots/{slot.pk}")).text
    assert why[0] in page and "in the archive" in page and "Retry failed" not in page


def test_a_retry_of_refused_recipients_runs_no_archived_one_again(people: People) -> None:
    """Ann has got her result, which is long gone. Ben's row was wrong, and is right now."""
    people([ANN, ("b2", "wrong", 20, "ben@example.com", "Ben")])
    slot = run_burst(bursting())
    done = end_next()
    end_deliveries()
    before = shown(slot)
    assert archive() == 1
    after = shown(slot)
    assert (without_reasons(after[0]), *after[1:]) == (without_reasons(before[0]), *before[1:])
    people([ANN, BEN])
    answer = client("bob").post(f"{URL}/hourly/slots/{slot.pk}/retry").json()
    assert (answer["retried"], answer["left"]) == (1, 0), answer
    ann, ben = slot.recipients.order_by("key")
    assert (ann.job_id, ann.archived_job, ann.outcome) == (None, done.pk, "delivered")
    assert ben.job_id and JobExecutionLog.objects.count() == 1


def test_a_slot_without_recipients_shows_the_status_of_its_archived_job(people: People) -> None:
    save("alice", parameters={"carrier": "UA"}, run_as="user:bob")
    slot = run_burst(Schedule.objects.get())
    assert slot.job
    jobs.cancel(job=slot.job, actor="tester")
    before = shown(slot)
    assert archive() == 1
    after = shown(slot)
    assert (without_reasons(after[0]), *after[1:]) == (without_reasons(before[0]), *before[1:])
    assert after[0][0]["jobStatus"] == "Failed" and after[0][0]["reason"]
    assert "Failed" in Page(browser("bob").get("/schedules/hourly")).text
    assert str(slot.job_id) in Page(browser("bob").get(f"/schedules/hourly/slots/{slot.pk}")).text
