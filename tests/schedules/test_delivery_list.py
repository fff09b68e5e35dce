"""The page of all deliveries."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from jobs.models import Delivery
from tests.pages.html import Page
from tests.schedules.sending import MAIL, run, schedule_with
from tests.schedules.test_pages import browser

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]
SHARE = {"name": "share", "kind": "file_share", "path": "daily"}


@pytest.fixture
def deliveries(sales: None) -> list[Delivery]:
    schedule = schedule_with(MAIL | {"held": True}, SHARE | {"held": True}, {**SHARE, "name": "copy", "path": "copy"})
    return list(run(schedule).deliveries.order_by("name"))


def test_administrators_see_all_and_owners_their_own(deliveries: list[Delivery]) -> None:
    for username in ("alice", "bob"):
        page = Page(browser(username).get("/deliveries"))
        assert "bob@example.com" in page.text and "hourly" in page.text and "Held" in page.text, username
        assert len(page.all("link", "Carrier delays")) >= 3
    User.objects.create_user("carol", tenant=deliveries[0].job.tenant)
    assert "No deliveries yet." in Page(browser("carol").get("/deliveries")).text
    assert browser("alice").get("/schedules").content.decode().count('href="/deliveries"') == 1
    answer = browser("bob").get("/schedules/hourly").content.decode()
    assert 'href="/deliveries?schedule=hourly"' in answer


def test_they_are_filtered(deliveries: list[Delivery]) -> None:
    alice = browser("alice")
    held = Page(alice.get("/deliveries?state=held")).text
    assert "bob@example.com" in held and "copy" not in held
    assert "copy" in Page(alice.get("/deliveries?state=pending&schedule=hourly")).text
    assert "No deliveries match." in Page(alice.get("/deliveries?schedule=other")).text
    assert "copy" in Page(alice.get("/deliveries?state=x%00y")).text
    assert alice.get("/deliveries?cursor=x").status_code == 404


def test_administrators_decide_about_held_ones_there(deliveries: list[Delivery]) -> None:
    copy, mail, share = deliveries
    assert "Release" not in Page(browser("bob").get("/deliveries?state=held")).text
    alice = browser("alice")
    page = Page(alice.get("/deliveries?state=held"))
    assert page.has("button", "Release mail to bob@example.com")
    assert page.has("button", f"Discard share to {share.target}")
    for delivery, do in ((mail, "release"), (share, "discard")):
        form = {"do": do, "next": "/deliveries?state=held"}
        answer = alice.post(f"/deliveries/{delivery.pk}", form)
        assert answer.status_code == 302 and answer["Location"] == "/deliveries?state=held"
    assert alice.post(f"/deliveries/{share.pk}", {"do": "discard"})["Location"] == f"/jobs/{share.job_id}"
    states = dict(Delivery.objects.values_list("name", "state"))
    assert states == {"mail": "pending", "share": "discarded", "copy": "pending"} and copy.state == "pending"


def test_the_page_needs_few_queries(deliveries: list[Delivery]) -> None:
    alice = browser("alice")
    alice.get("/deliveries")
    with CaptureQueriesContext(connection) as queries:
        alice.get("/deliveries")
    assert sum("jobs_delivery" in query["sql"] for query in queries) == 1, [query["sql"] for query in queries]
