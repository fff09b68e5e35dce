"""The connections page."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from common.paging import PAGE_SIZE
from jobs.models import Connection
from tests.jobs.connections.conftest import SECRET_URL, Make

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("people")]


def signed_in(username: str) -> Client:
    browser = Client()
    browser.force_login(User.objects.get(username=username), backend="django.contrib.auth.backends.ModelBackend")
    return browser


def test_a_connection_is_created_changed_tested_and_deleted() -> None:
    alice = signed_in("alice")
    new = {"slug": "lake", "kind": "s3", "url": SECRET_URL, "use": "analysts, user:bob"}
    assert alice.post("/connections/new", new)["Location"] == "/connections"
    page = alice.get("/connections").content.decode()
    assert "s3://lake/reports" in page and "Usable by analysts, user:bob" in page and "hush" not in page
    changed = alice.post("/connections/lake/change", {"slug": "pond", "url": "", "use": ""}, follow=True)
    assert "“pond” was changed." in changed.content.decode()
    connection = Connection.objects.get()
    assert connection.secret["url"] == SECRET_URL and connection.slug == "pond"
    Connection.objects.update(kind="slack")
    connection.secret = {"url": "http://127.0.0.1:1/x", "private_key": ""}
    connection.save(update_fields=["encrypted_secret"])
    tested = alice.post("/connections/pond/test", follow=True).content.decode()
    assert "pond: This server is not allowed to call the connection&#x27;s address." in tested
    assert "Delete “pond”?" in alice.get("/connections/pond/delete").content.decode() and Connection.objects.exists()
    assert "“pond” was deleted." in alice.post("/connections/pond/delete", follow=True).content.decode()


def test_errors_are_shown_on_their_fields_and_secrets_are_not(make: Make) -> None:
    alice = signed_in("alice")
    refused = alice.post("/connections/new", {"slug": "x", "kind": "s3", "url": "s3://hush", "use": "user:nobody"})
    page = refused.content.decode()
    assert refused.status_code == 400 and "Must be like s3://" in page and "s3://hush" not in page
    make()
    refused = alice.post("/connections/lake/change", {"slug": "new", "use": "user:nobody"})
    assert refused.status_code == 400 and "<details open>" in refused.content.decode()
    assert "This name is reserved." in refused.content.decode()


def test_a_refused_change_is_shown_whatever_page_the_connection_is_on(make: Make) -> None:
    make()
    for number in range(PAGE_SIZE):
        make(slug=f"a{number}")
    refused = signed_in("alice").post("/connections/lake/change", {"slug": "new", "use": "user:nobody"})
    page = refused.content.decode()
    assert "<details open>" in page and "This name is reserved." in page
    assert 'rel="next" href="/connections?cursor=' in page


def test_the_page_is_for_administrators(make: Make) -> None:
    make()
    bob = signed_in("bob")
    assert bob.get("/connections").status_code == 403
    for command in ("change", "test", "delete"):
        assert bob.post(f"/connections/lake/{command}").status_code == 403
    assert signed_in("alice").post("/connections/lake/other").status_code == 404
    assert Connection.objects.exists()
