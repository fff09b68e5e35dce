"""What programs do with the client, over a real server."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import reportserver_client as rc
from reportserver_client import AsyncClient, Client

from tests.client.conftest import MakeKey
from tests.server import UNKNOWN_ID, RunningServer
from tests.server import Client as User

NORTH = {"region": "north", "sales": 100, "total": 14850}


def test_a_result_has_files_rows_and_what_its_job_says(client: Client, tmp_path: Path) -> None:
    result = client.run("sales-by-region", region="north", since=date(2024, 1, 1), formats=["csv", "pdf"])
    assert result.bytes().splitlines() == [b"region,sales,total", b"north,100,14850"]
    assert result.bytes("pdf").startswith(b"%PDF-")
    assert list(result.rows()) == [NORTH]
    saved = result.save(tmp_path)
    assert saved.parent == tmp_path and saved.name.startswith("Sales by région ") and saved.suffix == ".csv"
    assert hashlib.sha256(saved.read_bytes()).hexdigest() == result.files[0].sha256
    assert result.save(tmp_path / "named.pdf", "pdf").read_bytes() == result.bytes("pdf")
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".csv", ".pdf"]
    job = result.job
    assert (job.status, job.report, job.rows, job.percent, job.created_by) == (
        "Succeeded",
        "sales-by-region",
        1,
        100,
        "bob",
    )
    assert job.parameters == {"region": "north", "since": "2024-01-01"}
    assert job.queued_at and job.ended_at and job.queued_at < job.ended_at
    with pytest.raises(ValueError, match="no xlsx"):
        result.bytes("xlsx")
    assert result.convert("xlsx").bytes().startswith(b"PK")


def test_results_are_tables(client: Client) -> None:
    expected = {"region": ["north", "south", "west"], "sales": [100] * 3, "total": [14850, 14950, 15050]}
    for format in ("parquet", "pdf"):  # pdf: from kept rows, by a conversion
        frame = client.run("sales-by-region", format=format).to_pandas()
        assert frame.to_dict("list") == expected
    days = client.run("days", start="2024-02-28", end="2024-02-29", at="2024-02-29T10:00:00Z")
    # The report doesn't offer Parquet.
    assert days.to_arrow().to_pylist() == [{"start": "2024-02-28", "end": "2024-02-29", "at": "2024-02-29 10:00:00"}]


def test_values_of_all_kinds_come_back_whether_or_not_there_is_parquet(alice: User, client: Client) -> None:
    query = """
        select 1 as i, 0.1::double as f, 12345678901234567890.12::decimal(22, 2) as d, true as b,
        date '2024-02-29' as day, timestamp '2024-07-01 10:00:00.25' as at, time '23:59:59' as "time",
        'ä' as t, '\\x00\\xFF'::blob as x, [1, 2] as n
        union all select null, null, null, null, null, null, null, null, null, null order by 1 nulls last
    """
    fields = {"data_source": "flights", "query": query, "grants": {"generate": ["analysts"]}, "name": "Kinds"}
    created = [
        alice.post("/reports", json={**fields, "slug": "kinds-1", "formats": ["csv", "parquet"]}),
        alice.post("/reports", json={**fields, "slug": "kinds-2", "formats": ["csv"]}),
    ]
    try:
        assert [answer.status_code for answer in created] == [201, 201], [answer.text for answer in created]
        exact, of_rows = (client.run(slug) for slug in ("kinds-1", "kinds-2"))
        first = exact.to_arrow().to_pylist()[0]
        assert first == of_rows.to_arrow().to_pylist()[0]
        assert (first["d"], first["day"], first["x"]) == (
            Decimal("12345678901234567890.12"),
            date(2024, 2, 29),
            b"\0\xff",
        )
        (row, nulls) = of_rows.rows()
        assert (row["d"], row["f"], row["n"]) == (Decimal("12345678901234567890.12"), 0.1, [1, 2])
        assert set(nulls.values()) == {None}
        assert isinstance(of_rows.to_arrow().schema.field("d").type, pa.Decimal128Type)
    finally:
        for slug in ("kinds-1", "kinds-2"):
            alice.request("DELETE", f"/reports/{slug}")


def test_a_synchronous_report_runs_like_any_other(client: Client, alice: User) -> None:
    assert client.run("at-once").bytes().split() == [b"one", b"1"]
    fields = {
        "slug": "fails-at-once",
        "data_source": "sales",
        "name": "Fails",
        "formats": ["csv"],
        "query": "select * from no",
    }
    sync = {"delivery": [{"kind": "api_response", "mode": "synchronous"}], "grants": {"generate": ["analysts"]}}
    assert alice.post("/reports", json={**fields, **sync}).status_code == 201
    try:
        with pytest.raises(rc.JobFailedError) as failed:
            client.run("fails-at-once")
        assert failed.value.code == "query_failed"
    finally:
        alice.request("DELETE", "/reports/fails-at-once")
    with pytest.raises(rc.NotAsynchronousError):
        client.run("mailed")


def test_errors_have_classes_and_sentences(client: Client, server: RunningServer, make_key: MakeKey) -> None:
    with pytest.raises(rc.InvalidParametersError, match="since: Must be") as invalid:
        client.run("sales-by-region", since="soon", format="docx")
    assert set(invalid.value.fields) == {"since", "format"} and invalid.value.request_id
    with pytest.raises(rc.NotFoundError, match="No such report") as missing:
        client.run("no-such-report")
    assert (missing.value.status, missing.value.code) == (404, "report_not_found")
    with pytest.raises(rc.NotFoundError):
        client.status(UNKNOWN_ID)
    with pytest.raises(rc.JobFailedError) as failed:
        client.run("broken")
    assert failed.value.code == "query_failed" and failed.value.job.error
    with pytest.raises(rc.NoResultError):
        client.rows(failed.value.job)
    with pytest.raises(rc.JobAlreadyEndedError):
        client.cancel(failed.value.job)
    with Client(server.url, make_key(reports=["days"])) as limited, pytest.raises(rc.KeyScopeError):
        limited.run("sales-by-region")
    with Client(server.url, make_key("dave")) as dave, pytest.raises(rc.PermissionDeniedError):
        dave.run("sales-by-region")
    with Client(server.url, "rsk_wrong") as stranger, pytest.raises(rc.NotAuthenticatedError):
        stranger.me()
    with Client(f"{server.url}/login", "rsk_wrong", retries=0) as lost, pytest.raises(rc.UnexpectedAnswerError):
        lost.me()


@pytest.mark.parametrize("url", ["reports.example.com", "ftp://example.com", "http://", "http://a:b@example.com", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(rc.ConfigurationError, match="URL"):
        Client(url, "rsk_1")
    with pytest.raises(rc.ConfigurationError, match="key"):
        Client("https://example.com", "rsk_1\r\nHost: other")


def test_a_key_is_in_no_representation(client: Client, key: str) -> None:
    assert key not in f"{client!r} {client._endpoint!r} {client._http.headers!r}"


def test_a_job_that_takes_too_long_is_waited_for_no_longer_and_can_be_cancelled(client: Client) -> None:
    seen: list[str] = []
    job = client.generate("slow")
    with pytest.raises(rc.WaitTimeoutError) as late:
        client.wait(job, timeout=1.5, on_progress=lambda job: seen.append(job.status))
    assert late.value.job.id == job.id and seen[-1] in ("Queued", "Running")
    assert isinstance(late.value, TimeoutError)
    client.cancel(job)
    with pytest.raises(rc.JobCancelledError):
        client.result(job)
    assert client.cancel(job).error.code == "cancelled"  # type: ignore[union-attr]


def test_an_idempotency_key_finds_the_earlier_job(client: Client) -> None:
    first = client.generate("days", idempotency_key="client-test-1")
    assert client.generate("days", idempotency_key="client-test-1").id == first.id
    with pytest.raises(rc.IdempotencyConflictError):
        client.generate("days", start="now", idempotency_key="client-test-1")
    result = client.result(first)
    assert client.run("days", max_age=60).job.id == result.job.id


def test_reports_jobs_values_and_the_key_can_be_looked_up(client: Client, alice: User) -> None:
    assert client.me().key.rights == ("view", "generate")  # type: ignore[union-attr]
    reports = {report.slug: report for report in client.reports()}
    assert {"sales-by-region", "days"} <= set(reports)
    report = client.report("sales-by-region")
    assert report == reports["sales-by-region"] and report.parameters["properties"]["since"]["default"] == "2024-01-01"
    assert client.resolve(report, since="now/y", region="north")["since"].endswith("-01-01")
    ids = [client.generate("days").id for _ in range(3)]
    assert [job.id for job in client.jobs(report="days", requested_by="bob", limit=2)] == ids[:0:-1]
    assert client.jobs(search="no such words", status="Failed") == []
    definition = {
        "slug": "chosen",
        "name": "Chosen",
        "data_source": "sales",
        "query": "select :region as region, :day as day",
        "formats": ["csv"],
        "grants": {"generate": ["analysts"]},
        "parameters": [
            {"name": "region", "type": "string", "choices_query": {"query": "select distinct region from sale"}},
            {
                "name": "day",
                "type": "date",
                "choices_query": {
                    "query": "select distinct day, 'On ' || day from sale where region = :region order by 1"
                },
            },
        ],
    }
    assert alice.post("/reports", json=definition).status_code == 201
    try:
        found = client.choices("chosen", "day", {"region": "north"}, search="on 2024", limit=2)
        assert [(choice.value, choice.label) for choice in found.choices] == [
            ("2024-01-15", "On 2024-01-15"),
            ("2024-04-15", "On 2024-04-15"),
        ]
        assert found.more
    finally:
        alice.request("DELETE", "/reports/chosen")


def test_pages_of_rows_are_read_to_the_end(client: Client) -> None:
    result = client.run("many-rows", rows=2_345, format="csv")
    assert [row["n"] for row in result.rows()] == list(range(1, 2_346))
    page = client.rows(result.job, offset=5, limit=2, sort="-n")
    assert [row["n"] for row in page.dicts()] == [2_340, 2_339] and page.total == 2_345


def test_the_async_client_does_the_same(server: RunningServer, key: str, tmp_path: Path) -> None:
    async def use() -> None:
        async with AsyncClient(server.url, key) as client:
            result, other = await asyncio.gather(
                client.run("sales-by-region", region="north", format="csv"), client.run("at-once")
            )
            assert (await other.bytes()).split() == [b"one", b"1"]
            assert [row async for row in result.rows()] == [NORTH]
            assert (await result.save(tmp_path / "result.csv")).read_bytes() == await result.bytes()
            assert (await result.to_pandas()).to_dict("records") == [NORTH]
            days = await client.run("days")
            assert (await days.to_arrow()).num_rows == 1
            job = await client.generate("slow")
            with pytest.raises(rc.WaitTimeoutError):
                await client.wait(job, timeout=0.5)
            await client.cancel(job)
            with pytest.raises(rc.JobCancelledError):
                await client.result(job)
            assert (await client.me()).username == "bob"
            assert {report.slug for report in await client.reports()} >= {"days"}

    asyncio.run(use())


def test_both_clients_have_the_same_surface() -> None:
    def surface(kind: Any) -> dict[str, str]:
        members = {name: member for name, member in vars(kind).items() if not name.startswith("_")}
        shown = {name: str(inspect.signature(of)) if callable(of) else "" for name, of in members.items()}
        return {name: text.replace("Async", "") for name, text in shown.items()}

    assert surface(Client) == surface(AsyncClient)
    assert surface(rc.Result) == surface(rc.AsyncResult)
