"""The calls about connections: for Administrators, and without secrets."""

from __future__ import annotations

import json
from typing import Any

import asyncssh
import pytest

from accounts.models import Tenant, User
from audit.models import AuditLog
from jobs.models import Connection
from reportserver.operations.stored_secrets import stored_secrets
from tests.jobs.connections.conftest import BODY, SECRET_URL, URL, Make
from tests.reports.api.clients import client
from tests.sinks import call_sink
from tests.weed import Weed

KEY = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("people")]


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.content
    return dict(answer.json()["fields"])


def test_a_connection_is_created_shown_changed_and_deleted(make: Make) -> None:
    connection, alice = make(), client("alice")
    shown = alice.get(f"{URL}/lake").json()
    assert shown["shownUrl"] == "s3://lake/reports?region=eu-central-1"
    assert (shown["kind"], shown["grants"], shown["anyAddress"]) == ("s3", {"use": ["analysts"]}, False)
    assert alice.get(URL).json()["results"] == [shown]
    changed = alice.patch(f"{URL}/{connection.pk}", {"slug": "pond", "grants": {"use": ["user:bob"]}}, format="json")
    assert (changed.status_code, changed.json()["grants"]) == (200, {"use": ["user:bob"]})
    connection.refresh_from_db()
    assert connection.secret["url"] == SECRET_URL, "what isn't said stays"
    replaced = alice.put(f"{URL}/pond", {"slug": "pond", "kind": "s3"}, format="json")
    assert replaced.json()["grants"] == {"use": []}
    assert alice.put(f"{URL}/pond", shown["definition"], format="json").json()["definition"] == shown["definition"]
    assert alice.delete(f"{URL}/lake").status_code == 204
    assert alice.get(f"{URL}/lake").status_code == 404
    entries = AuditLog.objects.filter(target_type="connection").order_by("sequence")
    assert [entry.action.partition(" ")[2] for entry in entries] == ["Create", "Update", "Update", "Update", "Delete"]


def test_secrets_are_encrypted_and_told_nowhere(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    connection, alice = make(), client("alice")
    answers = [alice.get(URL), alice.get(f"{URL}/lake"), alice.patch(f"{URL}/lake", {"url": "no"}, format="json")]
    told = [answer.content.decode() for answer in answers]
    told += [json.dumps(entry.details) for entry in AuditLog.objects.all()]
    told += [connection.encrypted_secret, repr(connection), repr(connection.access()), caplog.text]
    assert not [text for text in told if "hush" in text]
    assert [str(secret) for secret in stored_secrets() if secret.row == connection] == ["connection lake of Acme Inc."]


def test_only_administrators_of_the_tenant_know_connections(make: Make) -> None:
    make()
    globex = Tenant.objects.create(slug="globex", name="Globex")
    stranger = User.objects.create_user("mallory", tenant=globex)
    stranger.groups.set(User.objects.get(username="alice").groups.all())
    calls = [("get", ""), ("put", ""), ("patch", ""), ("delete", ""), ("post", "/test")]
    for method, rest in calls:
        for username, status in (("bob", 403), ("mallory", 404)):
            answer = getattr(client(username), method)(f"{URL}/lake{rest}", {}, format="json")
            assert answer.status_code == status, (method, username)
    assert client("bob").get(URL).status_code == client("bob").post(URL, BODY, format="json").status_code == 403
    assert client("mallory").get(URL).json()["results"] == []
    assert list(errors(client("mallory").post(URL, BODY | {"tenant": "acme"}, format="json"))) == ["tenant"]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"slug": "new"}, "slug", "reserved"),
        ({"slug": "a b"}, "slug", "Use letters"),
        ({"kind": "ftp"}, "kind", "Must be one of"),
        ({"url": None}, "url", "Required"),
        ({"url": "s3://bucket"}, "url", "Must be like s3://"),
        ({"host_key": "SHA256:" + "A" * 43}, "host_key", "Only a connection of kind sftp"),
        ({"kind": "sftp", "url": "sftp://u:p@h/", "host_key": "x"}, "host_key", "Must be a fingerprint"),
        ({"kind": "sftp", "url": "sftp://u@h/", "private_key": "x"}, "private_key", "Must be a private key"),
        ({"kind": "sftp", "url": "sftp://u@h/"}, "url", "a password unless"),
        ({"grants": {"use": ["user:nobody"]}}, "grants.use[0]", "User nobody does not exist"),
        ({"grants": {"see": []}}, "grants.see", "Unknown field."),
        ({"url": 5}, "url", "Must be text"),
        ({"password": "x"}, "password", "Unknown field."),
    ],
)
def test_what_is_wrong_is_a_sentence_on_its_field(change: dict[str, Any], path: str, words: str) -> None:
    assert words in errors(client("alice").post(URL, BODY | change, format="json"))[path][0]


@pytest.mark.parametrize("secrets", [{"url": "sftp://u:hush@h/"}, {"url": "sftp://u@h/", "private_key": KEY}])
def test_a_new_host_key_of_an_operators_connection_needs_its_secrets_again(make: Make, secrets: dict[str, str]) -> None:
    make(slug="drop", kind="sftp", host_key="SHA256:" + "A" * 43, **secrets)
    Connection.objects.update(is_operators=True)
    alice, pin = client("alice"), {"host_key": "SHA256:" + "B" * 43}
    for change in (pin, {"host_key": None}):
        refused = errors(alice.patch(f"{URL}/drop", change, format="json"))
        assert list(refused) == list(secrets) and "Enter it again" in refused["url"][0]
    assert alice.patch(f"{URL}/drop", {"slug": "drop", "grants": {"use": []}}, format="json").json()["anyAddress"]
    changed = alice.patch(f"{URL}/drop", pin | secrets, format="json").json()
    assert changed["hostKey"] == pin["host_key"] and not changed["anyAddress"]
    # Now the secret is the tenant's.
    assert alice.patch(f"{URL}/drop", {"host_key": None}, format="json").status_code == 200


def test_only_operators_webhooks_may_do_without_tls(make: Make) -> None:
    make(slug="chat", kind="slack", url="https://hooks.slack.com/x")
    alice, plain = client("alice"), "http://chat.internal/x"
    assert list(errors(alice.patch(f"{URL}/chat", {"url": plain}, format="json"))) == ["url"]
    connection = Connection.objects.get()
    connection.secret, connection.is_operators = {"url": plain}, True
    connection.save()
    assert alice.patch(f"{URL}/chat", {"slug": "team"}, format="json").status_code == 200
    assert list(errors(alice.patch(f"{URL}/team", {"url": plain + "y"}, format="json"))) == ["url"]


def test_slugs_are_unique_and_kinds_stay(make: Make) -> None:
    make()
    assert list(errors(client("alice").post(URL, BODY, format="json"))) == ["slug"]
    change = {"kind": "slack", "url": "https://hooks.slack.com/x"}
    assert list(errors(client("alice").patch(f"{URL}/lake", change, format="json"))) == ["kind"]


def test_a_secret_whose_key_is_lost_can_be_entered_again(make: Make) -> None:
    connection, alice = make(), client("alice")
    Connection.objects.filter(pk=connection.pk).update(encrypted_secret="of another key")
    assert alice.get(f"{URL}/lake").json()["shownUrl"] == ""
    assert alice.post(f"{URL}/lake/test").json()["code"] == "wrong_data_key"
    assert "can't be read any more" in errors(alice.patch(f"{URL}/lake", {"slug": "lake"}, format="json"))["url"][0]
    assert alice.patch(f"{URL}/lake", {"url": SECRET_URL}, format="json").status_code == 200


def test_a_test_says_in_a_sentence_whether_it_works(make: Make, weed: Weed) -> None:
    alice = client("alice")
    make(url=weed.s3_url())
    refused = alice.post(f"{URL}/lake/test")
    assert refused.status_code == 200 and refused.json()["ok"] is False
    assert refused.json()["message"] == "This server is not allowed to call the connection's address."
    Connection.objects.update(is_operators=True)
    assert alice.post(f"{URL}/lake/test").json()["ok"] is True
    with call_sink() as sink:
        connection = make(slug="chat", kind="slack", url="https://hooks.slack.com/x")
        connection.secret, connection.is_operators = {"url": sink.url}, True
        connection.save()
        assert alice.post(f"{URL}/chat/test").json()["message"] == "The connection works: a message was posted."
    assert b"The connection chat works." in sink.received[0][1]
    entries = AuditLog.objects.filter(action="Connection Test").order_by("sequence")
    assert [entry.details["ok"] for entry in entries] == [False, True, True]
