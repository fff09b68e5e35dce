"""Service accounts, and the commands that give them keys."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, RefreshSession, User
from audit.models import AuditLog
from reports.definitions.export import export_definitions
from reports.exceptions import InvalidDefinition
from reportserver.operations import doctor
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions, sample
from tests.reportserver.identity.conftest import with_key

pytestmark = pytest.mark.django_db(databases="__all__")

ETL = {"username": "etl", "tenant": "acme", "service": True, "roles": ["analysts"]}


def run(*command: str) -> str:
    output = StringIO()
    call_command(*command, stdout=output)
    return output.getvalue().strip()


def with_users(*users: dict[str, Any]) -> dict[str, Any]:
    data = sample()
    data["users"] += users
    return data


@pytest.fixture
def etl(tmp_path: Path) -> User:
    apply_definitions(tmp_path, with_users(ETL))
    return User.objects.get(username="etl")


def test_a_file_declares_a_service_account(etl: User, tmp_path: Path) -> None:
    assert etl.service and not etl.has_usable_password()
    assert apply_definitions(tmp_path, with_users(ETL)) == []
    text, _ = export_definitions([etl.tenant])  # type: ignore[list-item]
    users = {user["username"]: user for user in yaml.safe_load(text)["users"]}
    assert users["etl"] == ETL
    assert "service" not in users["bob"]


def test_a_service_account_has_no_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition) as error:
        apply_definitions(tmp_path, with_users(ETL | {"password_env": "BOB_PASSWORD"}))
    assert "A service account has no password." in repr(error.value.details)


def test_a_person_becomes_a_service_account_and_back(tmp_path: Path) -> None:
    apply_definitions(tmp_path, sample())
    token = client("bob")
    data = sample()
    data["users"][1] = {"username": "bob", "tenant": "acme", "roles": ["analysts"], "service": True}
    assert apply_definitions(tmp_path, data) == ["make user bob a service account"]
    assert token.get("/api/v1/jobs").status_code == 401
    assert not RefreshSession.objects.filter(user__username="bob", revoked_at=None).exists()
    del data["users"][1]["service"]
    with pytest.raises(InvalidDefinition):
        apply_definitions(tmp_path, data)
    assert apply_definitions(tmp_path, sample()) == ["make user bob a person"]
    assert User.objects.get(username="bob").check_password("bob's long password")


def test_a_service_account_signs_in_nowhere_even_with_a_password(etl: User) -> None:
    etl.set_password("a long password 1")
    etl.save()
    credentials = {"username": "etl", "password": "a long password 1"}
    assert APIClient().post("/api/v1/auth/token", credentials, format="json").status_code == 401
    browser = Client()
    browser.post("/login", credentials)
    assert browser.get("/jobs").status_code == 302


def test_commands_create_list_and_revoke_keys(etl: User) -> None:
    text = run("create_key", "etl", "--expires", "90d", "--name", "load", "--report", "carrier-delays")
    assert with_key(text).get("/api/v1/reports/carrier-delays").status_code == 200
    assert with_key(text).get("/api/v1/reports/customers").json()["code"] == "key_scope"
    key = ApiKey.objects.get()
    assert timedelta(days=89) < key.expires_at - timezone.now() < timedelta(days=91)
    assert AuditLog.objects.get(action="Key Create").actor.startswith("operator:")
    table = run("list_keys", "etl")
    for word in (key.pk, "etl", "load", "view, generate", "never", "carrier-delays"):
        assert word in table
    (listed,) = json.loads(run("list_keys", "--json"))
    assert (listed["id"], listed["reports"]) == (key.pk, ["carrier-delays"])
    assert run("list_keys", "bob").count("\n") == 0
    assert run("revoke_key", key.pk) == "Revoked the key “load” of etl."
    assert with_key(text).get("/api/v1/jobs").status_code == 401
    with pytest.raises(CommandError, match="revoked already"):
        run("revoke_key", key.pk)
    with pytest.raises(CommandError, match="does not exist"):
        run("revoke_key", "0" * 16)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody", "--expires", "90d"), "User nobody does not exist"),
        (("etl", "--expires", "367d"), "at most 366 days ahead"),
        (("etl", "--expires", "0d"), "in the future"),
        (("etl", "--expires", "soon"), "must be days or hours"),
        (("etl",), "--expires"),
        (("etl", "--expires", "1d", "--report", "nothing"), "Report nothing does not exist"),
        (("etl", "--expires", "1d", "--right", "delete"), "invalid choice"),
        (("etl", "--expires", "1d", "--name", "x" * 101), "at most 100"),
    ],
)
def test_a_command_says_what_is_wrong(etl: User, arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("create_key", *arguments)
    assert not ApiKey.objects.exists()


def test_the_doctor_warns_of_keys_that_expire_soon(etl: User) -> None:
    def warnings() -> list[str]:
        return [finding.sentence for finding in doctor._api_keys() if finding.verdict == "warning"]

    run("create_key", "etl", "--expires", "15d")
    assert warnings() == []
    run("create_key", "etl", "--expires", "13d", "--name", "load")
    assert len(warnings()) == 1 and "“load” of etl expires on" in warnings()[0]
    ApiKey.objects.update(revoked_at=timezone.now())
    assert warnings() == []
