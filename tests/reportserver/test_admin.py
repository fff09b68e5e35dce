"""The admin: tenants are kept apart, secrets hidden, the server's own rows read-only, and changes audited."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from pytest_django import Settings

from accounts.models import Tenant, User
from audit.models import AuditLog
from jobs.models import JobExecutionLog
from reports.models import DataSource, ReportConfiguration, RoleGrant, UserGrant
from reports.permissions import Right
from tests.audit.helpers import record
from tests.pages.conftest import PASSWORD
from tests.pages.html import Page
from tests.plans import only_on_sqlite, plan_of
from tests.postgres import postgres_server, with_password

Browse = Callable[[str], Client]
URL = "postgresql://reader:s3cret-word@db.example.com/crm"


@pytest.fixture
def staff(people: dict[str, User], browse: Browse) -> Client:
    """bob, who has every permission but is no superuser."""
    people["bob"].is_staff = True
    people["bob"].save()
    apps = ["accounts", "auth", "reports", "jobs", "audit"]
    people["bob"].user_permissions.set(Permission.objects.filter(content_type__app_label__in=apps))
    return browse("bob")


def test_staff_see_only_their_tenant_in_the_admin(
    staff: Client, report: ReportConfiguration, globex: Tenant, people: dict[str, User]
) -> None:
    elsewhere = DataSource.objects.create(tenant=globex, slug="elsewhere", kind="sqlite", location="/x.db")
    for page in ("reports/datasource/", "reports/reportconfiguration/", "accounts/user/", "accounts/tenant/"):
        text = staff.get(f"/admin/{page}").content.decode()
        assert "lobex" not in text
        assert ">gina<" not in text
        assert "elsewhere" not in text
    assert staff.get(f"/admin/reports/datasource/{elsewhere.pk}/change/").status_code == 302
    assert staff.get(f"/admin/accounts/user/{people['gina'].pk}/change/").status_code == 302
    assert "Globex" not in staff.get("/admin/reports/datasource/add/").content.decode()


def test_staff_create_no_superuser_role_or_tenant(staff: Client, people: dict[str, User], acme: Tenant) -> None:
    boss = User.objects.create_superuser("boss", tenant=acme)
    assert staff.get(f"/admin/accounts/user/{boss.pk}/change/").status_code == 302
    assert staff.get(f"/admin/accounts/user/{boss.pk}/password/").status_code in (302, 404)
    carol = people["carol"]
    fields = {"username": "carol", "tenant": acme.pk, "is_superuser": "on", "is_active": "on"}
    assert staff.post(f"/admin/accounts/user/{carol.pk}/change/", fields).status_code == 302
    carol.refresh_from_db()
    assert not carol.is_superuser
    assert staff.get("/admin/auth/group/add/").status_code == 403
    assert staff.get("/admin/accounts/tenant/add/").status_code == 403


def test_an_administrator_uses_the_admin_within_its_tenant_and_can_only_view_sources(
    browse: Browse, report: ReportConfiguration, people: dict[str, User]
) -> None:
    alice = browse("alice")
    index = alice.get("/admin/").content.decode()
    assert "/admin/accounts/user/add/" in index and "/admin/reports/reportconfiguration/" in index
    assert alice.get(f"/admin/reports/reportconfiguration/{report.pk}/permissions/").status_code == 200
    assert ">gina<" not in alice.get("/admin/accounts/user/").content.decode()
    source = DataSource.objects.get()
    assert alice.get(f"/admin/reports/datasource/{source.pk}/change/").status_code == 200
    assert alice.post(f"/admin/reports/datasource/{source.pk}/change/", {"location": "/etc"}).status_code == 403
    assert alice.get("/admin/reports/datasource/add/").status_code == 403
    for name in ("bob", "dave"):
        assert browse(name).get("/admin/").status_code in (302, 403)


def test_a_connection_url_is_stored_encrypted_and_never_shown(root: Client, acme: Tenant) -> None:
    fields = {"tenant": acme.pk, "slug": "crm", "kind": "postgresql", "location": "", "url": URL}
    assert root.post("/admin/reports/datasource/add/", fields).status_code == 302
    source = DataSource.objects.get(slug="crm")
    assert source.url == URL
    assert "s3cret" not in source.encrypted_url
    for page in ("", f"{source.pk}/change/", f"{source.pk}/history/"):
        assert "s3cret" not in root.get(f"/admin/reports/datasource/{page}").content.decode()
    fields |= {"slug": "crm2", "url": ""}
    assert root.post(f"/admin/reports/datasource/{source.pk}/change/", fields).status_code == 302
    source.refresh_from_db()
    assert (source.slug, source.url) == ("crm2", URL)


@pytest.mark.parametrize(
    ("kind", "location", "url", "sentence"),
    [
        ("postgresql", "", "", "Enter the connection URL."),
        ("postgresql", "/x", URL, "A server has a connection URL, not a path."),
        ("sqlite", "", "", "Enter the absolute path of the file or folder."),
        ("sqlite", "/x", URL, "A file or folder has a path, not a connection URL."),
    ],
)
def test_a_data_source_has_a_path_or_a_url(
    root: Client, acme: Tenant, kind: str, location: str, url: str, sentence: str
) -> None:
    fields = {"tenant": acme.pk, "slug": "x", "kind": kind, "location": location, "url": url}
    text = root.post("/admin/reports/datasource/add/", fields).content.decode()
    assert sentence in text
    assert "s3cret" not in text
    assert not DataSource.objects.exists()


def test_changing_the_kind_of_a_source_removes_its_url(root: Client, acme: Tenant) -> None:
    source = DataSource(tenant=acme, slug="crm", kind="postgresql")
    source.url = URL
    source.save()
    fields = {"tenant": acme.pk, "slug": "crm", "kind": "sqlite", "location": "/x.db", "url": ""}
    assert root.post(f"/admin/reports/datasource/{source.pk}/change/", fields).status_code == 302
    source.refresh_from_db()
    assert (source.location, source.encrypted_url) == ("/x.db", "")


def test_rights_on_a_report_are_granted_and_revoked_in_the_admin(
    root: Client, report: ReportConfiguration, people: dict[str, User]
) -> None:
    dave, manage = people["dave"], f"/admin/reports/reportconfiguration/{report.pk}/permissions/"
    answer = root.post(manage, {"submit_manage_user": "1", "user": "dave"})
    assert answer.status_code == 302
    codename = Right.GENERATE.codename
    assert root.post(answer["Location"], {"permissions": [codename]}).status_code == 302
    assert UserGrant.objects.filter(user=dave, content_object=report, permission__codename=codename).exists()
    assert ReportConfiguration.objects.granted(dave, Right.GENERATE).filter(pk=report.pk).exists()
    assert root.post(answer["Location"], {"submit": "Save"}).status_code == 302
    assert not UserGrant.objects.filter(user=dave).exists()
    granted, revoked = AuditLog.objects.filter(action="Report Update", target_id=report.pk).order_by("sequence")
    assert granted.details == {"report": "sales", "rightsOf": "user:dave", "rights": ["generate"]}
    assert revoked.details["rights"] == []


def test_roles_can_be_granted_view_and_generate_only(root: Client, report: ReportConfiguration) -> None:
    role = Group.objects.create(name="analysts")
    manage = f"/admin/reports/reportconfiguration/{report.pk}/permissions/group-manage/{role.pk}/"
    assert root.post(manage, {"permissions": [Right.VIEW.codename]}).status_code == 302
    assert root.post(manage, {"permissions": ["delete_reportconfiguration"]}).status_code == 200
    assert RoleGrant.objects.get(group=role).permission.codename == Right.VIEW.codename
    assert AuditLog.objects.get().details["rightsOf"] == "analysts"


def test_staff_reach_no_rights_of_another_tenants_report_or_user(
    staff: Client, globex: Tenant, report: ReportConfiguration, people: dict[str, User]
) -> None:
    manage = f"/admin/reports/reportconfiguration/{report.pk}/permissions/user-manage"
    assert staff.get(f"{manage}/{people['carol'].pk}/").status_code == 200
    assert staff.get(f"{manage}/{people['gina'].pk}/").status_code == 404
    other = ReportConfiguration.objects.create(tenant=globex, slug="other")
    assert staff.get(f"/admin/reports/reportconfiguration/{other.pk}/permissions/").status_code in (302, 404)


def test_jobs_reports_and_the_audit_log_are_read_only(
    root: Client, make_job: Callable[..., JobExecutionLog], people: dict[str, User]
) -> None:
    job = make_job("Failed")
    record(people["bob"])
    for page in (f"jobs/jobexecutionlog/{job.pk}", "audit/auditlog/1", f"reports/reportconfiguration/{job.report_id}"):
        assert root.get(f"/admin/{page}/change/").status_code == 200
        assert root.post(f"/admin/{page}/delete/", {"post": "yes"}).status_code == 403
    for page in ("jobs/jobexecutionlog", "audit/auditlog", "reports/reportconfiguration"):
        assert root.get(f"/admin/{page}/").status_code == 200
        assert root.get(f"/admin/{page}/add/").status_code == 403
    assert root.post(f"/admin/jobs/jobexecutionlog/{job.pk}/change/", {"status": "Queued"}).status_code == 403


def test_the_lists_of_the_admin_can_be_searched(
    root: Client, staff: Client, make_job: Callable[..., JobExecutionLog], people: dict[str, User]
) -> None:
    failed, other = make_job("Failed", by="erin"), make_job(by="bob")
    entry = record(people["bob"])
    by_carol = record(people["carol"])

    def found(client: Client, model: str, text: str) -> set[str]:
        links = Page(client.get(f"/admin/{model}/", {"q": text})).all("link")
        paths = [link["href"].partition("?")[0] for link in links]
        return {path.split("/")[-3] for path in paths if path.startswith(f"/admin/{model}/") and "/change/" in path}

    for client in (root, staff):
        assert found(client, "jobs/jobexecutionlog", "user:erin status:failed") == {str(failed.pk)}
        assert found(client, "jobs/jobexecutionlog", str(other.pk)) == {str(other.pk)}
        assert found(client, "jobs/jobexecutionlog", "colour:red") == set()
        assert found(client, "audit/auditlog", "carol") == {str(by_carol.pk)}
        assert found(client, "audit/auditlog", str(people["bob"].pk)) == {str(entry.pk)}
        assert found(client, "audit/auditlog", "nobody") == set()
        assert found(client, "audit/auditlog", " ") == {str(entry.pk), str(by_carol.pk)}


@only_on_sqlite
def test_a_superusers_list_of_jobs_uses_an_index(root: Client, make_job: Callable[..., JobExecutionLog]) -> None:
    make_job()
    for query, index in (("", "job_newest_of_all"), ("?status__exact=Queued", "job_all_of_status")):
        with CaptureQueriesContext(connection) as queries:
            assert root.get(f"/admin/jobs/jobexecutionlog/{query}").status_code == 200
        [statement] = [q["sql"] for q in queries if "ORDER BY" in q["sql"] and "error_trace" in q["sql"]]
        plan = plan_of(statement)
        assert index in plan and "TEMP B-TREE" not in plan, plan


def test_only_administrators_see_the_trace_of_a_job(staff: Client, make_job: Callable[..., JobExecutionLog]) -> None:
    job = make_job("Failed")
    assert "secret trace" not in staff.get(f"/admin/jobs/jobexecutionlog/{job.pk}/change/").content.decode()


def test_the_pages_of_django_q_are_removed() -> None:
    for model in ("task", "schedule", "success", "failure", "ormq"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:django_q_{model}_changelist")


def entries(action: str) -> list[tuple[str, str, object]]:
    logged = AuditLog.objects.filter(action=action).order_by("sequence")
    return [(entry.actor, entry.target_type, entry.details) for entry in logged]


def test_changes_in_the_admin_are_audited_without_secrets(root: Client, acme: Tenant) -> None:
    fields = {"tenant": acme.pk, "slug": "crm", "kind": "postgresql", "location": "", "url": URL}
    assert root.post("/admin/reports/datasource/add/", fields).status_code == 302
    source = DataSource.objects.get()
    other = URL.replace("s3cret-word", "n3w-word")
    change = f"/admin/reports/datasource/{source.pk}/change/"
    assert root.post(change, fields | {"slug": "crm2", "url": other}).status_code == 302
    assert root.post(change, fields | {"slug": "crm2", "url": ""}).status_code == 302
    assert entries("Admin Create") == [("root", "data source", {"name": "crm"})]
    named = "Connection URL (leave empty to keep)"
    assert entries("Admin Update") == [("root", "data source", {"name": "crm2", "fields": ["Slug", named]})]
    delete = {"action": "delete_selected", "_selected_action": [str(source.pk)], "post": "yes"}
    assert root.post("/admin/reports/datasource/", delete).status_code == 302
    assert not DataSource.objects.exists()
    assert entries("Admin Delete") == [("root", "data source", {"name": "crm2"})]
    assert {entry.tenant_id for entry in AuditLog.objects.all()} == {acme.pk}


@pytest.mark.django_db(databases={"default", settings.COUNTERS_DATABASE})
def test_changes_of_users_and_their_passwords_are_audited(
    root: Client, people: dict[str, User], browse: Browse, acme: Tenant
) -> None:
    role = Group.objects.create(name="analysts")
    carol = people["carol"]
    fields = {"username": "carol", "tenant": acme.pk, "is_active": "on", "groups": [role.pk]}
    assert root.post(f"/admin/accounts/user/{carol.pk}/change/", fields).status_code == 302
    passwords = {"password1": "another long one 7", "password2": "another long one 7", "usable_password": "true"}
    assert root.post(f"/admin/accounts/user/{carol.pk}/password/", passwords).status_code == 302
    alice = browse("alice")
    own = {"old_password": PASSWORD, "new_password1": "my very own 8", "new_password2": "my very own 8"}
    assert alice.post("/admin/password_change/", own).status_code == 302
    assert [(actor, details) for actor, _, details in entries("Admin Update")] == [
        ("root", {"name": "carol", "fields": ["Roles"]}),
        ("root", {"name": "carol", "fields": ["password"]}),
        ("alice", {"name": "alice", "fields": ["Password"]}),
    ]
    assert "very own" not in str(list(AuditLog.objects.values_list("details", flat=True)))


def test_a_connection_can_be_tested_in_the_admin(root: Client, browse: Browse, acme: Tenant, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "here.db")) as database:
        database.execute("create table t (x)")
    here = DataSource.objects.create(tenant=acme, slug="here", kind="sqlite", location=str(tmp_path / "here.db"))
    gone = DataSource.objects.create(tenant=acme, slug="gone", kind="sqlite", location=str(tmp_path / "gone.db"))
    test = {"action": "test_connection", "_selected_action": [str(here.pk), str(gone.pk)]}
    for client in (root, browse("alice")):
        text = client.post("/admin/reports/datasource/", test, follow=True).content.decode()
        assert "Data source here is working." in text
        assert '<li class="error">Data source gone: ' in text
    fields = {"tenant": acme.pk, "slug": "here", "kind": "sqlite", "location": here.location, "_test": "1"}
    answer = root.post(f"/admin/reports/datasource/{here.pk}/change/", fields, follow=True)
    assert answer.redirect_chain[-1][0] == f"/admin/reports/datasource/{here.pk}/change/"
    assert "Data source here is working." in answer.content.decode()


def test_a_location_must_be_in_a_folder_that_the_operator_allows(
    root: Client, acme: Tenant, tmp_path: Path, settings: Settings
) -> None:
    address = "/admin/reports/datasource/add/"

    def add(slug: str, location: Path) -> str:
        fields = {"tenant": acme.pk, "slug": slug, "kind": "sqlite", "location": str(location)}
        return root.post(address, fields, follow=True).content.decode()

    settings.SOURCE_FOLDERS = []
    assert "not in a folder that the server&#x27;s operator allows" in add("first", tmp_path / "x.db")
    settings.SOURCE_FOLDERS = [tmp_path, Path(settings.DATA_DIR)]
    assert "belongs to the server itself" in add("second", Path(settings.DATA_DIR) / "reportserver.sqlite3")
    assert "was added successfully" in add("third", tmp_path / "x.db")
    assert [source.slug for source in DataSource.objects.all()] == ["third"]
    source = DataSource.objects.get()
    settings.SOURCE_FOLDERS = []
    assert source.spec().rules.error(source.location)
    DataSource.objects.update(is_operators=True)
    assert DataSource.objects.get().spec().rules.error(source.location) is None


def test_the_page_and_the_test_of_a_source_warn_of_an_account_that_may_write(root: Client, acme: Tenant) -> None:
    source = DataSource(tenant=acme, slug="crm", kind="postgresql")
    with postgres_server() as url:
        source.url = with_password(url)
        source.save()
        address = f"/admin/reports/datasource/{source.pk}/change/"
        fields = {"tenant": acme.pk, "slug": "crm", "kind": "postgresql", "_test": "1"}
        for page in (root.get(address), root.post(address, fields, follow=True)):
            assert "Data source crm: The account in its URL is a superuser" in page.content.decode()


def test_the_admin_has_the_menu_and_the_colors_of_the_other_pages(root: Client) -> None:
    page = Page(root.get("/admin/"))
    menu = page.get("navigation", "Main")
    assert menu.get("link", "Jobs")["href"] == "/jobs"
    assert menu.get("link", "Admin")["aria-current"] == "page"
    assert "dark_mode" not in page.source and "theme.js" not in page.source
