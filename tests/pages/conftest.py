"""Two tenants, six users with fixed rights, a report with every kind of parameter, its jobs, and browsers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from accounts.models import Tenant, User
from jobs.models import Artifact, JobExecutionLog
from jobs.status import Status
from reports.models import DataSource, ReportConfiguration, ReportVersion, UserGrant
from reports.targets.models import DeliveryTarget
from tests.server import Client as ApiClient
from tests.server import RunningServer

PASSWORD = "a long password 1"
PARAMETERS = [
    {"name": "start", "type": "date", "required": True, "label": "From"},
    {"name": "least", "type": "integer", "default": 5, "minimum": 0, "maximum": 10, "help": "How many at least."},
    {"name": "share", "type": "number"},
    {"name": "since", "type": "datetime", "default": "2024-02-03T04:05:06Z"},
    {"name": "only_new", "type": "boolean", "default": True},
    {"name": "weekend", "type": "boolean"},
    {"name": "region", "type": "string", "choices": ["north", "south"]},
    {"name": "days", "type": "string", "choices": ["mon", "tue"], "multiple": True, "default": ["mon"]},
    {"name": "codes", "type": "integer", "multiple": True},
    {"name": "format", "type": "string", "max_length": 3},
]


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme Inc.")


@pytest.fixture
def globex(db: None) -> Tenant:
    return Tenant.objects.create(slug="globex", name="Globex")


@pytest.fixture
def people(acme: Tenant, globex: Tenant) -> dict[str, User]:
    """alice administers Acme; bob may generate and view, carol view, erin generate; dave has no rights.

    gina administers Globex.
    """
    users = {
        name: User.objects.create_user(name, password=PASSWORD, tenant=globex if name == "gina" else acme)
        for name in ("alice", "bob", "carol", "dave", "erin", "gina")
    }
    administrators = Group.objects.create(name="Administrator")
    users["alice"].groups.add(administrators)
    users["gina"].groups.add(administrators)
    return users


@pytest.fixture
def report(acme: Tenant, people: dict[str, User]) -> ReportConfiguration:
    report = make_report(acme, "sales", "Sales <by> region", PARAMETERS)
    for name, right in (("bob", "generate"), ("bob", "view"), ("carol", "view"), ("erin", "generate")):
        permission = Permission.objects.get(codename=f"{right}_reportconfiguration")
        UserGrant.objects.create(content_object=report, user=people[name], permission=permission)
    return report


def make_report(
    tenant: Tenant, slug: str, name: str, parameters: list[dict[str, Any]], mode: str = "asynchronous"
) -> ReportConfiguration:
    source, _ = DataSource.objects.get_or_create(tenant=tenant, slug="nowhere", kind="sqlite", location="/nowhere.db")
    report = ReportConfiguration.objects.create(tenant=tenant, slug=slug)
    version = ReportVersion.objects.create(
        report=report, number=1, name=name, description="What was sold.", data_source=source, query="select 1",
        parameters=parameters, formats=["csv", "json"], created_by="alice",
    )  # fmt: skip
    DeliveryTarget.objects.create(version=version, kind="api_response", mode=mode)
    report.current = version
    report.save()
    return report


@pytest.fixture
def make_job(report: ReportConfiguration, people: dict[str, User]) -> Callable[..., JobExecutionLog]:
    """Return a function that creates a job in a status, queued a second later than the job before."""
    begin = timezone.now() - timedelta(hours=1)
    jobs: list[JobExecutionLog] = []

    def make(status: str = "Queued", by: str = "bob", **fields: Any) -> JobExecutionLog:
        at = begin + timedelta(seconds=len(jobs))
        values = _request_fields(report, people[by], at) | _status_fields(status, at) | fields
        job = JobExecutionLog.objects.create(status=status, **values)
        if status == Status.SUCCEEDED:
            expires = timezone.now() + timedelta(days=1)
            Artifact.objects.create(
                job=job, fence=1, size=1_234_567, sha256="ab" * 32, rows=1500, stamp="x", expires_at=expires
            )
        jobs.append(job)
        return job

    return make


def _request_fields(report: ReportConfiguration, user: User, at: Any) -> dict[str, Any]:
    assert report.current
    return {
        "tenant": report.tenant, "report": report, "version": report.current, "report_uuid": report.pk,
        "report_slug": report.slug, "report_name": report.current.name, "version_number": 1, "requested_by": user,
        "requested_by_name": user.username, "format": "csv", "queued_at": at, "available_at": at, "max_attempts": 3,
        "timeout_seconds": 60, "parameters": {"start": "2024-01-01"},
    }  # fmt: skip


def _status_fields(status: str, at: Any) -> dict[str, Any]:
    if status == Status.QUEUED:
        return {}
    values = {"started_at": at, "attempt": 1, "fence": 1}
    if status == Status.RUNNING:
        later = at + timedelta(days=1)
        return values | {"owner": "w", "lease_expires_at": later, "deadline_at": later, "percent": 40, "rows": 12}
    failed = {"error_code": "query_failed", "error_message": "The query was <refused>.", "error_trace": "secret trace"}
    return values | {"ended_at": at + timedelta(seconds=75)} | (failed if status == Status.FAILED else {})


@pytest.fixture
def browse(people: dict[str, User]) -> Callable[[str], Client]:
    """Return a function that signs a test client in as one of the users."""

    def sign_in(name: str) -> Client:
        client = Client()
        client.force_login(people[name])
        return client

    return sign_in


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    return client


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Closed after each module: while Playwright runs, Django takes this thread for an asynchronous one.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, server: RunningServer) -> Iterator[Callable[..., Page]]:
    """Return a function that signs a user in and opens a page.

    The test fails if the browser logs an error, a script throws one, or a page requests something from another host.
    """
    errors: list[str] = []
    contexts = []

    def watch(page: Page) -> None:
        def on_console(message: ConsoleMessage) -> None:
            if message.type == "error":
                errors.append(f"{page.url}: {message.text}")

        def on_request(request: Request) -> None:
            if not request.url.startswith((f"{server.url}/", "data:", "blob:")):
                errors.append(request.url)

        page.on("console", on_console)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", on_request)

    def sign_in(name: str, path: str = "/", **options: object) -> Page:
        context = chromium.new_context(base_url=server.url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(path)
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(f"{name}-password-1")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        return page

    yield sign_in
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def create_report(alice: ApiClient) -> Iterator[Callable[[str], None]]:
    """Return a function that copies a report for this test, and delete the copies afterwards.

    Ask for it before `visit`: pages are closed first, which would otherwise report that their report is gone.
    """
    definition = alice.get("/reports/sales-by-region").json()["definition"]
    slugs: list[str] = []

    def create(slug: str) -> None:
        slugs.append(slug)
        assert alice.post("/reports", json={**definition, "slug": slug, "name": slug.title()}).status_code == 201

    yield create
    for slug in slugs:
        assert alice.request("DELETE", f"/reports/{slug}").status_code in (204, 404)
