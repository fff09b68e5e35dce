"""The pages of bursts: who would receive what, what came of each recipient, and the editor."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.delivery import throttling
from jobs.execution import transitions
from jobs.models import Delivery
from reports.exceptions import SourceInUse
from reports.models import DataSource
from schedules.models import Schedule, SlotRecipient
from tests.jobs.helpers import succeed_with
from tests.pages.html import Page
from tests.schedules.bursting.conftest import ANN, MAIL, RECIPIENTS, People, bursting, child, run_burst
from tests.schedules.test_pages import browser

pytestmark = pytest.mark.django_db(databases="__all__")


def test_pages_show_recipients_progress_and_retry(people: People) -> None:
    people([ANN, ("b2", "united", 20, "ben@example.com", "Ben")])
    schedule = bursting()
    bob = browser("bob")
    preview = Page(bob.get("/schedules/hourly/recipients"))
    assert "2 recipients" in preview.text and "1 would fail" in preview.text and "carrier: united" in preview.text
    slot = run_burst(schedule)
    url = f"/schedules/hourly/slots/{slot.pk}"
    assert "0 of 2 delivered, 1 failed, 1 unfinished" in Page(bob.get("/schedules/hourly")).text
    assert "0 of 2 delivered" in Page(bob.get("/schedules")).text
    page = bob.get(url)
    assert "hx-get" in page.content.decode() and "ann@example.com" in Page(page).text
    part = bob.get(url, headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    succeed_with(job, b"")
    Delivery.objects.update(state="sent")
    job.refresh_from_db()
    type(job).objects.filter(pk=job.pk).update(delivery_state="Delivered")
    done = bob.get(url)
    assert "1 of 2 delivered, 1 failed" in Page(done).text and "data-live" not in done.content.decode()
    failed = Page(bob.get(f"{url}?failed=1")).text
    assert "b2" in failed and "ann@example.com" not in failed
    people([ANN, ("b2", "AA", 20, "ben@example.com", "Ben")])
    assert bob.post(f"{url}/retry").status_code == 302 and child(slot, "b2").job
    assert "Retrying 1 recipient." in Page(bob.get(url)).text
    page = bob.get(f"{url}?failed=1").content.decode()
    assert "Show all" in page and "Retry failed" not in page
    SlotRecipient.objects.filter(key="b2").update(job=None)
    people([ANN])
    bob.post(f"{url}/retry")
    page = Page(bob.get(url)).text
    assert "Nothing could be retried. See the reasons below." in page and "Retrying 0" not in page
    assert browser("bob").get("/schedules/hourly/slots/999").status_code == 404
    people([])
    assert "returned no rows" in Page(bob.get("/schedules/hourly/recipients")).text


def test_the_editor_has_recipients_and_leaves_their_parameters_out(people: People) -> None:
    schedule = bursting(MAIL)
    alice = browser("alice")
    page = alice.get("/schedules/hourly/edit")
    assert "key: id" in page.content.decode()
    form = {"do": "save", "slug": "hourly", "cron": "5 * * * *", "missed": "last", "missed_within": "24h"}
    yaml = "query: select id from person\ndata_source: people\nkey: id\nparameters: {carrier: id, seats: nothing}\n"
    saved = alice.post("/schedules/hourly/edit", form | {"overlap": "queue", "deliveries": "", "recipients": yaml})
    assert saved.status_code == 302, Page(saved).text
    stored = Schedule.objects.complete().get(pk=schedule.pk).definition
    assert stored.parameters == {} and stored.recipients and stored.recipients.parameters["carrier"] == "id"
    history = Page(browser("alice").get("/schedules/hourly/versions")).text
    assert "recipients" in history.lower() and str(DataSource.objects.get(slug="people").pk) not in history


def test_deliveries_to_recipients_start_one_after_the_other(people: People) -> None:
    slot = run_burst(bursting())
    for _ in range(2):
        job = transitions.claim(owner="w", host="h", pid=1)
        assert job
        succeed_with(job, b"")
    first, second = Delivery.objects.order_by("available_at")
    assert second.available_at - first.available_at >= timedelta(milliseconds=100)
    assert slot.recipients.count() == 2 and first.state == throttling.State.PENDING


def test_a_data_source_that_names_recipients_cannot_be_deleted(people: People) -> None:
    bursting()
    with pytest.raises(SourceInUse, match=r"hourly \(recipients\)"):
        DataSource.objects.get(slug="people").delete()


def test_recipients_are_read_again_for_each_slot(people: People) -> None:
    schedule = bursting(recipients=RECIPIENTS)
    assert run_burst(schedule).recipients.count() == 2
    people([ANN])
    assert run_burst(schedule).recipients.count() == 1
