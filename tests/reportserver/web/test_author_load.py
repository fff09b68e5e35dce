"""Whatever authors and users send, web processes stay small and answer others meanwhile.

Each attack grows without limit in the process that works on it, which must not be a web process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import passwords
from tests.server import Client, RunningServer, running_server

_MAX_GROWTH_BYTES = 150 << 20
#: Of each attack, at once.
_CALLS = 6
_VALIDATE = "/reports/sales-by-region/validate"
_NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < {}) "
_BARS: dict[str, Any] = {"mark": "bar", "encoding": {"x": {"field": "i"}, "y": {"aggregate": "count"}}}


def definition(query: str, **changed: Any) -> dict[str, Any]:
    return {
        "slug": "sales-by-region", "tenant": "acme", "name": "Attack", "data_source": "sales", "query": query,
        "formats": ["csv", "pdf"], **changed,
    }  # fmt: skip


def nested(depth: int) -> dict[str, Any]:
    chart = _BARS
    for _ in range(depth):
        chart = {"layer": [chart, chart]}
    return chart


ATTACKS: dict[str, dict[str, Any]] = {
    "long blobs": definition(_NUMBERS.format(30) + "select zeroblob(40000000) from n"),
    "long texts": definition(_NUMBERS.format(60) + "select printf('%.*c', 40000000, 'x') from n"),
    "long texts after short ones": definition(
        _NUMBERS.format(60) + "select case when i < 40 then 'x' else printf('%.*c', 40000000, 'x') end from n"
    ),
    "a sorted product": definition(_NUMBERS.format(9_000_000) + "select zeroblob(100 + i) b from n order by b desc"),
    "series of DuckDB": definition(
        "select list(x) l from generate_series(1, 500000000) t(x)", data_source="flights"
    ),
    "a product in DuckDB": definition(
        "select a.x, repeat('y', 10000000) from range(1000000) a(x), range(1000) order by 1 desc", data_source="flights"
    ),
    "wide rows": definition("select " + ", ".join(f"printf('%.*c', 100000, 'x') c{n}" for n in range(1_500))),
    "a list of lists": definition("select [range(9000000), range(9000000)] a", data_source="flights"),
    "an endless query": definition(_NUMBERS.format("9e18") + "select count(*) from n"),
    "a large template": definition("select 1 i", template="#let f(n) = range(n).map(i => str(i) * 1000)\n#f(9000000)"),
    "an endless template": definition("select 1 i", template="#while true []"),
    "a long template": definition("select 1 i", template="= A\n" * 24_000),
    "rows of a template": definition(
        _NUMBERS.format(50) + "select printf('%.*c', 1000000, 'x') i from n", template="#include \"report.typ\""
    ),
    "nested layers": definition("select 1 i", chart=nested(8)),
    "a chart that generates": definition(
        "select 1 i",
        chart={
            **_BARS,
            "transform": [{"calculate": "sequence(20000000)", "as": "s"}, {"flatten": ["s"]}],
        },
    ),
}  # fmt: skip


class Others:
    """Another tenant's user, and a load balancer, who want their answers within a second."""

    def __init__(self, server: RunningServer) -> None:
        self.slowest = {"livez": 0.0, "status": 0.0}
        self.answers = 0
        self._client, self._stopped = server.client("gina"), threading.Event()
        self._probe = httpx.Client(base_url=server.url, timeout=30)
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Others:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._probe.close()

    def _ask(self) -> None:
        while not self._stopped.wait(0.1):
            for name, call in (
                ("livez", lambda: self._probe.get("/livez")),
                ("status", lambda: self._client.get("/jobs")),
            ):
                started = time.monotonic()
                assert call().status_code == 200
                self.slowest[name] = max(self.slowest[name], time.monotonic() - started)
                self.answers += 1


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("web"), prepared=prepared, workers=False, **passwords()) as running:
        yield running


def web_processes(server: RunningServer) -> list[Path]:
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    processes = [Path(f"/proc/{child}") for child in children]
    return [process for process in processes if b"children.server" not in (process / "cmdline").read_bytes()]


def memory(process: Path, name: str) -> int:
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


class Growth:
    """Measures how much memory each web process needs from now on."""

    def __init__(self, web: RunningServer) -> None:
        self._web = web
        self._before = {process: memory(process, "VmRSS") for process in web_processes(web)}
        for process in self._before:
            # From now on, VmHWM is the peak.
            (process / "clear_refs").write_text("5")

    def largest(self) -> int:
        """Return by how many bytes a process grew at its peak. None may have been killed."""
        assert web_processes(self._web) == list(self._before), "a web process was killed"
        return max(memory(process, "VmHWM") - before for process, before in self._before.items())


def warm_up(client: Client) -> None:
    """Have every process load what it needs. A new connection goes to any of them."""
    body = {"preview": True, "definition": definition("select 1 i")}
    for _ in range(10):
        answer = client.post(_VALIDATE, json=body, headers={"Connection": "close"})
        assert answer.json()["preview"]["rows"] == [["1"]], answer.text


#: One of each kind runs in `make test`, all of them in `make chaos`.
_OFTEN = {"long blobs", "long texts after short ones", "a product in DuckDB", "an endless template", "nested layers"}


@pytest.mark.parametrize(
    "attack", [name if name in _OFTEN else pytest.param(name, marks=pytest.mark.chaos) for name in ATTACKS]
)
def test_a_web_process_stays_small_and_answers_others(web: RunningServer, attack: str) -> None:
    author = web.client("alice")
    warm_up(author)
    growth = Growth(web)
    body = {"preview": True, "definition": ATTACKS[attack]}
    started = time.monotonic()
    with Others(web) as others, ThreadPoolExecutor(_CALLS) as pool:
        answers = list(pool.map(lambda _: author.post(_VALIDATE, json=body), range(_CALLS)))
    seconds = time.monotonic() - started
    growth_bytes = growth.largest()
    for answer in answers:
        assert answer.status_code in (200, 503), answer.text
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
            assert answer.json()["code"] == "busy"
    assert growth_bytes < _MAX_GROWTH_BYTES
    # A second on a machine of one's own. On a busy one it may be more, but not the time of the attack.
    assert others.answers and max(others.slowest.values()) < 10, others.slowest
    assert any(answer.status_code != 503 for answer in answers)
    assert seconds < 60


BODIES: dict[str, bytes] = {
    "deep JSON": b'{"definition": ' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    "many objects": b'{"definition": {"parameters": [' + b"{}," * 340_000 + b"{}]}}",
    "many names": b'{"definition": {' + b",".join(b'"%d":1' % n for n in range(95_000)) + b"}}",
    "a long number": b'{"parameters": {"x": ' + b"9" * 1_000_000 + b"}}",
    "many faults": b'{"definition": {"slug": "a", "choices": [' + b"[]," * 340_000 + b"[]]}}",
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_of_any_shape_is_refused_in_little_memory(web: RunningServer, body: str) -> None:
    author = web.client("alice")
    warm_up(author)
    growth = Growth(web)
    json = {"Content-Type": "application/json"}
    with ThreadPoolExecutor(_CALLS) as pool:
        calls = pool.map(lambda _: author.post(_VALIDATE, content=BODIES[body], headers=json), range(_CALLS))
        answers = list(calls)
    assert {answer.status_code for answer in answers} == {400}
    assert growth.largest() < _MAX_GROWTH_BYTES
