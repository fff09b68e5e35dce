"""manage.py doctor: every error is named, with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import Tenant, User
from reports.models import DataSource
from reportserver.operations import doctor
from tests.ports import free_port
from tests.postgres import postgres_server, with_password
from tests.server import RunningServer, environment, prepare_server


def test_a_running_server_has_only_the_errors_of_its_definitions(server: RunningServer) -> None:
    output = server.manage("doctor", check=False).stdout
    assert "Hosts with active workers: 1, slots: 2." in output
    assert "The audit log is intact." in output
    source, mail = [line for line in output.splitlines() if line.startswith("error")]
    assert "The files of data source gone of Acme Inc. are not at" in source
    assert "no mail server is configured" in mail


def test_every_error_is_reported_with_its_remedy(tmp_path: Path, prepared: Path) -> None:
    broken = prepare_server(tmp_path, prepared=prepared)
    (tmp_path / "keys" / "audit_key").chmod(0o644)
    (tmp_path / "static" / "staticfiles.json").unlink()
    doctor = broken.manage("doctor", check=False)
    assert doctor.returncode == 1
    for words in ("No worker is active", "manage.py jobserver", "chmod 600", "manage.py prepare", "data source gone"):
        assert words in doctor.stdout


def test_a_missing_database_is_reported_without_a_traceback(tmp_path: Path) -> None:
    port = free_port()
    bare = RunningServer(f"http://127.0.0.1:{port}", tmp_path, environment(tmp_path, port), process=None)
    doctor = bare.manage("doctor", check=False)
    assert doctor.returncode == 1
    assert "Migrations that have not been applied: " in doctor.stdout
    assert "Run manage.py prepare." in doctor.stdout
    assert "Traceback" not in doctor.stdout + doctor.stderr


def test_files_that_other_users_can_read_are_reported(tmp_path: Path, prepared: Path) -> None:
    server = prepare_server(tmp_path, prepared=prepared)
    (tmp_path / "logs").mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    closed = server.manage("doctor", check=False).stdout
    assert "Other users of this machine can read neither the database nor logs nor results." in closed
    tmp_path.chmod(0o755)
    (tmp_path / "logs" / "web.log").touch(0o644)
    server.database().chmod(0o644)
    output = server.manage("doctor", check=False).stdout
    for path in (tmp_path, server.database(), tmp_path / "logs", tmp_path / "logs" / "web.log"):
        assert f"Other users of this machine can use {path}. Run chmod -R go= {path}." in output


@pytest.mark.django_db(databases={"default", settings.COUNTERS_DATABASE})
def test_users_named_like_the_server_are_reported() -> None:
    user = User.objects.create_superuser("root", password="x")
    assert user.username not in str([finding for finding in doctor.examine() if finding.subject == "users"])
    User.objects.update(username="System")
    (finding,) = [finding for finding in doctor.examine() if finding.subject == "users"]
    assert finding.verdict == doctor.Verdict.WARNING
    assert f"User {user.pk} has the reserved name “System”" in finding.sentence


@pytest.mark.django_db(databases={"default", settings.COUNTERS_DATABASE})
def test_a_data_source_whose_account_may_write_is_reported() -> None:
    source = DataSource(tenant=Tenant.objects.create(slug="acme", name="Acme"), slug="crm", kind="postgresql")
    with postgres_server() as url:
        source.url = with_password(url)
        source.save()
        findings = [finding for finding in doctor.examine() if finding.subject == "data sources"]
    (finding,) = [finding for finding in findings if finding.verdict == doctor.Verdict.WARNING]
    assert "Data source crm of Acme: The account in its URL is a superuser" in finding.sentence
    assert finding.remedy == "Use an account that may only read."
