"""Exceptions. All of them are ReportServerErrors; those that the server answers with are ApiErrors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from reportserver_client.models import Job


class ReportServerError(Exception):
    """Something went wrong. The message is a sentence for people."""


class ConfigurationError(ReportServerError):
    """The URL, the key or the configuration file can't be used."""


class MissingPackageError(ReportServerError, ImportError):
    """An optional package is not installed."""


class ConnectionFailedError(ReportServerError):
    """The server didn't answer, not even when the call was repeated."""


class UnexpectedAnswerError(ReportServerError):
    """The answer is not one of a report server: the URL may be another program's."""


class DamagedDownloadError(ReportServerError):
    """The downloaded bytes are not those of the result."""


class NoTableError(ReportServerError):
    """The result can't be read as a table."""


class WaitTimeoutError(ReportServerError, TimeoutError):
    """The job hasn't ended in time. It goes on; `job` is its last status."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"Job {job.id} is still {job.status}. It goes on.")
        self.job = job


class JobFailedError(ReportServerError):
    """The job failed. `code` is stable; `retryable`: the same request may succeed later."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.error.message if job.error else "The job failed.")
        self.job = job
        self.code = job.error.code if job.error else "unknown"
        self.retryable = bool(job.error and job.error.retryable)

    @staticmethod
    def of(job: Job) -> JobFailedError:
        code = job.error.code if job.error else ""
        return {"cancelled": JobCancelledError, "timeout": JobTimedOutError}.get(code, JobFailedError)(job)


class JobCancelledError(JobFailedError):
    """Somebody cancelled the job."""


class JobTimedOutError(JobFailedError):
    """The job took longer than its report may."""


class ApiError(ReportServerError):
    """An error that the server answered with.

    `status` is that of HTTP, `code` a stable word, `message` a sentence; `fields` has sentences by field, if the
    request had wrong ones. `request_id` finds the call in the server's log.
    """

    def __init__(self, response: httpx.Response, body: Mapping[str, Any]) -> None:
        self.status = response.status_code
        self.code: str = body["code"]
        self.message: str = body["error"]
        fields = body.get("fields")
        self.fields: dict[str, Sequence[str]] = dict(fields) if isinstance(fields, dict) else {}
        self.body = body
        self.request_id: str | None = response.headers.get("X-Request-ID")
        #: Seconds; None if the server doesn't say.
        self.retry_after = _seconds(response.headers.get("Retry-After"))
        super().__init__(" ".join([self.message, *self._field_sentences()]))

    def _field_sentences(self) -> list[str]:
        return [f"{name}: {' '.join(map(str, sentences))}" for name, sentences in self.fields.items()]

    @staticmethod
    def of(response: httpx.Response) -> ReportServerError:
        """The error of a response that has been read."""
        try:
            body = response.json()
        except ValueError:
            body = None
        if isinstance(body, dict) and isinstance(body.get("code"), str) and isinstance(body.get("error"), str):
            status = response.status_code
            kind = _BY_CODE.get(body["code"]) or _BY_STATUS.get(status) or (ServerError if status >= 500 else ApiError)
            return kind(response, body)
        if response.is_redirect:
            return UnexpectedAnswerError(f"The server redirects to {response.headers.get('Location')}. Use that URL.")
        return UnexpectedAnswerError(
            f"{response.url.host} answered {response.status_code}, but not as a report server."
        )


def _seconds(text: str | None) -> float | None:
    # The server sends seconds, never a date.
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


class BadRequestError(ApiError):
    """400: the request isn't valid."""


class InvalidParametersError(BadRequestError):
    """400 `invalid_parameters`: see `fields`."""


class NotAuthenticatedError(ApiError):
    """401: the key is wrong, expired or revoked."""


class PermissionDeniedError(ApiError):
    """403: the caller doesn't have the right to do this."""


class KeyScopeError(PermissionDeniedError):
    """403 `key_scope`: the key's rights or reports don't include it, though its user may do it."""


class NotFoundError(ApiError):
    """404: no such thing, or it is somebody else's."""


class RowsNotKeptError(NotFoundError):
    """404 `rows_not_kept`: the result has files, but no rows to read."""


class ConflictError(ApiError):
    """409: the state of the report or job doesn't allow this."""


class NotAsynchronousError(ConflictError):
    """409 `report_not_asynchronous`: the report is answered at once, or only sent somewhere."""


class JobAlreadyEndedError(ConflictError):
    """409 `job_already_ended`: an ended job can't be cancelled."""


class NoResultError(ApiError):
    """409 or 410: the job has not ended, or failed. See `code`."""


class IdempotencyConflictError(ApiError):
    """422: the Idempotency-Key was used with another request."""


class ThrottledError(ApiError):
    """429: too many calls. See `retry_after`."""


class TooManyJobsError(ThrottledError):
    """429 `too_many_jobs`: too many jobs of the caller or the tenant have not ended."""


class UnavailableError(ApiError):
    """503: something that the server needs isn't there at the moment."""


class ServerError(ApiError):
    """500: the server failed; its log has the details."""


_BY_CODE: dict[str, type[ApiError]] = {
    "invalid_parameters": InvalidParametersError,
    "key_scope": KeyScopeError,
    "rows_not_kept": RowsNotKeptError,
    "report_not_asynchronous": NotAsynchronousError,
    "job_already_ended": JobAlreadyEndedError,
    "job_not_complete": NoResultError,
    "job_failed": NoResultError,
    "too_many_jobs": TooManyJobsError,
}
_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: NotAuthenticatedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: IdempotencyConflictError,
    429: ThrottledError,
    503: UnavailableError,
}
