"""Translation of exceptions to HTTP responses."""

from __future__ import annotations

import inspect
import json
from types import ModuleType

import pytest
from django.db import DatabaseError
from django.http import HttpRequest
from django.test import RequestFactory
from rest_framework.request import Request

from common.exceptions import DomainError
from jobs import exceptions as jobs
from reports import exceptions as reports
from reportserver import error_responses


def handle(error: Exception, accept: str = "*/*") -> tuple[int, dict[str, object], str]:
    request = RequestFactory().get("/api/v1/jobs", headers={"Accept": accept})
    request.resolver_match = type("Match", (), {"route": "api/v1/jobs"})()
    response = error_responses.exception_handler(error, {"request": Request(request)})
    return response.status_code, json.loads(response.content), response["Content-Type"]


#: A bug; errors that the view of a page shows itself; a base class; errors of workers and commands.
WITHOUT_STATUS = {
    jobs.IllegalTransition,
    jobs.InvalidSavedView,
    jobs.TooManySavedViews,
    jobs.ResultUnavailable,
    jobs.ClaimsBusy,
    jobs.HostFault,
    jobs.WrongStore,
}


@pytest.mark.parametrize("module", [jobs, reports])
def test_every_error_that_a_call_can_end_with_has_a_status(module: ModuleType) -> None:
    kinds = {kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, DomainError)}
    # The failures of jobs are reported in their status, not as errors of a call.
    answered = {kind for kind in kinds - {DomainError} - WITHOUT_STATUS if not issubclass(kind, reports.RunError)}
    assert answered
    assert {kind for kind in answered if not any(base in error_responses.STATUS for base in kind.__mro__)} == set()


def test_a_subclass_has_the_status_of_its_base() -> None:
    class Special(jobs.ReportNotSynchronous):
        """A special one."""

    assert handle(Special())[:2] == (409, {"error": "A special one.", "code": "report_not_synchronous"})


def test_an_unknown_error_says_nothing_about_the_server(caplog: pytest.LogCaptureFixture) -> None:
    status, body, _ = handle(RuntimeError("secret"))
    assert (status, body["code"]) == (500, "internal_error")
    assert "secret" not in str(body)
    assert "secret" in caplog.text, "but the log has it"


def test_what_a_driver_said_is_left_out() -> None:
    assert handle(DomainError("A sentence.", driver="host db1", hint="x"))[1] == {
        "error": "A sentence.", "code": "error", "hint": "x",
    }  # fmt: skip


def test_a_database_that_does_not_answer_is_a_503() -> None:
    assert handle(DatabaseError("db1:5432 refused"))[:2] == (
        503,
        {
            "error": "The server's database is not responding. Nothing was changed. Try again shortly.",
            "code": "unavailable",
        },
    )


def test_a_problem_has_the_http_status_as_a_number() -> None:
    error = DomainError("A sentence.", status="Running")
    status, plain, content_type = handle(error)
    assert (plain["status"], content_type) == ("Running", "application/json")
    _, problem, content_type = handle(error, accept=error_responses.PROBLEM)
    assert content_type == error_responses.PROBLEM
    assert problem == {
        "error": "A sentence.", "code": "error", "type": "about:blank", "title": "Internal Server Error",
        "detail": "A sentence.", "instance": "/api/v1/jobs", "status": status,
    }  # fmt: skip


def test_pages_show_an_error_and_its_headers() -> None:
    request: HttpRequest = RequestFactory().get("/jobs")
    response = error_responses.domain_error_page(request, jobs.QueueUnavailable())
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "<html" in response.content.decode()
