"""What the audit log says about sign-ins."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.test import Client

from accounts.models import User
from audit import tallies
from audit.models import AuditLog, AuditTally
from tests.acceptance.helpers import wait_for_window
from tests.audit.test_tallies import let_pass
from tests.pages.conftest import PASSWORD

pytestmark = pytest.mark.django_db(databases={"default", configured.COUNTERS_DATABASE})
LIMIT = configured.RATE_LIMITS["sign_in"]


def on_page(name: str, password: str, address: str) -> int:
    fields = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/login", fields).status_code


def in_admin(name: str, password: str, address: str) -> int:
    fields = {"username": name, "password": password, "next": "/admin/"}
    return Client(REMOTE_ADDR=address).post("/login", fields).status_code


def through_api(name: str, password: str, address: str) -> int:
    body = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/api/v1/auth/token", body, content_type="application/json").status_code


CHANNELS = {"page": on_page, "admin": in_admin, "API": through_api}


def entries() -> list[tuple[str, dict[str, Any]]]:
    """Action and details of all entries, once everything counted has become one."""
    let_pass(21)
    tallies.record_due()
    return [(entry.action, entry.details) for entry in AuditLog.objects.order_by("sequence")]


@pytest.mark.parametrize("channel", CHANNELS)
def test_failures_and_a_lock_out_name_the_user_address_and_channel(people: dict[str, User], channel: str) -> None:
    wait_for_window(15)
    for _ in range(LIMIT + 3):
        CHANNELS[channel]("bob", "wrong", "192.0.2.7")
    lock = AuditLog.objects.get()
    origin = {"user": "bob", "address": "192.0.2.7", "channel": channel}
    assert (lock.action, lock.details, lock.target_id) == ("Sign In Locked", origin, str(people["bob"].pk))
    assert lock.tenant_id == people["bob"].tenant_id
    _, (action, details) = entries()
    assert (action, details["count"]) == ("Sign In Failed", LIMIT)
    assert origin.items() <= details.items()


@pytest.mark.parametrize("channel", CHANNELS)
def test_success_names_address_and_channel(people: dict[str, User], channel: str) -> None:
    assert CHANNELS[channel]("bob", PASSWORD, "192.0.2.8") in (200, 302)
    assert entries() == [("Sign In", {"address": "192.0.2.8", "channel": channel})]
    entry = AuditLog.objects.get()
    assert (entry.actor, entry.actor_id) == ("bob", people["bob"].pk)


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_was_entered_in_place_of_a_name_is_not_recorded(people: dict[str, User], channel: str) -> None:
    secret = f"hunter2-{uuid4()}"
    CHANNELS[channel](secret, secret, "192.0.2.9")
    assert secret not in str(list(AuditTally.objects.values()))
    ((action, details),) = entries()
    assert (action, details["user"], details["count"]) == ("Sign In Failed", None, 1)
    entry = AuditLog.objects.get()
    assert secret not in str(vars(entry))
    assert (entry.tenant_id, entry.target_id) == (None, "unknown")


def test_another_way_to_write_a_name_does_not_hide_whom_it_locks_out(people: dict[str, User]) -> None:
    wait_for_window(15)
    for _ in range(LIMIT - 1):
        through_api("bob", "wrong", "192.0.2.10")
    through_api("BOB", "wrong", "192.0.2.10")
    assert AuditLog.objects.get().details["user"] == "bob"


def test_guesses_of_the_old_password_in_an_open_session_count(people: dict[str, User]) -> None:
    wait_for_window(15)
    client = Client(REMOTE_ADDR="192.0.2.13")
    client.force_login(people["alice"])
    new = {"new_password1": "another-password-1", "new_password2": "another-password-1"}
    statuses = [
        client.post("/admin/password_change/", {"old_password": f"guess-{at}"} | new).status_code
        for at in range(LIMIT + 1)
    ]
    assert statuses == [200] * LIMIT + [429]
    refused = client.post("/admin/password_change/", {"old_password": PASSWORD} | new)
    assert (refused.status_code, 1 <= int(refused["Retry-After"]) <= 60) == (429, True)
    assert through_api("alice", PASSWORD, "192.0.2.13") == 429
    assert AuditLog.objects.get().details == {"user": "alice", "address": "192.0.2.13", "channel": "admin"}


def test_an_address_that_tries_many_names_is_recorded(people: dict[str, User], settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign_in_address": 3}
    wait_for_window(15)
    statuses = [through_api(f"nobody-{at}", "wrong", "192.0.2.11") for at in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    entry = AuditLog.objects.get()
    assert (entry.action, entry.target_type, entry.target_id) == ("Sign In Locked", "address", "192.0.2.11")


def test_the_second_use_of_a_refresh_token_is_recorded_once(people: dict[str, User]) -> None:
    client = Client(REMOTE_ADDR="192.0.2.12")

    def post(path: str, **body: str) -> Any:
        return client.post(f"/api/v1/auth/{path}", body, content_type="application/json")

    old = post("token", username="bob", password=PASSWORD).json()["refresh"]
    new = post("token/refresh", refresh=old).json()["refresh"]
    for token in (old, old, new):
        assert post("token/refresh", refresh=token).status_code == 401
    _, (action, details) = entries()
    assert (action, details) == ("Token Reused", {"address": "192.0.2.12", "channel": "API"})


def test_a_token_from_before_a_new_password_is_not_taken_for_a_stolen_one(people: dict[str, User]) -> None:
    client = Client()
    body = {"username": "bob", "password": PASSWORD}
    token = client.post("/api/v1/auth/token", body, content_type="application/json").json()["refresh"]
    people["bob"].set_password("another-password-1")
    people["bob"].save()
    refresh = {"refresh": token}
    assert client.post("/api/v1/auth/token/refresh", refresh, content_type="application/json").status_code == 401
    assert [action for action, _ in entries()] == ["Sign In"]
