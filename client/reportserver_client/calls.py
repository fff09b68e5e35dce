"""The calls of the API as flows: what both clients do, step by step."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Callable, Optional, Union
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from reportserver_client.errors import (
    ConfigurationError,
    JobAlreadyEndedError,
    JobFailedError,
    NoResultError,
    NotAsynchronousError,
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from reportserver_client.flow import READ_TIMEOUT, Call, Fetch, Flow, Pause, answer, decode
from reportserver_client.models import Caller, Choices, Job, Report, ResultFile, RowsPage

#: A job's id, or the job.
JobOrId = Union[Job, str]
#: A report's slug or id, or the report.
ReportOrKey = Union[Report, str]
#: A value of a parameter. Relative dates such as "now-1M/M" are texts.
Value = Union[str, int, float, bool, Decimal, date, datetime, uuid.UUID, None]
Parameters = Mapping[str, Union[Value, Sequence[Value]]]
OnProgress = Optional[Callable[[Job], None]]

#: The longest wait that the server grants, and the wait between two calls of `on_progress`, in seconds.
_LONG_WAIT, _SHORT_WAIT = 25, 2
#: A synchronous report is answered when it has ended, within a time that its server sets.
_RUN_TIMEOUT = 300.0
_MAX_PAGE = 200
_JOB_OF_RESULT = re.compile(r"/jobs/([0-9a-f-]{36})/result$")


@dataclass(frozen=True)
class Endpoint:
    """Where the server's API is, and how it is called."""

    #: With /api/v1, without a slash at the end.
    base: str
    headers: Mapping[str, str]
    #: How often a call is repeated after an error that passes.
    retries: int

    @classmethod
    def of(cls, url: str, key: str, retries: int) -> Endpoint:
        """Raises ConfigurationError if the URL or the key can't be one."""
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ConfigurationError("The URL must be like https://reports.example.com.")
        # A key never has others, and a header can't.
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise ConfigurationError("The key is empty or has characters that no key has.")
        path = parts.path.rstrip("/")
        path = path if path.endswith("/api/v1") else f"{path}/api/v1"
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json", "User-Agent": "reportserver-client"}
        return cls(f"{parts.scheme}://{parts.netloc}{path}", headers, retries)

    def __repr__(self) -> str:
        return f"<{self.base}>"


def run_body(
    parameters: Parameters | None,
    more: Parameters,
    *,
    format: str | None,
    formats: Sequence[str] | None,
    section: str | None,
    locale: str | None,
    max_age: int | None,
    deliver: bool,
    notify: bool,
) -> dict[str, Any]:
    """The body of generate, with only what is given."""
    optional = {
        "format": format,
        "formats": None if formats is None else list(formats),
        "section": section,
        "locale": locale,
        "max_age": max_age,
        "deliver": deliver or None,
        "notify": notify or None,
    }
    given = {name: value for name, value in optional.items() if value is not None}
    return {"parameters": json_values({**(parameters or {}), **more}), **given}


def json_values(parameters: Parameters) -> dict[str, Any]:
    """The parameters as JSON values. The server takes numbers of up to 15 digits, and longer whole ones."""
    return {name: _json_value(value) for name, value in parameters.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json_value(item) for item in value]
    return value


def submit(report: ReportOrKey, body: Mapping[str, Any], idempotency_key: str | None, retries: int) -> Flow[str]:
    """Run a report. Returns the id of the job; that of a synchronous report has usually ended."""
    path, headers = _report_path(report), {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    try:
        response = yield from answer(Call("POST", f"{path}/generate", json=body, headers=headers), retries)
        return str(decode(response)["jobId"])
    except NotAsynchronousError as refusal:
        return (yield from _run(f"{path}/run", body, headers, retries, refusal))


class _Unread:
    """Leaves the file to the download that follows, which can go on after a broken connection."""

    def begin(self, response: httpx.Response) -> bool:
        return False

    def write(self, chunk: bytes) -> None:
        """Never called."""


def _run(
    path: str, body: Mapping[str, Any], headers: Mapping[str, str], retries: int, refusal: NotAsynchronousError
) -> Flow[str]:
    call = Call("POST", path, json=body, headers=headers, read_timeout=_RUN_TIMEOUT)
    try:
        response = yield from answer(Fetch(call, _Unread()), retries)
    except NoResultError as error:
        if "jobId" in error.body:
            return str(error.body["jobId"])
        raise
    except Exception as error:
        # A report that is only sent somewhere is neither: then the first refusal tells more.
        if getattr(error, "code", "") == "report_not_synchronous":
            raise refusal from None
        raise
    if response.status_code == 202:
        return str(decode(response)["jobId"])
    match = _JOB_OF_RESULT.search(response.headers.get("Content-Location", ""))
    if match is None:
        raise UnexpectedAnswerError("The server doesn't say which job the result is of. It may be too old.")
    return match[1]


def status(job: JobOrId, retries: int) -> Flow[Job]:
    return Job.of((yield from _get(_job_path(job), retries)))


def wait(job: JobOrId, timeout: float | None, on_progress: OnProgress, retries: int) -> Flow[Job]:
    """Return the job once it has ended. Raises WaitTimeoutError after `timeout` seconds."""
    give_up_at = None if timeout is None else time.monotonic() + timeout
    seen: tuple[str, int] | None = None
    while True:
        asked_at = time.monotonic()
        seconds = _SHORT_WAIT if on_progress else _LONG_WAIT
        if give_up_at is not None:
            seconds = max(0, min(seconds, int(give_up_at - asked_at)))
        headers = {"Prefer": f"wait={seconds}"}
        call = Call("GET", _job_path(job), headers=headers, read_timeout=seconds + READ_TIMEOUT)
        response = yield from answer(call, retries)
        current = Job.of(decode(response))
        if on_progress:
            on_progress(current)
        if current.ended:
            return current
        now = time.monotonic()
        if give_up_at is not None and now >= give_up_at:
            raise WaitTimeoutError(current)
        # A server with many waiting callers answers at once. Then Retry-After says when to come back.
        state = (current.status, current.attempt)
        pause = float(response.headers.get("Retry-After", 1)) - (now - asked_at) if state == seen else 0.0
        if give_up_at is not None:
            pause = min(pause, give_up_at - now)
        if pause > 0:
            yield Pause(pause)
        seen = state


def finished(job: JobOrId, timeout: float | None, on_progress: OnProgress, retries: int) -> Flow[Job]:
    """Return the job once it has succeeded. Raises JobFailedError or WaitTimeoutError."""
    ended = job if isinstance(job, Job) and job.ended else (yield from wait(job, timeout, on_progress, retries))
    if ended.status == "Failed":
        raise JobFailedError.of(ended)
    return ended


def cancel(job: JobOrId, retries: int) -> Flow[Job]:
    """Cancel a job. Returns its status; a running one ends within seconds."""
    try:
        yield from answer(Call("POST", f"{_job_path(job)}/cancel"), retries)
    except JobAlreadyEndedError:
        # An earlier answer may have been lost: then the job is cancelled, as was asked for.
        current = yield from status(job, retries)
        if current.error is None or current.error.code != "cancelled":
            raise
        return current
    return (yield from status(job, retries))


def rows(
    job: JobOrId, offset: int, limit: int, sort: str | None, search: str | None, section: str | None, retries: int
) -> Flow[RowsPage]:
    params = {"offset": offset, "limit": limit, "sort": sort, "q": search, "section": section}
    return RowsPage.of((yield from _get(f"{_job_path(job)}/rows", retries, params, parse_float=Decimal)))


def convert(job: JobOrId, format: str, section: str | None, retries: int) -> Flow[str]:
    """Render the kept rows in another format. Returns the new job's id."""
    body = {"format": format, **({"section": section} if section is not None else {})}
    # Not repeatable: each call makes another job.
    call = Call("POST", f"{_job_path(job)}/convert", json=body, is_repeatable=False)
    return str(decode((yield from answer(call, retries)))["jobId"])


def reports(retries: int) -> Flow[list[Report]]:
    return [Report.of(body) for body in (yield from _all("/reports", {}, None, retries))]


def report(key: ReportOrKey, retries: int) -> Flow[Report]:
    return Report.of((yield from _get(_report_path(key), retries)))


def jobs(filters: Mapping[str, Any], limit: int | None, retries: int) -> Flow[list[Job]]:
    """The newest jobs that match, at most `limit`."""
    return [Job.of(body) for body in (yield from _all("/jobs", filters, limit, retries))]


def choices(
    report: ReportOrKey, parameter: str, search: str, limit: int | None, parents: Parameters, retries: int
) -> Flow[Choices]:
    params = {
        "q": search or None,
        "limit": limit,
        **{f"p.{name}": value for name, value in json_values(parents).items()},
    }
    path = f"{_report_path(report)}/parameters/{quote(parameter, safe='')}/choices"
    return Choices.of((yield from _get(path, retries, params)))


def resolve(report: ReportOrKey, parameters: Parameters, retries: int) -> Flow[dict[str, Any]]:
    """Return the values that a job would run with now. Raises InvalidParametersError."""
    call = Call("POST", f"{_report_path(report)}/resolve", json={"parameters": json_values(parameters)})
    return dict(decode((yield from answer(call, retries)))["parameters"])


def me(retries: int) -> Flow[Caller]:
    return Caller.of((yield from _get("/me", retries)))


def job_filters(**filters: Any) -> dict[str, Any]:
    return {name: _json_value(value) for name, value in filters.items() if value is not None}


def file_of(job: Job, format: str | None) -> ResultFile:
    """The result's file in this format, by default the first. Raises ValueError if it has none."""
    file = job.file(format)
    if file is None:
        raise ValueError(f"The result has no {format}, but {', '.join(job.formats)}. It can be converted.")
    return file


def result_path(job: Job) -> str:
    return f"{_job_path(job)}/result"


def _get(path: str, retries: int, params: Mapping[str, Any] | None = None, **options: Any) -> Flow[dict[str, Any]]:
    given = {name: value for name, value in (params or {}).items() if value is not None}
    return decode((yield from answer(Call("GET", path, params=given), retries)), **options)


def _all(path: str, params: Mapping[str, Any], limit: int | None, retries: int) -> Flow[list[dict[str, Any]]]:
    """The entries of a list, page by page."""
    entries: list[dict[str, Any]] = []
    page_size = _MAX_PAGE if limit is None else max(1, min(limit, _MAX_PAGE))
    asked = {**params, "pageSize": page_size}
    while True:
        page = yield from _get(path, retries, asked)
        entries += page["results"]
        if page["next"] is None or (limit is not None and len(entries) >= limit):
            return entries[:limit]
        # Only the cursor: the key goes to no other host than the one that it was given for.
        asked["cursor"] = parse_qs(urlsplit(page["next"]).query)["cursor"][0]


def _job_path(job: JobOrId) -> str:
    return f"/jobs/{quote(job.id if isinstance(job, Job) else job, safe='')}"


def _report_path(report: ReportOrKey) -> str:
    return f"/reports/{quote(report.id if isinstance(report, Report) else report, safe='')}"
