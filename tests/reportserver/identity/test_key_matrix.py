"""Every call of the API with every kind of key. A new call without an expectation here fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from accounts.models import Tenant, User
from jobs.models import Connection, Delivery, JobExecutionLog
from reports.models import DataSource, ReportConfiguration
from reportserver.urls import urlpatterns
from schedules import actions
from schedules.definitions import parse_schedule
from tests.pages.conftest import make_report
from tests.reportserver.identity.conftest import MakeKey, with_key

pytestmark = pytest.mark.django_db(databases="__all__")

METHODS = ("get", "post", "put", "patch", "delete")


class Kind(NamedTuple):
    """A key: whose it is, and its limits. bob has both rights on the report "sales"; alice is an Administrator."""

    user: str
    rights: Sequence[str]
    reports: Sequence[str] | None = None


KINDS = {
    "view": Kind("bob", ["view"]),
    "generate": Kind("bob", ["generate"]),
    "both": Kind("bob", ["view", "generate"]),
    "both, for sales": Kind("bob", ["view", "generate"], ["sales"]),
    "both, for another report": Kind("bob", ["view", "generate"], ["other"]),
    "alice's view": Kind("alice", ["view"]),
    "alice's both": Kind("alice", ["view", "generate"]),
    "alice's both, for another report": Kind("alice", ["view", "generate"], ["other"]),
    "alice's administer": Kind("alice", ["administer"]),
}

# What the key allows of a call that its user may make. The report is "sales", the job and the schedule are bob's.
READ = {"view", "both", "both, for sales", "alice's view", "alice's both", "alice's administer"}
RUN = {"generate", "both", "both, for sales", "alice's both", "alice's administer"}
#: What concerns bob's own job or schedule is his, and an Administrator's.
OWN = {"generate", "both", "both, for sales", "alice's administer"}
#: The generate right includes the user's own jobs, of which this is one of bob's.
READ_JOB = READ | {"generate"}
READ_REPORT = READ | RUN
ADMINISTER = {"alice's administer"}
#: Lists are filtered, and some calls are the same for everybody.
ANY = set(KINDS)
#: Calls about people and their keys.
NONE: set[str] = set()

EXPECTED: dict[str, set[str]] = {
    "get api/schema": ANY,
    "get api/docs": ANY,
    "get api/v1/me": ANY,
    "get api/v1/keys": NONE,
    "post api/v1/keys": NONE,
    "delete api/v1/keys/<str:key_id>": NONE,
    "get api/v1/identity-providers": NONE,
    "post api/v1/identity-providers": NONE,
    "get api/v1/identity-providers/<str:provider_id>": NONE,
    "patch api/v1/identity-providers/<str:provider_id>": NONE,
    "delete api/v1/identity-providers/<str:provider_id>": NONE,
    "post api/v1/identity-providers/<str:provider_id>/test": NONE,
    "get api/v1/reports": ANY,
    "post api/v1/reports": ADMINISTER,
    "get api/v1/reports/<str:key>": READ_REPORT,
    "put api/v1/reports/<str:key>": ADMINISTER,
    "patch api/v1/reports/<str:key>": ADMINISTER,
    "delete api/v1/reports/<str:key>": ADMINISTER,
    "post api/v1/reports/<str:key>/validate": ADMINISTER,
    "post api/v1/reports/<str:key>/resolve": RUN,
    "post api/v1/reports/<str:key>/generate": RUN,
    "post api/v1/reports/<str:key>/run": RUN,
    "get api/v1/reports/<str:key>/parameters/<str:name>/choices": RUN,
    "get api/v1/jobs": ANY,
    "get api/v1/jobs/<str:job_id>": READ_JOB,
    "get api/v1/jobs/<str:job_id>/result": READ_JOB,
    "get api/v1/jobs/<str:job_id>/events": READ_JOB,
    "get api/v1/jobs/<str:job_id>/deliveries": READ_JOB,
    "get api/v1/jobs/<str:job_id>/rows": READ_JOB,
    "get api/v1/jobs/<str:job_id>/compare": READ_JOB,
    # Another format of what the key can read anyway.
    "post api/v1/jobs/<str:job_id>/convert": READ_JOB,
    "post api/v1/deliveries/<str:delivery_id>/release": ADMINISTER,
    "post api/v1/deliveries/<str:delivery_id>/discard": ADMINISTER,
    "post api/v1/deliveries/<str:delivery_id>/revoke-link": OWN,
    "post api/v1/jobs/<str:job_id>/retry": ADMINISTER,
    "post api/v1/jobs/<str:job_id>/cancel": OWN,
    "get api/v1/schedules": ANY,
    "post api/v1/schedules": RUN,
    "post api/v1/schedules/preview": ANY,
    "get api/v1/schedules/<str:key>": OWN,
    "put api/v1/schedules/<str:key>": OWN,
    "patch api/v1/schedules/<str:key>": OWN,
    "delete api/v1/schedules/<str:key>": OWN,
    "post api/v1/schedules/<str:key>/run": OWN,
    "post api/v1/schedules/<str:key>/pause": OWN,
    "post api/v1/schedules/<str:key>/resume": OWN,
    "post api/v1/schedules/<str:key>/take-over": OWN,
    "post api/v1/schedules/<str:key>/backfill": OWN,
    "get api/v1/schedules/<str:key>/slots": OWN,
    "get api/v1/subscriptions": ANY,
    "put api/v1/schedules/<str:key>/subscription": READ,
    "delete api/v1/schedules/<str:key>/subscription": ANY,
    "get api/v1/sources": ADMINISTER,
    "post api/v1/sources": ADMINISTER,
    "get api/v1/sources/<str:key>": ADMINISTER,
    "put api/v1/sources/<str:key>": ADMINISTER,
    "patch api/v1/sources/<str:key>": ADMINISTER,
    "delete api/v1/sources/<str:key>": ADMINISTER,
    "post api/v1/sources/<str:key>/test": ADMINISTER,
    "get api/v1/sources/<str:key>/tables": ADMINISTER,
    "get api/v1/connections": ADMINISTER,
    "post api/v1/connections": ADMINISTER,
    "get api/v1/connections/<str:key>": ADMINISTER,
    "put api/v1/connections/<str:key>": ADMINISTER,
    "patch api/v1/connections/<str:key>": ADMINISTER,
    "delete api/v1/connections/<str:key>": ADMINISTER,
    "post api/v1/connections/<str:key>/test": ADMINISTER,
    "post api/v1/schedules/<str:key>/recipients": OWN,
    "post api/v1/schedules/<str:key>/slots/<int:slot_id>/retry": OWN,
    "get api/v1/sources/<str:key>/files": ADMINISTER,
    "post api/v1/sources/<str:key>/files": ADMINISTER,
    "delete api/v1/sources/<str:key>/files/<str:table>": ADMINISTER,
    "get api/v1/audit": ADMINISTER,
}
#: Calls that authenticate nobody by a header.
PUBLIC = {f"post api/v1/auth/token{suffix}" for suffix in ("", "/refresh", "/verify", "/revoke")}
BODIES: dict[str, dict[str, Any]] = {"post api/v1/schedules": {"report": "sales"}}


def calls(patterns: Sequence[URLPattern | URLResolver] = tuple(urlpatterns), before: str = "") -> Iterator[str]:
    """Method and route of every call of the API."""
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from calls(pattern.url_patterns, route)
        elif route.startswith("api/"):
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            methods = [method for method in METHODS if hasattr(view, method)] if view else ["get"]
            yield from (f"{method} {route}" for method in methods)


def test_every_call_has_an_expectation() -> None:
    assert set(calls()) == set(EXPECTED) | PUBLIC


@pytest.fixture
def urls(
    acme: Tenant, people: dict[str, User], report: ReportConfiguration, make_job: Callable[..., JobExecutionLog]
) -> dict[str, str]:
    """The values of the parts of addresses."""
    make_report(acme, "other", "Another report", [])
    entry = {"tenant": "acme", "report": "sales", "cron": "0 * * * *", "parameters": {"start": "2024-01-01"}}
    actions.create_schedule(definition=parse_schedule(entry | {"slug": "sales"}), tenant=acme, actor=people["bob"])
    DataSource.objects.create(tenant=acme, slug="sales", kind="sqlite", location="/sales.db")
    job = make_job("Succeeded")
    connection = Connection(tenant=acme, slug="sales", kind="slack")
    connection.secret = {"url": "http://127.0.0.1:1/x"}
    connection.save()
    delivery = Delivery.objects.create(job=job, kind="email", target="a@example.com", available_at=timezone.now())
    return {
        "<str:key>": "sales",
        "<str:name>": "start",
        "<str:table>": "sale",
        "<str:job_id>": str(job.pk),
        "<str:delivery_id>": str(delivery.pk),
        "<str:key_id>": "0" * 16,
        "<str:provider_id>": "0" * 16,
        "<int:slot_id>": "1",
    }


@pytest.mark.parametrize("call", EXPECTED)
def test_a_key_allows_what_it_says_and_nothing_else(call: str, urls: dict[str, str], make_key: MakeKey) -> None:
    method, _, path = call.partition(" ")
    for placeholder, value in urls.items():
        path = path.replace(placeholder, value)
    allowed = set()
    for name, kind in KINDS.items():
        text = make_key(kind.user, kind.rights, kind.reports)
        with transaction.atomic():
            answer = getattr(with_key(text), method)(f"/{path}", BODIES.get(call, {}), format="json")
            transaction.set_rollback(True)
        assert answer.status_code != 401, name
        if answer.status_code != 403:
            allowed.add(name)
            continue
        lacks_the_right_too = kind.user == "bob" and EXPECTED[call] == ADMINISTER
        assert answer.json()["code"] == ("permission_denied" if lacks_the_right_too else "key_scope"), name
    assert allowed == EXPECTED[call]
