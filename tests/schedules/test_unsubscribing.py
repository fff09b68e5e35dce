"""Unsubscribing from the mails of a schedule: per address, without an account, checked when a mail is sent."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from audit.models import AuditLog
from jobs.models import Unsubscription
from schedules.models import Schedule
from tests.jobs.delivery.helpers import send_next
from tests.jobs.helpers import reload
from tests.pages.html import Page
from tests.reports.api.clients import client
from tests.schedules.sending import MAIL, alice, run, schedule_with
from tests.sinks import Mails

# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]


def link_in(mails: Mails) -> str:
    """Return the path of the link in the newest mail's header, which is also in its text."""
    message = mails.received[-1][1]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(r"<http://[^/]+(/unsubscribe/\S+)>", message["List-Unsubscribe"].strip())
    body = message.get_body(("plain",))
    assert found and body and found[1] in body.get_content()
    return found[1]


def test_opening_the_link_asks_and_posting_unsubscribes(mails: Mails) -> None:
    schedule = schedule_with(MAIL | {"to": ["Bob@example.com", "ann@example.com"]})
    run(schedule)
    send_next()
    link, address = link_in(mails), mails.received[-1][0]
    browser = Client(enforce_csrf_checks=True)
    for _ in range(2):
        assert Page(browser.get(link).content.decode()).get("button", "Unsubscribe")
    assert not Unsubscription.objects.exists()
    answer = browser.post(link, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200 and f"{address} gets no more mails" in answer.content.decode()
    assert browser.post(link).status_code == 200, "twice is the same"
    assert send_next().state == "sent", "the other address"
    job = run(schedule)
    states = {delivery.target: delivery for delivery in (send_next(), send_next())}
    assert (states.pop(address).state, states.popitem()[1].state) == ("skipped", "sent")
    assert reload(job).delivery_state == "Delivered" and len(mails.received) == 3
    assert "delivery_skipped" in job.events.values_list("kind", flat=True)


def test_another_schedule_still_sends(mails: Mails) -> None:
    run(schedule_with(MAIL))
    send_next()
    Client().post(link_in(mails))
    other = client("alice").post(
        "/api/v1/schedules",
        {
            "slug": "other", "report": "carrier-delays", "cron": "0 * * * *", "formats": ["csv"], "run_as": "user:bob",
            "parameters": {"start": "now-1M/M"}, "deliveries": [MAIL],
        },
        format="json",
    )  # fmt: skip
    assert other.status_code == 201
    run(Schedule.objects.get(slug="other"))
    assert send_next().state == "sent"


def test_it_outlives_the_address_in_the_schedule(mails: Mails) -> None:
    schedule = schedule_with(MAIL)
    run(schedule)
    send_next()
    Client().post(link_in(mails))
    api, url = client("alice"), f"/api/v1/schedules/{schedule.pk}"
    assert api.patch(url, {"deliveries": None}, format="json").status_code == 200
    assert api.patch(url, {"deliveries": [MAIL | {"name": "again", "to": ["BOB@example.com"]}]}, format="json")
    run(schedule)
    assert send_next().state == "skipped"


def test_a_held_mail_is_not_released_to_who_has_unsubscribed(mails: Mails) -> None:
    schedule = schedule_with(MAIL, MAIL | {"name": "held", "held": True})
    job = run(schedule)
    send_next()
    Client().post(link_in(mails))
    held = job.deliveries.get(name="held")
    answer = client("alice").post(f"/api/v1/deliveries/{held.pk}/release")
    assert (answer.status_code, answer.json()["code"]) == (409, "delivery_not_allowed"), alice()


@pytest.mark.parametrize("token", ["x", "a:b:c", "%00", "WyJhIiwiYiJd:1xXcX3:aaaa"])
def test_other_links_lead_nowhere(db: None, token: str) -> None:
    for method in ("get", "post"):
        assert getattr(Client(), method)(f"/unsubscribe/{token}").status_code == 404


def test_who_has_unsubscribed_can_undo_it_and_both_are_in_the_audit_log(mails: Mails) -> None:
    schedule = schedule_with(MAIL)
    run(schedule)
    send_next()
    browser, link = Client(), link_in(mails)
    for _ in range(2):
        done = Page(browser.post(link).content.decode())
    assert done.has("button", "Undo")
    assert browser.get(f"{link}/undo").status_code == 405
    assert Client(enforce_csrf_checks=True).post(f"{link}/undo").status_code == 403, "only from the page"
    for _ in range(2):
        assert "gets the mails from this schedule again" in browser.post(f"{link}/undo").content.decode()
    assert not Unsubscription.objects.exists()
    entries = AuditLog.objects.filter(target_type="schedule", target_id=str(schedule.pk), actor="unknown")
    assert [entry.action for entry in entries.order_by("sequence")] == ["Unsubscribe", "Subscribe"]
    assert {(entry.tenant_id, entry.details["address"]) for entry in entries} == {
        (schedule.tenant_id, "bob@example.com")
    }
    assert browser.post("/unsubscribe/x/undo").status_code == 404
    run(schedule)
    assert send_next().state == "sent"
