"""People who may view a report subscribe to a schedule whose owner allows it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm

from accounts.models import User
from audit.models import AuditLog
from jobs.models import Unsubscription
from reports.models import ReportConfiguration, UserGrant
from schedules import actions
from schedules.models import Schedule, Subscriber
from tests.jobs.delivery.helpers import send_next
from tests.jobs.helpers import reload
from tests.pages.html import Page
from tests.reports.api.clients import client
from tests.schedules.sending import MAIL, URL, alice, errors, run, save, states
from tests.sinks import Mails

# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]
SUBSCRIPTION = f"{URL}/hourly/subscription"


@pytest.fixture
def ann(sales: ReportConfiguration) -> User:
    """Somebody with an address and the view right, who owns no schedule."""
    ann = User.objects.create_user("ann", tenant=sales.tenant, email="ann@example.com")
    assign_perm("view_reportconfiguration", ann, sales)
    return ann


@pytest.fixture
def schedule(ann: User) -> Schedule:
    answer = save("bob", MAIL | {"subject": "All of {report.name}", "when": "rows"}, subscribable=True)
    assert answer.status_code == 201, answer.content
    return Schedule.objects.complete().get(slug="hourly")


def subscribe(username: str = "ann") -> Any:
    return client(username).put(SUBSCRIPTION)


def test_a_subscriber_gets_what_the_schedule_sends(schedule: Schedule, mails: Mails) -> None:
    listed = client("ann").get("/api/v1/subscriptions").json()["results"]
    assert [(each["slug"], each["subscribed"]) for each in listed] == [("hourly", False)]
    for _ in range(2):
        assert subscribe().json() == {"subscribed": True, "address": "ann@example.com"}
    assert client("ann").get("/api/v1/subscriptions").json()["results"][0]["subscribed"]
    assert subscribe("alice").status_code == 409, "she has no address"
    job = run(schedule)
    assert states(job) == {"mail": "pending", "(subscribers)": "pending"}
    assert {send_next().state for _ in range(2)} == {"sent"}
    mail = next(message for address, message in mails.received if address == "ann@example.com")
    assert mail["Subject"] == "All of Carrier delays" and mail["List-Unsubscribe"] and mail.is_multipart()
    assert [entry.actor for entry in AuditLog.objects.filter(action="Subscribe")] == ["ann"]
    assert set(states(run(schedule, rows=0)).values()) == {"skipped"}
    assert client("ann").delete(SUBSCRIPTION).status_code == 204
    assert list(states(run(schedule))) == ["mail"] and AuditLog.objects.filter(action="Unsubscribe").count() == 1


@pytest.mark.parametrize("mail", [{"preview": False}, {"link": {"expires": "7d"}}])
def test_a_subscriber_sees_no_rows_and_no_files_where_the_first_mail_has_none(
    ann: User, mails: Mails, mail: dict[str, Any]
) -> None:
    assert save("bob", MAIL | mail, subscribable=True).status_code == 201
    subscribe()
    job = run(Schedule.objects.complete().get(slug="hourly"))
    options = dict(job.deliveries.values_list("name", "options"))
    assert options["(subscribers)"].get("link") == options["mail"].get("link") == mail.get("link")
    assert "preview" not in options["(subscribers)"] and "preview" not in options["mail"]
    assert {send_next().state for _ in range(2)} == {"sent"}
    attached = {to: len(list(message.iter_attachments())) for to, message in mails.received}
    assert set(attached.values()) == ({0} if "link" in mail else {1})


def test_without_the_view_right_nobody_subscribes(schedule: Schedule, ann: User) -> None:
    UserGrant.objects.filter(user=ann).delete()
    assert subscribe().status_code == 403
    assert client("ann").get("/api/v1/subscriptions").json()["results"] == []
    assert client("ann").put(f"{URL}/nothing/subscription").status_code == 404


@pytest.mark.parametrize("reason", ["not allowed", "no address", "caller-bound"])
def test_what_cannot_be_subscribed_to_says_why(schedule: Schedule, ann: User, reason: str) -> None:
    words = {"not allowed": "doesn't let", "no address": "no e-mail address", "caller-bound": "depends on who"}[reason]
    match reason:
        case "not allowed":
            actions.patch_schedule(schedule=schedule, patch={"subscribable": False}, actor=alice())
        case "no address":
            User.objects.filter(pk=ann.pk).update(email="")
        case _:
            ReportConfiguration.objects.filter(pk=schedule.report_id).update(is_caller_bound=True)
            assert "depends on who" in errors(save("bob", slug="another", subscribable=True))["subscribable"][0]
    answer = subscribe()
    assert (answer.status_code, answer.json()["code"]) == (409, "not_subscribable")
    assert words in answer.json()["error"] and not Subscriber.objects.exists()


@pytest.mark.parametrize("change", ["right", "address", "account"])
def test_what_has_changed_since_the_job_is_checked_when_it_is_sent(
    schedule: Schedule, ann: User, mails: Mails, change: str
) -> None:
    subscribe()
    job = run(schedule)
    match change:
        case "right":
            UserGrant.objects.filter(user=ann).delete()
        case "address":
            User.objects.filter(pk=ann.pk).update(email="new@example.com")
        case _:
            User.objects.filter(pk=ann.pk).update(is_active=False)
    assert {delivery.name: delivery.state for delivery in (send_next(), send_next())} == {
        "mail": "sent",
        "(subscribers)": "skipped",
    }
    assert reload(job).delivery_state == "Delivered"


def test_unsubscribing_by_the_link_is_undone_by_subscribing_again(schedule: Schedule, mails: Mails) -> None:
    subscribe()
    run(schedule)
    send_next(), send_next()
    mail = next(message for address, message in mails.received if address == "ann@example.com")
    Client().post(mail["List-Unsubscribe"].strip("<> \r\n").removeprefix("http://testserver"))
    assert not client("ann").get("/api/v1/subscriptions").json()["results"][0]["subscribed"]
    assert subscribe().status_code == 200 and not Unsubscription.objects.exists()


def test_the_page_of_a_report_offers_its_schedules(schedule: Schedule, ann: User) -> None:
    browser = Client()
    browser.force_login(ann)
    page = browser.get("/reports/carrier-delays").content.decode()
    assert "/subscriptions?report=carrier-delays" in page
    part = Page(browser.get("/subscriptions?report=carrier-delays").content.decode())
    assert part.has("button", "Subscribe me to hourly") and not part.has("heading", "Subscriptions")
    answer = browser.post("/subscriptions/hourly", {"do": "subscribe", "next": "/reports/carrier-delays"})
    assert answer["Location"] == "/reports/carrier-delays"
    assert browser.post("/subscriptions/hourly", {"next": "//evil.example/x"})["Location"] == "/subscriptions"
    listed = browser.get("/subscriptions").content.decode()
    assert "You get the results of hourly at ann@example.com." in listed
    assert Page(listed).has("button", "Unsubscribe from hourly")
    browser.post("/subscriptions/hourly", {"do": "unsubscribe"})
    assert not Subscriber.objects.exists()
    UserGrant.objects.filter(user=ann).delete()
    assert "Nothing to subscribe to" in browser.get("/subscriptions").content.decode()
    assert browser.post("/subscriptions/hourly", {"do": "subscribe"}).status_code == 403
