"""A restored copy of a database sends nothing until it is adopted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import Tenant, User
from audit.models import AuditLog
from jobs import deployment
from jobs.delivery import deliverer
from reportserver.operations import doctor
from tests.jobs.delivery.helpers import AddTarget, Succeed
from tests.server import prepare_server, running_server

SENTENCE = "schedules and deliveries are suspended"


@pytest.fixture
def copy(db: None, settings: Settings) -> Iterator[None]:
    """The database of another installation."""
    deployment.record()
    settings.DEPLOYMENT_ID = "another"
    cache.clear()
    yield
    cache.clear()


def test_the_first_installation_owns_the_database_and_keeps_it(db: None, settings: Settings) -> None:
    assert not deployment.is_suspended(), "a database that isn't prepared yet"
    deployment.record()
    settings.DEPLOYMENT_ID = "another"
    deployment.record()
    assert deployment.is_suspended()


def test_a_copy_sends_nothing_until_it_is_adopted(
    copy: None, add_target: AddTarget, succeed: Succeed, capsys: pytest.CaptureFixture[str]
) -> None:
    add_target("file_share", path="daily")
    succeed()
    assert deliverer._claim() is None
    call_command("adopt")
    assert capsys.readouterr().out.startswith("Adopted.")
    assert AuditLog.objects.filter(action="Deployment Adopt", target_id="another").count() == 1
    assert deliverer._claim()
    call_command("adopt")
    assert capsys.readouterr().out.endswith("Nothing to do.\n")
    assert AuditLog.objects.filter(action="Deployment Adopt").count() == 1


def test_pages_and_doctor_say_so(copy: None, client: Client) -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    client.force_login(User.objects.create_user("bob", tenant=tenant))
    assert SENTENCE in client.get("/jobs").content.decode()
    (finding,) = doctor._deployment()
    assert SENTENCE in finding.sentence and "manage.py adopt" in finding.remedy
    deployment.adopt(actor="operator")
    assert SENTENCE not in client.get("/jobs").content.decode()
    (finding,) = doctor._deployment()
    assert finding.verdict == "ok"


def test_a_copy_of_a_local_installation_without_its_id_is_another_installation(tmp_path: Path, prepared: Path) -> None:
    with running_server(tmp_path, prepared=prepared, REPORTSERVER_DEPLOYMENT_ID="") as server:
        assert SENTENCE in server.manage("doctor", check=False).stdout
        assert (tmp_path / "deployment_id").stat().st_mode & 0o777 == 0o600
        server.manage("adopt")
        assert SENTENCE not in server.manage("doctor", check=False).stdout


def test_postgresql_needs_an_id(tmp_path: Path) -> None:
    server = prepare_server(tmp_path)
    url = "postgresql://u:hush@127.0.0.1:1/x"
    ended = server.manage("prepare", check=False, REPORTSERVER_DATABASE_URL=url, REPORTSERVER_DEPLOYMENT_ID="")
    assert ended.returncode == 1
    assert ended.stderr.startswith("REPORTSERVER_DEPLOYMENT_ID is not set.")
