"""Deliveries of schedules through connections, to real servers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from jobs.models import Connection, Delivery
from schedules import actions
from schedules.models import Schedule
from tests.jobs.connections.conftest import BODY as LAKE
from tests.jobs.connections.conftest import URL as CONNECTIONS
from tests.jobs.delivery.helpers import send_next
from tests.reports.api.clients import client
from tests.schedules.sending import URL, alice, errors, run, save, states
from tests.sinks import call_sink
from tests.weed import Weed

# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]
UPLOAD: dict[str, Any] = {"name": "lake", "kind": "s3", "connection": "lake"}


def connect(**fields: Any) -> Connection:
    """Create a connection that analysts, such as bob, may use, and that may lead anywhere."""
    answer = client("alice").post(CONNECTIONS, LAKE | fields, format="json")
    assert answer.status_code == 201, answer.content
    Connection.objects.update(is_operators=True)
    return Connection.objects.get(pk=answer.json()["id"])


def scheduled(delivery: dict[str, Any], username: str = "bob") -> Schedule:
    answer = save(username, delivery)
    assert answer.status_code == 201, answer.content
    return Schedule.objects.get(pk=answer.json()["id"])


def send_again(delivery: Delivery) -> Delivery:
    """Send it again, as if the deliverer had died before it recorded the outcome."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state="pending", available_at=delivery.created_at - timedelta(days=1), ended_at=None
    )
    return send_next()


@pytest.mark.parametrize("kind", ["s3", "sftp"])
@pytest.mark.parametrize("exists", ["new", "replace", "fail"])
def test_a_file_is_written_where_the_schedule_says(weed: Weed, kind: str, exists: str) -> None:
    folder = f"{kind}-{exists}"
    url = weed.s3_url(f"buckets/{folder}") if kind == "s3" else weed.sftp_url(folder)
    connect(kind=kind, url=url, host_key=weed.fingerprint if kind == "sftp" else None)
    upload = UPLOAD | {"kind": kind, "path": "d/{slot:%Y}/{file_name}", "file_name": "x {rows}", "exists": exists}
    schedule = scheduled(upload)
    job = run(schedule)
    first = send_next()
    assert first.state == "sent", first.error
    assert first.target == f"lake/d/{job.queued_at:%Y}/x 1"
    path = f"d/{job.queued_at:%Y}/x 1{f'-{first.pk}' if exists == 'new' else ''}.csv"
    assert content(weed, kind, folder, path) == b"a,b\r\n1,2\r\n"
    assert send_again(first).state == "sent", "a resend writes the same name"
    run(schedule)
    second = send_next()
    assert second.state == ("failed" if exists == "fail" and kind == "s3" else "sent"), second.error


def content(weed: Weed, kind: str, folder: str, path: str) -> bytes | None:
    """Return what another program reads: the SFTP server's files are in the store, too."""
    if kind == "s3":
        return weed.read(f"buckets/{folder}/{path}")
    return weed.read_file(f"/home/sender/{folder}/{path}")


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_a_message_is_posted_with_a_link_to_the_job(kind: str) -> None:
    with call_sink() as sink:
        connection = connect(kind=kind, url="https://hooks.example.com/x")
        connection.secret = {"url": sink.url}
        connection.save()
        schedule = scheduled({**UPLOAD, "kind": kind, "subject": "{rows} row", "body": "From {parameter.start}"})
        job = run(schedule)
        assert send_next().state == "sent"
        sink.status = 404
        run(schedule)
        assert send_next().state == "failed", "the webhook is gone"
    text = json.dumps(json.loads(sink.received[0][1]))
    assert "1 row" in text and f"From {job.parameters['start']}" in text and f"/jobs/{job.pk}" in text
    assert states(job) == {"lake": "sent"}


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"connection": "pond"}, "deliveries[0].connection", "Connection pond does not exist"),
        ({"kind": "sftp"}, "deliveries[0].connection", "Connection lake is of kind s3."),
        ({"path": "../x"}, "deliveries[0].path", "below the connection's folder"),
        ({"path": "{nothing}"}, "deliveries[0].path", "There is no field {nothing}."),
        ({"exists": "ask"}, "deliveries[0].exists", "Must be one of"),
        ({"url": "https://x"}, "deliveries[0].url", "Unknown field."),
    ],
)
def test_what_is_wrong_is_a_sentence_on_its_field(change: dict[str, Any], path: str, words: str) -> None:
    connect()
    assert words in errors(save("bob", UPLOAD | change))[path][0]


def test_the_owner_needs_the_right_to_use_a_connection_when_saving_and_at_sending() -> None:
    connection = connect(grants={"use": []}, kind="slack", url="https://127.0.0.1:1/x")
    chat = UPLOAD | {"kind": "slack"}
    assert "no right to use connection lake" in errors(save("bob", chat))["deliveries[0].connection"][0]
    assert list(errors(save("alice", chat, run_as="user:bob"))) == ["deliveries[0].connection"]
    connection.users.add(User.objects.get(username="bob"))
    schedule = scheduled(chat)
    connection.users.clear()
    run(schedule)
    refused = send_next()
    assert refused.state == "failed" and "may no longer use it" in refused.error


def test_an_administrator_needs_no_grant() -> None:
    connect(grants={"use": []})
    scheduled(UPLOAD, username="alice")


def test_a_connection_in_use_cannot_be_deleted_and_can_be_renamed() -> None:
    connection, api = connect(), client("alice")
    schedule = scheduled(UPLOAD)
    refused = api.delete(f"{CONNECTIONS}/lake")
    assert (refused.status_code, refused.json()["code"]) == (409, "connection_in_use")
    assert "hourly" in refused.json()["error"]
    assert api.patch(f"{CONNECTIONS}/lake", {"slug": "pond"}, format="json").status_code == 200
    shown = client("bob").get(f"{URL}/hourly").json()
    assert shown["definition"]["deliveries"][0]["connection"] == "pond"
    assert client("bob").put(f"{URL}/hourly", shown["definition"], format="json").json()["version"] == 1, "unchanged"
    run(schedule)
    assert Delivery.objects.get().options["connection_id"] == str(connection.pk)
    actions.delete_schedule(schedule=schedule, actor=alice())
    assert api.delete(f"{CONNECTIONS}/pond").status_code == 204
