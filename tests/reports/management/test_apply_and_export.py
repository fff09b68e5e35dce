"""manage.py apply and export, as an operator runs them."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import Tenant
from audit.models import AuditLog
from reports.models import ReportConfiguration
from tests.reports.definitions.sample_file import ENV, SAMPLE, sample, write_definitions
from tests.reports.deleted_sources import delete_source
from tests.server import ROOT


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)


def run(command: str, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = StringIO(), StringIO()
    try:
        call_command(command, *map(str, arguments), stdout=out, stderr=err)
    except SystemExit as left:
        return int(left.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.django_db
def test_apply_prints_the_differences_and_the_second_time_none(tmp_path):
    file = write_definitions(tmp_path, SAMPLE)
    code, out, _ = run("apply", file)
    assert code == 0
    assert "create report carrier-delays in acme\n" in out
    assert run("apply", file)[1] == "Nothing to change.\n"


@pytest.mark.django_db
def test_a_dry_run_changes_nothing(tmp_path):
    code, out, _ = run("apply", write_definitions(tmp_path, SAMPLE), "--dry-run")
    assert (code, "create tenant acme" in out, Tenant.objects.count()) == (0, True, 0)


@pytest.mark.django_db
def test_several_files_are_applied_as_one(tmp_path):
    (tmp_path / "more").mkdir()
    reports = write_definitions(tmp_path / "more", {"reports": SAMPLE["reports"]}, "reports.yaml")
    rest = write_definitions(tmp_path, {key: value for key, value in SAMPLE.items() if key != "reports"})
    assert run("apply", reports, rest)[0] == 0
    assert ReportConfiguration.objects.count() == 2


@pytest.mark.django_db
def test_only_prune_deletes(tmp_path):
    run("apply", write_definitions(tmp_path, SAMPLE))
    less = sample()
    del less["reports"][1]
    file = write_definitions(tmp_path, less)
    assert run("apply", file)[1] == "Nothing to change.\n"
    assert run("apply", file, "--prune")[1] == "delete report customers in acme\n"


@pytest.mark.django_db
def test_an_error_in_the_second_file_names_that_file_and_changes_nothing(tmp_path):
    good = write_definitions(tmp_path, SAMPLE)
    bad = write_definitions(tmp_path, "reports:\n  - slug: one\n    tenant: acme\n    query: select 1\n", "bad.yaml")
    code, out, err = run("apply", good, bad)
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        f"{bad}:2: reports[0].name: This field is required.",
        f"{bad}:2: reports[0].data_source: This field is required.",
        f"{bad}:2: reports[0].formats: This field is required.",
    ]
    assert (Tenant.objects.count(), AuditLog.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_errors_that_only_the_database_shows_have_file_and_line_too(tmp_path, monkeypatch):
    monkeypatch.delenv("BOB_PASSWORD")
    file = write_definitions(tmp_path, SAMPLE)
    line = file.read_text().splitlines().index("  password_env: BOB_PASSWORD") + 1
    code, _, err = run("apply", file)
    assert code == 1
    assert err == (
        f"{file}:{line}: users[1].password_env: The environment variable BOB_PASSWORD is not set. "
        "Set it to the new user's password.\n"
    )
    assert Tenant.objects.count() == 0


@pytest.mark.django_db
def test_a_missing_path_and_a_weak_password_are_only_warnings(tmp_path, monkeypatch):
    monkeypatch.setenv("BOB_PASSWORD", "bob")
    code, _, err = run("apply", write_definitions(tmp_path, SAMPLE))
    assert code == 0
    assert f"Warning: data source flights in acme: {tmp_path}/data/flights.db does not exist." in err
    assert "Warning: the password of bob is weak: This password is too short." in err


@pytest.mark.django_db
def test_no_secret_is_ever_printed(tmp_path, monkeypatch):
    monkeypatch.setenv("CRM_URL", "mysql://root:hush@db/crm")
    assert "hush" not in "".join(map(str, run("apply", write_definitions(tmp_path, SAMPLE))))
    bad = sample()
    bad["data_sources"][1] |= {"location": "postgresql://root:hush@db/crm", "url": "postgresql://root:hush@db"}
    assert "hush" not in "".join(map(str, run("apply", write_definitions(tmp_path, bad))))


@pytest.mark.django_db
def test_the_demo_can_be_applied_twice(monkeypatch):
    for who in ("ADMIN", "ANALYST", "OUTSIDER"):
        monkeypatch.setenv(f"REPORTSERVER_DEMO_{who}_PASSWORD", f"a long password of {who}")
    file = ROOT / "demo" / "definitions.yaml"
    code, out, err = run("apply", file)
    assert (code, err) == (0, "")
    assert out.count("create report") + out.count("create schedule") == file.read_text().count("\n  - slug: ")
    assert run("apply", file)[1] == "Nothing to change.\n"


# --- Export -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_export_can_be_applied_without_a_change(tmp_path):
    run("apply", write_definitions(tmp_path, SAMPLE))
    file = tmp_path / "export.yaml"
    assert run("export", "-o", file)[:2] == (0, "")
    assert run("apply", file, "--prune")[1] == "Nothing to change.\n"
    assert run("export")[1] == file.read_text()


@pytest.mark.django_db
def test_an_export_applied_to_an_empty_system_is_exported_again_equally(tmp_path):
    run("apply", write_definitions(tmp_path, SAMPLE))
    file = tmp_path / "export.yaml"
    run("export", "-o", file)
    run("apply", write_definitions(tmp_path, {"tenants": SAMPLE["tenants"]}), "--prune")
    assert ReportConfiguration.objects.count() == 0
    run("apply", file)
    assert run("export")[1] == file.read_text()


@pytest.mark.django_db
def test_an_export_names_variables_instead_of_secrets(tmp_path):
    run("apply", write_definitions(tmp_path, SAMPLE))
    text = run("export")[1]
    assert "password_env: BOB_PASSWORD" in text
    assert "url_env: CRM_URL" in text
    assert "hush" not in text
    assert f"location: {tmp_path}/data/flights.db" in text


@pytest.mark.django_db
def test_no_two_exported_users_share_a_variable(tmp_path):
    extra = [{"username": name, "tenant": "acme", "password_env": "BOB_PASSWORD"} for name in ("a.b", "a-b", "1st")]
    run("apply", write_definitions(tmp_path, SAMPLE | {"users": extra, "reports": []}))
    text = run("export")[1]
    assert [line.split()[-1] for line in text.splitlines() if "password_env" in line] == [
        "_1ST_PASSWORD",
        "A_B_PASSWORD",
        "A_B_2_PASSWORD",
    ]


@pytest.mark.django_db
def test_an_export_can_be_limited_to_one_tenant(tmp_path):
    Tenant.objects.create(slug="other", name="Other")
    run("apply", write_definitions(tmp_path, SAMPLE))
    assert "carrier-delays" not in run("export", "--tenant", "other")[1]
    assert run("export", "--tenant", "nowhere") == (1, "", "Tenant nowhere does not exist.\n")


@pytest.mark.django_db
def test_a_report_whose_source_was_deleted_is_left_out_with_a_warning(tmp_path):
    run("apply", write_definitions(tmp_path, SAMPLE))
    delete_source("crm")
    code, out, err = run("export")
    assert (code, "customers" in out) == (0, False)
    assert err == "Warning: report customers in acme is left out: its data source was deleted.\n"
