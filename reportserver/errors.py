"""The one place where exceptions become HTTP answers."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRedirect
from rest_framework import exceptions as drf

from common import form_recovery
from common.api.negotiation import accepted
from common.exceptions import DomainError
from jobs import exceptions as jobs
from reports import exceptions as reports

log = logging.getLogger("reportserver.errors")
PROBLEM = "application/problem+json"

STATUS: dict[type[DomainError], int] = {
    reports.ReportNotFound: 404,
    reports.VersionNotFound: 404,
    reports.AmbiguousReport: 409,
    reports.ReportIncomplete: 409,
    reports.ReportChanged: 409,
    reports.InvalidParameters: 400,
    reports.InvalidDefinition: 400,
    jobs.JobNotFound: 404,
    jobs.ReportNotAsynchronous: 409,
    jobs.ReportNotSynchronous: 409,
    jobs.ReportConfigurationMissing: 409,
    jobs.JobNotFailed: 409,
    jobs.JobAlreadyRetried: 409,
    jobs.JobAlreadyEnded: 409,
    jobs.TooManyJobs: 429,
    jobs.InvalidIdempotencyKey: 400,
    jobs.IdempotencyConflict: 422,
    jobs.ResultNotReady: 409,
    jobs.ResultOfFailedJob: 410,
    jobs.ResultMissing: 500,
    jobs.RangeNotSatisfiable: 416,
    jobs.NoFailedDelivery: 409,
    jobs.ResultPurged: 409,
    jobs.QueueUnavailable: 503,
}

_DRF_CODES: dict[type[drf.APIException], str] = {
    drf.ParseError: "malformed_json",
    drf.NotAuthenticated: "not_authenticated",
    drf.AuthenticationFailed: "not_authenticated",
    drf.PermissionDenied: "permission_denied",
    drf.NotFound: "not_found",
    drf.MethodNotAllowed: "method_not_allowed",
    drf.UnsupportedMediaType: "unsupported_media_type",
    drf.Throttled: "throttled",
    drf.ValidationError: "invalid_parameters",
}


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Answer any exception of an API view with the error body of the contract (DRF's EXCEPTION_HANDLER)."""
    request = context["request"]._request
    status, body, headers = _translate(error)
    if status >= 500:
        said = {"driver": error.details.get("driver")} if isinstance(error, DomainError) else {}
        log.error("%s failed: %s", request.resolver_match.route, body["code"], exc_info=error, extra=said)
    body, content_type = negotiated(request, status, body)
    # Not DRF's Response: it would be written by the view's renderer, which may know only HTML or YAML.
    return JsonResponse(body, status=status, headers=headers, content_type=content_type)


def negotiated(request: HttpRequest, status: int, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The body as the client asked for it: plain, or with the members of RFC 9457 (whose `status` is a number)."""
    # Only for who names it: who takes anything has not asked for more than the plain body.
    if accepted(request.headers.get("Accept", "")).get(PROBLEM, 0) <= 0:
        return body, "application/json"
    title = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "detail": body["error"], "instance": request.path}
    return {**body, **problem, "status": status}, PROBLEM


def _translate(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    if isinstance(error, DomainError):
        return _status_of(error), _domain_body(error), _domain_headers(error)
    if isinstance(error, drf.APIException):
        return error.status_code, _drf_body(error), _drf_headers(error)
    if isinstance(error, Http404):
        return 404, {"error": "Not found.", "code": "not_found"}, {}
    if isinstance(error, PermissionDenied):
        return 403, {"error": str(error) or "You have no right to do this.", "code": "permission_denied"}, {}
    if isinstance(error, RequestDataTooBig):
        return 413, {"error": "The request body is too large.", "code": "request_too_large"}, {}
    if isinstance(error, UnreadablePostError):
        return 400, {"error": "The request body ended before its time.", "code": "unreadable_body"}, {}
    if isinstance(error, RecursionError):  # only a JSON parser recurses as deep as its input says
        return 400, {"error": "JSON parse error - nested too deeply.", "code": "malformed_json"}, {}
    if isinstance(error, DatabaseError):
        sentence = "The server's database does not answer. Nothing was changed; try again shortly."
        return 503, {"error": sentence, "code": "unavailable"}, {"Retry-After": "5"}
    return 500, {"error": "Internal server error. The log has the details.", "code": "internal_error"}, {}


def _domain_body(error: DomainError) -> dict[str, Any]:
    # What a driver said may name hosts, paths and SQL: it is for Administrators, in the log and on the job's page.
    details = {name: value for name, value in error.details.items() if name != "driver"}
    return {"error": error.message, "code": error.code, **details}


def _status_of(error: DomainError) -> int:
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def _domain_headers(error: DomainError) -> dict[str, str]:
    if isinstance(error, jobs.RangeNotSatisfiable):
        return {"Content-Range": f"bytes */{error.size}", "Accept-Ranges": "bytes"}
    later = (jobs.TooManyJobs, jobs.ResultNotReady, jobs.QueueUnavailable)
    return {"Retry-After": "2"} if isinstance(error, later) else {}


def _drf_body(error: drf.APIException) -> dict[str, Any]:
    code = next((_DRF_CODES[kind] for kind in type(error).__mro__ if kind in _DRF_CODES), "error")
    if isinstance(error, drf.ValidationError):
        fields = error.detail if isinstance(error.detail, dict) else {"body": error.detail}
        return {"error": "The request is not valid.", "code": code, "fields": fields}
    return {"error": _sentence(error), "code": code}


def _sentence(error: drf.APIException) -> str:
    detail: Any = error.detail
    return str(detail.get("detail", error.default_detail) if isinstance(detail, dict) else detail)


def _drf_headers(error: drf.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


# --- Outside of DRF's views: unknown addresses, and what breaks before a view runs ------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(request, 400, "bad_request", "The request is not valid.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(request, 403, "permission_denied", "You have no right to do this.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(request, 404, "not_found", "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _plain(request, 500, "internal_error", "Internal server error. The log has the details.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A long form is there again with a new token: whoever signed in anew in another tab has only an old one."""
    if form_recovery.save_form(request):
        here = request.get_full_path()
        return HttpResponseClientRedirect(here) if "HX-Request" in request.headers else redirect(here)
    return _plain(
        request, 403, "csrf_failed", "The form is too old or came from elsewhere. Reload the page and try again."
    )


def refused_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page of an error that a page's view let through; the API's views have their handler above."""
    response = _plain(request, _status_of(error), error.code, error.message)
    for name, value in _domain_headers(error).items():
        response[name] = value
    return response


def _plain(request: HttpRequest, status: int, code: str, sentence: str) -> HttpResponse:
    if not request.path.startswith("/api/"):
        context = {"status": status, "sentence": sentence, "request_id": getattr(request, "request_id", "")}
        return render(request, "error.html", context, status=status)
    body, content_type = negotiated(request, status, {"error": sentence, "code": code})
    return JsonResponse(body, status=status, content_type=content_type)
