"""The client over a network that breaks: nothing runs twice, and no file is wrong."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

import pytest
import reportserver_client as rc
from reportserver_client import AsyncClient, Client

from tests.client.proxy import BreakingProxy

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportserver_client.flow._backoff", lambda failures: 0.01)


@pytest.fixture
def through_proxy(proxy: BreakingProxy, key: str) -> Client:
    return Client(proxy.url, key)


def downloads(proxy: BreakingProxy) -> list[str]:
    return [line.partition(" HTTP/1.1")[2].strip() for line in proxy.requests if "/result?" in line]


def test_a_download_goes_on_where_it_broke(
    through_proxy: Client, proxy: BreakingProxy, client: Client, tmp_path: Path
) -> None:
    job = client.run("many-rows", rows=20_000, format="csv").job
    size = job.files[0].size
    assert size > 500_000
    with through_proxy:
        result = through_proxy.result(job)
        proxy.plan = deque([200_000, 0, 200_000])
        saved = result.save(tmp_path / "rows.csv")
    ranges = downloads(proxy)
    assert saved.stat().st_size == size and saved.read_bytes() == client.result(job).bytes()
    assert len(ranges) == 4 and ranges[0] == ""
    first, again, last = (int(text.removeprefix("bytes=").removesuffix("-")) for text in ranges[1:])
    assert 0 < first == again < last < size
    assert list(tmp_path.iterdir()) == [saved]


def test_an_async_download_goes_on_too(proxy: BreakingProxy, client: Client, key: str) -> None:
    job = client.run("many-rows", rows=5_000, format="csv").job

    async def use() -> bytes:
        async with AsyncClient(proxy.url, key) as through_proxy:
            result = await through_proxy.result(job)
            proxy.plan = deque([50_000, BUSY])
            return await result.bytes()

    assert asyncio.run(use()) == client.result(job).bytes()
    assert len(downloads(proxy)) == 3


def test_damaged_bytes_are_no_result(
    through_proxy: Client, proxy: BreakingProxy, client: Client, tmp_path: Path
) -> None:
    job = client.run("days").job
    with through_proxy:
        result = through_proxy.result(job)
        proxy.plan.append("damage")
        with pytest.raises(rc.DamagedDownloadError):
            result.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_report_whose_answer_is_lost_runs_once(through_proxy: Client, proxy: BreakingProxy, client: Client) -> None:
    before = {job.id for job in client.jobs(report="days", limit=None)}
    proxy.plan = deque([0, BUSY, 10])
    with through_proxy:
        job = through_proxy.generate("days", start="2024-01-01")
    assert {job.id for job in client.jobs(report="days", limit=None)} - before == {job.id}
    assert sum("/generate" in line for line in proxy.requests) == 4


def test_a_conversion_whose_answer_is_lost_is_not_repeated(
    through_proxy: Client, proxy: BreakingProxy, client: Client
) -> None:
    job = client.run("sales-by-region", format="csv").job
    proxy.plan = deque([0])
    with through_proxy, pytest.raises(rc.ConnectionFailedError):
        through_proxy.convert(job, "xlsx")


def test_a_cancellation_whose_answer_is_lost_is_one(
    through_proxy: Client, proxy: BreakingProxy, client: Client
) -> None:
    job = client.generate("slow")
    proxy.plan = deque([0])
    with through_proxy:
        through_proxy.cancel(job)
    assert client.wait(job).error.code == "cancelled"  # type: ignore[union-attr]


def test_a_server_that_is_away_is_reported(proxy: BreakingProxy, key: str) -> None:
    proxy.plan = deque([0, 0, 0])
    with Client(proxy.url, key, retries=2) as client, pytest.raises(rc.ConnectionFailedError, match="didn't answer"):
        client.me()
    proxy.plan = deque([BUSY] * 3)
    with Client(proxy.url, key, retries=2) as client, pytest.raises(rc.UnexpectedAnswerError, match="503"):
        client.me()
    assert len(proxy.requests) == 6
