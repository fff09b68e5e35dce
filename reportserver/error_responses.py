"""Turns exceptions into HTTP responses: the only module that does."""

from __future__ import annotations

import logging
from http import HTTPStatus
from itertools import chain
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_noop
from django_htmx.http import HttpResponseClientRedirect
from rest_framework import exceptions as drf
from rest_framework.request import Request

from accounts import exceptions as accounts
from accounts.models import User
from common import form_recovery
from common.api.negotiation import parse_accept
from common.exceptions import DomainError
from common.throttling import TooManyCalls
from jobs import exceptions as jobs
from reports import exceptions as reports
from reportserver.auth import exceptions as auth
from reportserver.databases.errors import CommitUnconfirmed
from reportserver.openid.exceptions import ProviderNotFound
from schedules import exceptions as schedules

log = logging.getLogger("reportserver.errors")
PROBLEM = "application/problem+json"
_NO_ACCESS = gettext_noop("You don't have access.")
_KEY_SCOPE = "This API key can't be used for this: its rights or its reports don't include it."
_MAX_ADMINISTRATORS = 5
_INTERNAL = gettext_noop("Internal server error. The log has the details.")
_NOT_VALID = gettext_noop("The request is not valid.")

#: A subclass has its base class's status; an error without one is a 500.
STATUS: dict[type[DomainError], int] = {
    reports.ReportNotFound: 404,
    reports.VersionNotFound: 404,
    reports.AmbiguousReport: 409,
    reports.ReportIncomplete: 409,
    reports.ReportChanged: 409,
    reports.InvalidParameters: 400,
    reports.InvalidDefinition: 400,
    reports.WrongKey: 409,
    reports.SourceNotFound: 404,
    reports.AmbiguousSource: 409,
    reports.SourceInUse: 409,
    reports.TableNotFound: 404,
    reports.UploadLost: 410,
    reports.DryRunBusy: 503,
    reports.ChoicesNotFound: 404,
    reports.ChoicesUnavailable: 503,
    reports.CallerAttributeMissing: 403,
    reports.CallerAttributesChanged: 403,
    jobs.JobNotFound: 404,
    jobs.ReportNotAsynchronous: 409,
    jobs.ReportNotSynchronous: 409,
    jobs.ReportConfigurationMissing: 409,
    jobs.JobNotFailed: 409,
    jobs.JobAlreadyRetried: 409,
    jobs.JobAlreadyEnded: 409,
    jobs.TooManyJobs: 429,
    jobs.TooManyDownloads: 429,
    jobs.InvalidIdempotencyKey: 400,
    jobs.IdempotencyConflict: 422,
    jobs.ResultNotReady: 409,
    jobs.ResultOfFailedJob: 410,
    jobs.ResultMissing: 500,
    jobs.StorageUnavailable: 503,
    jobs.RangeNotSatisfiable: 416,
    jobs.RowsNotKept: 404,
    jobs.RowsBusy: 503,
    jobs.ComparisonFailed: 503,
    jobs.NoFailedDelivery: 409,
    jobs.DeliveryNotFound: 404,
    jobs.DeliveryNotHeld: 409,
    jobs.DeliveryNotAllowed: 409,
    jobs.ResultPurged: 409,
    jobs.QueueUnavailable: 503,
    jobs.LinkNotFound: 404,
    jobs.ConnectionNotFound: 404,
    jobs.AmbiguousConnection: 409,
    jobs.ConnectionInUse: 409,
    schedules.ScheduleNotFound: 404,
    schedules.AmbiguousSchedule: 409,
    schedules.OwnerMayNotRun: 409,
    schedules.ScheduleReportMissing: 409,
    schedules.ScheduleHasOwner: 409,
    schedules.NotSubscribable: 409,
    schedules.TooManySlots: 400,
    schedules.ScheduleChanged: 409,
    schedules.RecipientsUnusable: 400,
    schedules.RecipientsUnreadable: 400,
    schedules.NoRecipientsQuery: 409,
    schedules.NothingToRetry: 409,
    schedules.SlotNotFound: 404,
    auth.CodeRequired: 401,
    auth.SecondFactorRequired: 401,
    auth.TooManyFailures: 429,
    TooManyCalls: 429,
    accounts.TooManyNames: 429,
    accounts.KeyNotFound: 404,
    accounts.TooManyKeys: 409,
    auth.TooManySignIns: 429,
    ProviderNotFound: 404,
}
_WITH_RETRY_AFTER = (
    jobs.TooManyJobs,
    jobs.TooManyDownloads,
    jobs.ResultNotReady,
    jobs.QueueUnavailable,
    jobs.StorageUnavailable,
    jobs.RowsBusy,
    jobs.ComparisonFailed,
    reports.DryRunBusy,
    reports.ChoicesUnavailable,
    auth.TooManySignIns,
)

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
    """Return the contract's error body for any exception of an API view (DRF's EXCEPTION_HANDLER)."""
    request = context["request"]._request
    status, body, headers = _translate(error)
    if status == 403 and _key_is_the_reason(context["request"]):
        body = {"error": _KEY_SCOPE, "code": "key_scope"}
    if status >= 500:
        extra = {"driver": error.details.get("driver")} if isinstance(error, DomainError) else {}
        log.error("%s failed: %s", request.resolver_match.route, body["code"], exc_info=error, extra=extra)
    return _json_response(request, status, body, headers)


def _key_is_the_reason(request: Request) -> bool:
    """Whether the call was made with a key that doesn't allow what its user may do."""
    key = getattr(request.user, "key", None)
    return key is not None and key.withheld


def _translate(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of the response to an exception."""
    if isinstance(error, DomainError):
        # A driver's own message may name hosts, paths and SQL. It is in the log and, for Administrators, on the job's
        # page.
        details = {name: value for name, value in error.details.items() if name != "driver"}
        return _status(error), {"error": error.message, "code": error.code, **details}, _headers(error)
    if isinstance(error, drf.APIException):
        return _translate_drf(error)
    if isinstance(error, Http404):
        return 404, {"error": "Not found.", "code": "not_found"}, {}
    if isinstance(error, PermissionDenied):
        return 403, {"error": str(error) or _NO_ACCESS, "code": "permission_denied"}, {}
    if isinstance(error, RequestDataTooBig):
        return 413, {"error": "The request body is too large.", "code": "request_too_large"}, {}
    if isinstance(error, UnreadablePostError):
        return 400, {"error": "The request body ended too early.", "code": "unreadable_body"}, {}
    if isinstance(error, RecursionError):  # only the JSON parser recurses as deep as its input is nested
        return 400, {"error": "JSON parse error - nested too deeply.", "code": "malformed_json"}, {}
    if isinstance(error, CommitUnconfirmed):
        sentence = (
            "The server's database did not confirm that this was stored, so it may have been accepted. "
            "Look for it before you repeat the call, for example in GET /jobs; "
            "or repeat it with the same Idempotency-Key, which doesn't do anything twice."
        )
        return 503, {"error": sentence, "code": "unconfirmed"}, {}
    if isinstance(error, DatabaseError):
        sentence = "The server's database is not responding. Nothing was changed. Try again shortly."
        return 503, {"error": sentence, "code": "unavailable"}, {"Retry-After": "5"}
    return 500, {"error": _INTERNAL, "code": "internal_error"}, {}


def _translate_drf(error: drf.APIException) -> tuple[int, dict[str, Any], dict[str, str]]:
    code = next((_DRF_CODES[kind] for kind in type(error).__mro__ if kind in _DRF_CODES), "error")
    detail: Any = error.detail
    if isinstance(error, drf.ValidationError):
        fields = detail if isinstance(detail, dict) else {"body": detail}
        # The errors of a list's items come by their positions.
        fields = {name: [*chain(*of.values())] if isinstance(of, dict) else of for name, of in fields.items()}
        body = {"error": _NOT_VALID, "code": code, "fields": fields}
    else:
        sentence = detail.get("detail", error.default_detail) if isinstance(detail, dict) else detail
        body = {"error": str(sentence), "code": code}
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return error.status_code, body, headers


def _status(error: DomainError) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def _headers(error: DomainError) -> dict[str, str]:
    if isinstance(error, jobs.RangeNotSatisfiable):
        return {"Content-Range": f"bytes */{error.size}", "Accept-Ranges": "bytes"}
    if isinstance(error, (auth.TooManyFailures, TooManyCalls)):
        return {"Retry-After": str(error.usage.resets_in)}
    return {"Retry-After": "2"} if isinstance(error, _WITH_RETRY_AFTER) else {}


def _json_response(
    request: HttpRequest, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> HttpResponse:
    """The plain error body or, for a client that names it in Accept, a problem of RFC 9457 with the same members."""
    content_type = "application/json"
    # Not for `*/*`: a client that accepts anything didn't ask for more than the plain body.
    if parse_accept(request.headers.get("Accept", "")).get(PROBLEM, 0) > 0:
        content_type = PROBLEM
        title = HTTPStatus(status).phrase
        problem = {"type": "about:blank", "title": title, "detail": body["error"], "instance": request.path}
        # `status` last: in some error bodies it is the job's status, in a problem it is a number.
        body = body | problem | {"status": status}
    # Not DRF's Response, which uses the view's renderer; that may know only HTML or YAML.
    return JsonResponse(body, status=status, headers=headers, content_type=content_type)


# --- Requests that reach no API view: pages, unknown addresses, and errors before a view runs -------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _response(request, 400, "bad_request", _NOT_VALID)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _response(request, 403, "permission_denied", _NO_ACCESS, administrators=_administrators(request))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _response(request, 404, "not_found", gettext_noop("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    return _response(request, 500, "internal_error", _INTERNAL)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Show a long form again with a new token: signing in again in another tab makes the form's own token invalid."""
    if form_recovery.save_form(request):
        path = request.get_full_path()
        return HttpResponseClientRedirect(path) if "HX-Request" in request.headers else redirect(path)
    message = gettext_noop("This form has expired or was sent from another site. Reload the page and try again.")
    return _response(request, 403, "csrf_failed", message)


def domain_error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page for an error that the view of a page didn't handle."""
    response = _response(request, _status(error), error.code, error.message)
    for name, value in _headers(error).items():
        response[name] = value
    return response


def _administrators(request: HttpRequest) -> list[User]:
    """Return some of those who can give the user access, to be shown on a page."""
    tenant_id = getattr(request.user, "tenant_id", None)
    if tenant_id is None or request.path.startswith("/api/"):
        return []
    found = User.objects.administrators_of(tenant_id).filter(service=False)
    return list(found.order_by("first_name", "username")[:_MAX_ADMINISTRATORS])


def _response(request: HttpRequest, status: int, code: str, message: str, **shown: object) -> HttpResponse:
    """An error body for addresses of the API, else a page, which needs neither a session nor the database."""
    if request.path.startswith("/api/"):
        return _json_response(request, status, {"error": message, "code": code})
    context = {
        "status": status,
        "message": gettext(message),
        "no_access": code == "permission_denied",
        "request_id": getattr(request, "request_id", ""),
        **shown,
    }
    return render(request, "error.html", context, status=status)
