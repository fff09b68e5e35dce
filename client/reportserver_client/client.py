"""The client, and its results."""

from __future__ import annotations

import builtins
import io
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import httpx

from reportserver_client import calls, tables
from reportserver_client.calls import JobOrId, OnProgress, Parameters, ReportOrKey, Value
from reportserver_client.download import OnBytes, download, safe_name, whole_file
from reportserver_client.errors import InvalidParametersError, NoTableError, RowsNotKeptError
from reportserver_client.flow import Fetch, Flow, Pause, Step
from reportserver_client.models import Caller, Choices, Job, Report, ResultFile, RowsPage

if TYPE_CHECKING:
    import pandas
    import pyarrow

T = TypeVar("T")
#: Rows that `rows` reads at once, the most that the server returns.
ROWS_AT_ONCE = 1_000
CONNECT_TIMEOUT = 10.0
NO_TABLE = "The rows of this result weren't kept. Run the report with format='parquet', or read the file yourself."


class Client:
    """Calls a report server with an API key.

    `url` is that of the server, `key` an API key (`rsk_…`) or an access token. Calls are repeated up to `retries` times
    after broken connections and answers of 429 and 503; reports are requested with an Idempotency-Key, so a
    repeated call runs them once. `options` are passed to httpx.Client, such as `verify` or `proxy`. Threads can share
    a client. Raises ConfigurationError.
    """

    def __init__(self, url: str, key: str, *, retries: int = 5, **options: Any) -> None:
        self._endpoint = calls.Endpoint.of(url, key, retries)
        self._retries = retries
        self._http = httpx.Client(base_url=self._endpoint.base, headers=self._endpoint.headers, **options)

    def __repr__(self) -> str:
        return f"<Client {self._endpoint.base}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def run(
        self,
        report: ReportOrKey,
        parameters: Parameters | None = None,
        /,
        *,
        format: str | None = None,
        formats: Sequence[str] | None = None,
        section: str | None = None,
        locale: str | None = None,
        max_age: int | None = None,
        deliver: bool = False,
        notify: bool = False,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        on_progress: OnProgress = None,
        **more: Value | Sequence[Value],
    ) -> Result:
        """Run a report, wait for it, and return its result.

        Parameters are arguments, `start="now-1M/M"`; those that are named like one of these are in `parameters`. The
        result has one `format` or several `formats`, by default the report's first. `section` is the one that csv,
        ndjson and parquet have. `max_age`: take your own result of the same if it is at most this many seconds old.
        `deliver`: also send it to the report's targets. `notify`: mail you when the job has ended.
        `on_progress` is called with the job every few seconds.

        Raises InvalidParametersError and other ApiErrors, JobFailedError, and after `timeout` seconds
        WaitTimeoutError: then the job goes on.
        """
        body = calls.run_body(
            parameters,
            more,
            format=format,
            formats=formats,
            section=section,
            locale=locale,
            max_age=max_age,
            deliver=deliver,
            notify=notify,
        )
        job_id = self._do(calls.submit(report, body, idempotency_key, self._retries))
        return self.result(job_id, timeout=timeout, on_progress=on_progress)

    def generate(
        self,
        report: ReportOrKey,
        parameters: Parameters | None = None,
        /,
        *,
        format: str | None = None,
        formats: Sequence[str] | None = None,
        section: str | None = None,
        locale: str | None = None,
        max_age: int | None = None,
        deliver: bool = False,
        notify: bool = False,
        idempotency_key: str | None = None,
        **more: Value | Sequence[Value],
    ) -> Job:
        """Start a report as `run` does, and return its job without waiting.

        `idempotency_key`: return the job of an earlier call with the same key and arguments, if there is one.
        """
        body = calls.run_body(
            parameters,
            more,
            format=format,
            formats=formats,
            section=section,
            locale=locale,
            max_age=max_age,
            deliver=deliver,
            notify=notify,
        )
        return self.status(self._do(calls.submit(report, body, idempotency_key, self._retries)))

    def status(self, job: JobOrId) -> Job:
        return self._do(calls.status(job, self._retries))

    def wait(self, job: JobOrId, *, timeout: float | None = None, on_progress: OnProgress = None) -> Job:
        """Return the job once it has ended, also if it failed. Raises WaitTimeoutError."""
        return self._do(calls.wait(job, timeout, on_progress, self._retries))

    def result(self, job: JobOrId, *, timeout: float | None = None, on_progress: OnProgress = None) -> Result:
        """Return the result of a job once it has succeeded. Raises JobFailedError or WaitTimeoutError."""
        return Result(self, self._do(calls.finished(job, timeout, on_progress, self._retries)))

    def rows(
        self,
        job: JobOrId,
        *,
        offset: int = 0,
        limit: int = 100,
        sort: str | None = None,
        search: str | None = None,
        section: str | None = None,
    ) -> RowsPage:
        """Return some of a result's kept rows, at most 1,000. `sort`: a column, with - before it in descending order.

        Raises RowsNotKeptError, NoResultError.
        """
        return self._do(calls.rows(job, offset, limit, sort, search, section, self._retries))

    def convert(self, job: JobOrId, format: str, *, section: str | None = None, timeout: float | None = None) -> Result:
        """Render a result's kept rows in another of the report's formats, without reading the data source.

        Raises RowsNotKeptError, InvalidParametersError, JobFailedError, WaitTimeoutError.
        """
        return self.result(self._do(calls.convert(job, format, section, self._retries)), timeout=timeout)

    def cancel(self, job: JobOrId) -> Job:
        """Cancel a job, which ends within seconds. Raises JobAlreadyEndedError."""
        return self._do(calls.cancel(job, self._retries))

    def jobs(
        self,
        *,
        status: str | None = None,
        report: str | None = None,
        requested_by: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        search: str | None = None,
        limit: int | None = 100,
    ) -> list[Job]:
        """Return the newest jobs that match, at most `limit`. `until` is excluded."""
        filters = calls.job_filters(
            status=status, report=report, requestedBy=requested_by, since=since, until=until, q=search
        )
        return self._do(calls.jobs(filters, limit, self._retries))

    def reports(self) -> list[Report]:
        """Return the reports that the key can be used for, by slug."""
        return self._do(calls.reports(self._retries))

    def report(self, report: ReportOrKey) -> Report:
        return self._do(calls.report(report, self._retries))

    def choices(
        self,
        report: ReportOrKey,
        parameter: str,
        parents: Parameters | None = None,
        *,
        search: str = "",
        limit: int | None = None,
    ) -> Choices:
        """Return the choices of a parameter that come from a query, for these values of those that it depends on."""
        return self._do(calls.choices(report, parameter, search, limit, parents or {}, self._retries))

    def resolve(
        self, report: ReportOrKey, parameters: Parameters | None = None, /, **more: Value | Sequence[Value]
    ) -> Mapping[str, Any]:
        """Return the values with which the report would run now. Raises InvalidParametersError."""
        return self._do(calls.resolve(report, {**(parameters or {}), **more}, self._retries))

    def me(self) -> Caller:
        """Return who makes the calls, and what the key allows."""
        return self._do(calls.me(self._retries))

    def _download(self, job: Job, file: ResultFile, sink: BinaryIO, on_bytes: OnBytes = None) -> None:
        self._do(download(calls.result_path(job), file, sink, self._retries, on_bytes))

    def _do(self, flow: Flow[T]) -> T:
        """Carry out a flow, and return what it returns."""
        outcome: Any = None
        error: httpx.RequestError | None = None
        while True:
            try:
                step = flow.throw(error) if error else flow.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            outcome, error = None, None
            try:
                outcome = self._perform(step)
            except httpx.RequestError as failure:
                error = failure

    def _perform(self, step: Step) -> httpx.Response | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        call = step.call if isinstance(step, Fetch) else step
        request = self._http.build_request(
            call.method,
            call.path,
            params=call.params,
            json=call.json,
            headers=call.headers,
            timeout=httpx.Timeout(call.read_timeout, connect=CONNECT_TIMEOUT),
        )
        response = self._http.send(request, stream=True)
        try:
            if isinstance(step, Fetch) and response.status_code in (200, 206):
                if step.receiver.begin(response):
                    for chunk in response.iter_raw():
                        step.receiver.write(chunk)
            else:
                response.read()
        finally:
            response.close()
        return response


class Result:
    """The result of a job that succeeded: files, and perhaps rows. Methods take a `format` of its `files`."""

    def __init__(self, client: Client, job: Job) -> None:
        self.job = job
        self._client = client

    def __repr__(self) -> str:
        return f"<Result of {self.job.report}: {self.job.rows} rows as {', '.join(self.job.formats)}>"

    @property
    def files(self) -> tuple[ResultFile, ...]:
        return self.job.files

    def bytes(self, format: str | None = None) -> builtins.bytes:
        """Download a file, verified by its SHA-256."""
        sink = io.BytesIO()
        self.write(sink, format)
        return sink.getvalue()

    def save(self, path: str | Path = "", format: str | None = None, *, on_bytes: OnBytes = None) -> Path:
        """Download a file and return its path: `path`, or with the server's name in this folder. All of it or nothing.

        An existing file is replaced. `on_bytes` is called with the bytes so far and all bytes.
        """
        file = calls.file_of(self.job, format)
        target = Path(path)
        if target.is_dir():
            target /= safe_name(file.filename)
        with whole_file(target) as sink:
            self._client._download(self.job, file, sink, on_bytes)
        return target

    def write(self, sink: BinaryIO, format: str | None = None) -> None:
        """Download a file into an open, seekable one."""
        self._client._download(self.job, calls.file_of(self.job, format), sink)

    def rows(
        self, *, sort: str | None = None, search: str | None = None, section: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Read the kept rows, each as a dict by the names of columns. Raises RowsNotKeptError."""
        for page in self._pages(sort=sort, search=search, section=section):
            yield from page.dicts()

    def convert(self, format: str, *, section: str | None = None, timeout: float | None = None) -> Result:
        """As `Client.convert`."""
        return self._client.convert(self.job, format, section=section, timeout=timeout)

    def to_arrow(self, *, section: str | None = None) -> pyarrow.Table:
        """Return the rows as an Arrow table, with exact types if the report offers Parquet. Needs pyarrow.

        Reads the Parquet file of the result, else one that is made of its kept rows, else those rows. Raises
        NoTableError if there is none of them.
        """
        tables.arrow()
        try:
            parquet = self._parquet(section)
            if parquet is None:
                return self._table_of_rows(section)
        except RowsNotKeptError as error:
            raise NoTableError(NO_TABLE) from error
        with tempfile.TemporaryFile() as file:
            parquet.write(file, "parquet")
            return tables.read_parquet(file)

    def to_pandas(self, *, section: str | None = None) -> pandas.DataFrame:
        """Return the rows as a data frame: `to_arrow`, converted by pyarrow. Needs pandas and pyarrow."""
        return tables.to_pandas(self.to_arrow(section=section))

    def _parquet(self, section: str | None) -> Result | None:
        """The result that has a Parquet file; None if the report doesn't offer the format."""
        if self.job.file("parquet") and section is None:
            return self
        try:
            return self.convert("parquet", section=section)
        except InvalidParametersError as error:
            if "format" not in error.fields:
                raise
            return None

    def _table_of_rows(self, section: str | None) -> pyarrow.Table:
        pages = list(self._pages(section=section))
        return tables.from_rows(pages[0].columns, [row for page in pages for row in page.rows])

    def _pages(self, **options: str | None) -> Iterator[RowsPage]:
        """All pages of kept rows, at least one."""
        offset = 0
        while True:
            page = self._client.rows(self.job, offset=offset, limit=ROWS_AT_ONCE, **options)
            yield page
            offset += len(page.rows)
            if offset >= page.total or not page.rows:
                return
