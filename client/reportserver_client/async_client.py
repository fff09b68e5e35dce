"""The client for asyncio and trio, and its results: as `client`, with `await`."""

from __future__ import annotations

import builtins
import io
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import anyio
import anyio.to_thread
import httpx

from reportserver_client import calls, tables
from reportserver_client.calls import JobOrId, OnProgress, Parameters, ReportOrKey, Value
from reportserver_client.client import CONNECT_TIMEOUT, NO_TABLE, ROWS_AT_ONCE
from reportserver_client.download import OnBytes, download, safe_name, whole_file
from reportserver_client.errors import InvalidParametersError, NoTableError, RowsNotKeptError
from reportserver_client.flow import Fetch, Flow, Pause, Step
from reportserver_client.models import Caller, Choices, Job, Report, ResultFile, RowsPage

if TYPE_CHECKING:
    import pandas
    import pyarrow

T = TypeVar("T")


class AsyncClient:
    """Calls a report server with an API key: as `Client`, with `await`, in asyncio or trio."""

    def __init__(self, url: str, key: str, *, retries: int = 5, **options: Any) -> None:
        self._endpoint = calls.Endpoint.of(url, key, retries)
        self._retries = retries
        self._http = httpx.AsyncClient(base_url=self._endpoint.base, headers=self._endpoint.headers, **options)

    def __repr__(self) -> str:
        return f"<AsyncClient {self._endpoint.base}>"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def run(
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
    ) -> AsyncResult:
        """As `Client.run`."""
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
        job_id = await self._do(calls.submit(report, body, idempotency_key, self._retries))
        return await self.result(job_id, timeout=timeout, on_progress=on_progress)

    async def generate(
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
        """As `Client.generate`."""
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
        return await self.status(await self._do(calls.submit(report, body, idempotency_key, self._retries)))

    async def status(self, job: JobOrId) -> Job:
        return await self._do(calls.status(job, self._retries))

    async def wait(self, job: JobOrId, *, timeout: float | None = None, on_progress: OnProgress = None) -> Job:
        """Return the job once it has ended, also if it failed. Raises WaitTimeoutError."""
        return await self._do(calls.wait(job, timeout, on_progress, self._retries))

    async def result(
        self, job: JobOrId, *, timeout: float | None = None, on_progress: OnProgress = None
    ) -> AsyncResult:
        """Return the result of a job once it has succeeded. Raises JobFailedError or WaitTimeoutError."""
        return AsyncResult(self, await self._do(calls.finished(job, timeout, on_progress, self._retries)))

    async def rows(
        self,
        job: JobOrId,
        *,
        offset: int = 0,
        limit: int = 100,
        sort: str | None = None,
        search: str | None = None,
        section: str | None = None,
    ) -> RowsPage:
        """As `Client.rows`."""
        return await self._do(calls.rows(job, offset, limit, sort, search, section, self._retries))

    async def convert(
        self, job: JobOrId, format: str, *, section: str | None = None, timeout: float | None = None
    ) -> AsyncResult:
        """As `Client.convert`."""
        return await self.result(await self._do(calls.convert(job, format, section, self._retries)), timeout=timeout)

    async def cancel(self, job: JobOrId) -> Job:
        """Cancel a job, which ends within seconds. Raises JobAlreadyEndedError."""
        return await self._do(calls.cancel(job, self._retries))

    async def jobs(
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
        return await self._do(calls.jobs(filters, limit, self._retries))

    async def reports(self) -> list[Report]:
        """Return the reports that the key can be used for, by slug."""
        return await self._do(calls.reports(self._retries))

    async def report(self, report: ReportOrKey) -> Report:
        return await self._do(calls.report(report, self._retries))

    async def choices(
        self,
        report: ReportOrKey,
        parameter: str,
        parents: Parameters | None = None,
        *,
        search: str = "",
        limit: int | None = None,
    ) -> Choices:
        """Return the choices of a parameter that come from a query, for these values of those that it depends on."""
        return await self._do(calls.choices(report, parameter, search, limit, parents or {}, self._retries))

    async def resolve(
        self, report: ReportOrKey, parameters: Parameters | None = None, /, **more: Value | Sequence[Value]
    ) -> Mapping[str, Any]:
        """Return the values with which the report would run now. Raises InvalidParametersError."""
        return await self._do(calls.resolve(report, {**(parameters or {}), **more}, self._retries))

    async def me(self) -> Caller:
        """Return who makes the calls, and what the key allows."""
        return await self._do(calls.me(self._retries))

    async def _download(self, job: Job, file: ResultFile, sink: BinaryIO, on_bytes: OnBytes = None) -> None:
        await self._do(download(calls.result_path(job), file, sink, self._retries, on_bytes))

    async def _do(self, flow: Flow[T]) -> T:
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
                outcome = await self._perform(step)
            except httpx.RequestError as failure:
                error = failure

    async def _perform(self, step: Step) -> httpx.Response | None:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
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
        response = await self._http.send(request, stream=True)
        try:
            if isinstance(step, Fetch) and response.status_code in (200, 206):
                if step.receiver.begin(response):
                    async for chunk in response.aiter_raw():
                        step.receiver.write(chunk)
            else:
                await response.aread()
        finally:
            await response.aclose()
        return response


class AsyncResult:
    """The result of a job that succeeded: files, and perhaps rows. Methods take a `format` of its `files`."""

    def __init__(self, client: AsyncClient, job: Job) -> None:
        self.job = job
        self._client = client

    def __repr__(self) -> str:
        return f"<AsyncResult of {self.job.report}: {self.job.rows} rows as {', '.join(self.job.formats)}>"

    @property
    def files(self) -> tuple[ResultFile, ...]:
        return self.job.files

    async def bytes(self, format: str | None = None) -> builtins.bytes:
        """Download a file, verified by its SHA-256."""
        sink = io.BytesIO()
        await self.write(sink, format)
        return sink.getvalue()

    async def save(self, path: str | Path = "", format: str | None = None, *, on_bytes: OnBytes = None) -> Path:
        """As `Result.save`."""
        file = calls.file_of(self.job, format)
        target = Path(path)
        if target.is_dir():
            target /= safe_name(file.filename)
        with whole_file(target) as sink:
            await self._client._download(self.job, file, sink, on_bytes)
        return target

    async def write(self, sink: BinaryIO, format: str | None = None) -> None:
        """Download a file into an open, seekable one."""
        await self._client._download(self.job, calls.file_of(self.job, format), sink)

    async def rows(
        self, *, sort: str | None = None, search: str | None = None, section: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Read the kept rows, each as a dict by the names of columns. Raises RowsNotKeptError."""
        async for page in self._pages(sort=sort, search=search, section=section):
            for row in page.dicts():
                yield row

    async def convert(self, format: str, *, section: str | None = None, timeout: float | None = None) -> AsyncResult:
        """As `Client.convert`."""
        return await self._client.convert(self.job, format, section=section, timeout=timeout)

    async def to_arrow(self, *, section: str | None = None) -> pyarrow.Table:
        """As `Result.to_arrow`."""
        tables.arrow()
        try:
            parquet = await self._parquet(section)
            if parquet is None:
                return await self._table_of_rows(section)
        except RowsNotKeptError as error:
            raise NoTableError(NO_TABLE) from error
        with tempfile.TemporaryFile() as file:
            await parquet.write(file, "parquet")
            return await anyio.to_thread.run_sync(tables.read_parquet, file)

    async def to_pandas(self, *, section: str | None = None) -> pandas.DataFrame:
        """Return the rows as a data frame: `to_arrow`, converted by pyarrow. Needs pandas and pyarrow."""
        return tables.to_pandas(await self.to_arrow(section=section))

    async def _parquet(self, section: str | None) -> AsyncResult | None:
        """The result that has a Parquet file; None if the report doesn't offer the format."""
        if self.job.file("parquet") and section is None:
            return self
        try:
            return await self.convert("parquet", section=section)
        except InvalidParametersError as error:
            if "format" not in error.fields:
                raise
            return None

    async def _table_of_rows(self, section: str | None) -> pyarrow.Table:
        pages = [page async for page in self._pages(section=section)]
        return tables.from_rows(pages[0].columns, [row for page in pages for row in page.rows])

    async def _pages(self, **options: str | None) -> AsyncIterator[RowsPage]:
        """All pages of kept rows, at least one."""
        offset = 0
        while True:
            page = await self._client.rows(self.job, offset=offset, limit=ROWS_AT_ONCE, **options)
            yield page
            offset += len(page.rows)
            if offset >= page.total or not page.rows:
                return
