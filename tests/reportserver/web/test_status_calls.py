"""Usual status calls are answered before Django, and exactly as Django answers them."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory
from django.urls import resolve
from guardian.shortcuts import assign_perm
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import Tenant, User
from jobs.api.serializers import JobSerializer
from jobs.execution import transitions
from jobs.failures import Failure
from jobs.models import JobExecutionLog
from reportserver.auth.tokens import sign_in
from reportserver.web import status_calls
from reportserver.web.status_calls import StatusCalls
from tests.jobs.conftest import claimed, queued, report, succeed, user
from tests.jobs.delivery.helpers import Succeed

__all__ = ["claimed", "queued", "report", "succeed", "user"]

Answer = tuple[str, dict[str, str], bytes]
#: These differ from call to call.
CHANGING = ("X-Request-ID", "RateLimit", "Content-Security-Policy")
django = WSGIHandler()


def passed_on(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("299 Passed on", [])
    return [b"null"]


def call(application: Any, token: str, job_id: object, **environ: str) -> Answer:
    answers: list[Any] = []
    request = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": f"/api/v1/jobs/{job_id}",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "*/*",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        **environ,
    }
    body = b"".join(application(request, lambda status, headers, *_: answers.append((status, dict(headers)))))
    status, headers = answers[0]
    return status, headers, body


def token_of(user: User) -> str:
    return str(sign_in(user, RequestFactory().post("/"))["access"])


@pytest.fixture(autouse=True)
def open_connection() -> Iterator[None]:
    """Keep the connection of the test's transaction open after a request, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def admin(user: User) -> User:
    admin = User.objects.create_user("root", tenant=user.tenant)
    admin.groups.add(Group.objects.get_or_create(name="Administrator")[0])
    return admin


@pytest.fixture
def jobs(queued: Callable[[], JobExecutionLog], succeed: Succeed, report: Any, user: User) -> list[JobExecutionLog]:
    """A job in each status. The user may generate."""
    assign_perm("generate_reportconfiguration", user, report)
    succeeded = succeed("json")
    queued()
    failed = transitions.claim(owner="w", host="h", pid=1)
    assert failed
    transitions.fail(failed, Failure("query_failed", "The query failed."))
    queued()
    running = transitions.claim(owner="w", host="h", pid=1)
    assert running
    return [succeeded, failed, running, queued()]


def test_the_answer_and_the_log_line_are_those_of_django(
    jobs: list[JobExecutionLog], user: User, admin: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "reportserver.calls")
    statuses = set()
    for token in (token_of(user), token_of(admin)):
        for job in jobs:
            for more in ({}, {"HTTP_ACCEPT": "application/json", "HTTP_X_REQUEST_ID": "mine-12345"}):
                caplog.clear()
                usual = call(StatusCalls(passed_on), token, job.pk, **more)
                by_django = call(django, token, job.pk, **more)
                assert usual[0] == by_django[0] == "200 OK"
                assert _stable(usual) == _stable(by_django)
                assert usual[1].keys() == by_django[1].keys()
                assert usual[1]["RateLimit"] != by_django[1]["RateLimit"], "both are counted"
                lines = [
                    {
                        name: value
                        for name, value in vars(record).items()
                        if name in ("call", "user", "job_id", "tenant", "status")
                    }
                    for record in caplog.records
                ]
                assert lines[0] == lines[1]
                statuses.add(json.loads(usual[2])["status"])
    assert statuses == {"Queued", "Running", "Succeeded", "Failed"}


def _stable(answer: Answer) -> Any:
    """The answer without what changes from call to call."""
    body = json.loads(answer[2])
    if body and body["queue"]:
        body["queue"]["estimatedStart"] = None
    return {name: value for name, value in answer[1].items() if name not in (*CHANGING, "Content-Length")}, body


def test_the_body_has_the_keys_that_the_document_describes(jobs: list[JobExecutionLog], admin: User) -> None:
    _, _, body = call(StatusCalls(passed_on), token_of(admin), jobs[0].pk)
    described = JobSerializer().fields
    assert list(json.loads(body)) == list(described)
    for name in ("report", "progress", "result"):
        assert list(json.loads(body)[name]) == list(described[name].fields)  # type: ignore[attr-defined]
    assert list(json.loads(body)["results"][0]) == list(described["results"].child.fields)  # type: ignore[attr-defined]


def test_a_client_that_has_the_answer_gets_304_with_the_same_headers(jobs: list[JobExecutionLog], user: User) -> None:
    token = token_of(user)
    etag = call(StatusCalls(passed_on), token, jobs[0].pk)[1]["ETag"]
    usual = call(StatusCalls(passed_on), token, jobs[0].pk, HTTP_IF_NONE_MATCH=etag)
    by_django = call(django, token, jobs[0].pk, HTTP_IF_NONE_MATCH=etag)
    assert usual[0] == by_django[0] == "304 Not Modified" and usual[2] == by_django[2] == b""
    assert usual[1].keys() == by_django[1].keys()
    assert call(StatusCalls(passed_on), token, jobs[0].pk, HTTP_IF_NONE_MATCH='W/"other"')[0] == "200 OK"


@pytest.mark.parametrize(
    "environ",
    [
        {"REQUEST_METHOD": "HEAD"},
        {"REQUEST_METHOD": "POST"},
        {"QUERY_STRING": "format=json"},
        {"HTTP_ACCEPT": "application/problem+json"},
        {"HTTP_PREFER": "wait=5"},
        {"HTTP_ORIGIN": "https://app.example"},
        {"CONTENT_LENGTH": "2"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": ""},
        {"HTTP_AUTHORIZATION": ""},
        {"HTTP_AUTHORIZATION": "Basic YTpi"},
        {"HTTP_AUTHORIZATION": "Bearer"},
        {"HTTP_AUTHORIZATION": "Bearer two words"},
        {"HTTP_AUTHORIZATION": "Bearer nonsense"},
        {"HTTP_AUTHORIZATION": "Bearer \xff"},
        {"HTTP_AUTHORIZATION": "Bearer rsk_abc_def"},
    ],
)
def test_django_answers_whatever_is_not_usual(
    environ: dict[str, str], jobs: list[JobExecutionLog], user: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    status_calls._constant_headers.cache_clear()
    assert call(StatusCalls(passed_on), token_of(user), jobs[0].pk, **environ)[0] == "299 Passed on"


def test_django_refuses_who_may_not_see_the_job(jobs: list[JobExecutionLog], user: User, report: Any) -> None:
    job, token = jobs[0].pk, token_of(user)
    other = User.objects.create_user("eve", tenant=user.tenant)
    foreign = User.objects.create_user("mallory", tenant=Tenant.objects.create(slug="globex", name="Globex"))
    for stranger in (other, foreign):
        assert call(StatusCalls(passed_on), token_of(stranger), job)[0] == "299 Passed on"
    assert call(StatusCalls(passed_on), token, "00000000-0000-4000-8000-000000000000")[0] == "299 Passed on"
    assert call(StatusCalls(passed_on), token, job)[0] == "200 OK"
    user.is_active = False
    user.save()
    assert call(StatusCalls(passed_on), token, job)[0] == "299 Passed on"


def test_django_refuses_too_many_calls(
    jobs: list[JobExecutionLog], user: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(user)
    assert call(StatusCalls(passed_on), token, jobs[0].pk)[0] == "200 OK"
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "api": 3}
    answers = [call(StatusCalls(passed_on), token, jobs[0].pk)[0] for _ in range(4)]
    assert answers[-1] == "299 Passed on"
    assert call(django, token, jobs[0].pk)[0] == "429 Too Many Requests"


def test_a_cached_token_is_refused_once_it_has_expired(jobs: list[JobExecutionLog], user: User) -> None:
    access = AccessToken(token_of(user))
    access.set_exp(lifetime=timedelta(seconds=2))
    assert call(StatusCalls(passed_on), str(access), jobs[0].pk)[0] == "200 OK"
    time.sleep(2.1)
    assert call(StatusCalls(passed_on), str(access), jobs[0].pk)[0] == "299 Passed on"
    assert call(django, str(access), jobs[0].pk)[0] == "401 Unauthorized"


def test_the_path_is_the_one_of_the_url_configuration() -> None:
    assert resolve(status_calls._EXAMPLE).url_name == "api-job"
