"""Clients that stop in the middle of a request or an answer, on a real server without a proxy."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.server import Client, RunningServer, coverage_variables, running_server

HALF_HEADER = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "
HALF_BODY = (
    b"POST /api/v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 500\r\n\r\n{"username": '
)
SOCKET_SECONDS = 4
ROWS = 400_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("stalled"),
        prepared=prepared,
        REPORTSERVER_SOCKET_SECONDS=str(SOCKET_SECONDS),
        REPORTSERVER_MAX_DOWNLOADS_PER_USER="100",
        **coverage_variables(),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def bob(server: RunningServer) -> Client:
    return server.client("bob")


@pytest.fixture(scope="module")
def large_result(bob: Client) -> str:
    """The path of a result that doesn't fit into the buffers of a connection."""
    job = bob.wait(bob.generate("many-rows", {"copies": 5, "rows": ROWS}, format="csv"), seconds=120)
    assert job["result"]["size"] > 20_000_000
    return f"/api/v1/jobs/{job['jobId']}/result"


class Connections:
    """Open connections that send something and then do nothing."""

    def __init__(self, server: RunningServer) -> None:
        self.address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        self.open: list[socket.socket] = []

    def add(self, number: int, data: bytes) -> None:
        for _ in range(number):
            connection = socket.create_connection(self.address, timeout=30)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.sendall(data)
            self.open.append(connection)

    def established(self) -> int:
        """How many of them the server holds open, as the kernel sees it: what it sent may wait to be read for long."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        clients = {connection.getsockname()[1] for connection in self.open}
        port = self.address[1]
        # A set: the kernel may list a connection twice while others come and go.
        return len(
            {
                int(remote.rsplit(":", 1)[1], 16)
                for _, local, remote, state, *_ in lines
                if int(local.rsplit(":", 1)[1], 16) == port and state == "01"
            }
            & clients
        )


@pytest.fixture
def stalled(server: RunningServer) -> Iterator[Connections]:
    connections = Connections(server)
    yield connections
    for connection in connections.open:
        connection.close()


def download(client: Client, path: str) -> bytes:
    token = client.http.headers["Authorization"]
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n".encode()


def slowest(call: Callable[[], httpx.Response], times: int) -> float:
    seconds = []
    for _ in range(times):
        started = time.monotonic()
        assert call().status_code == 200
        seconds.append(time.monotonic() - started)
    return max(seconds)


def test_stalled_clients_keep_nobody_waiting(
    server: RunningServer, bob: Client, large_result: str, stalled: Connections
) -> None:
    job = large_result.rsplit("/", 1)[0]
    stalled.add(200, HALF_HEADER)
    stalled.add(64, HALF_BODY)
    stalled.add(64, download(bob, large_result))
    # A second on a machine of one's own, as `python -m bench web` measures. Before, nobody was answered at all.
    assert slowest(lambda: bob.http.get("/livez"), 10) < 10
    assert slowest(lambda: bob.get(job), 10) < 10

    assert stalled.established() == 328
    deadline = time.monotonic() + 5 * SOCKET_SECONDS
    while stalled.established() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert stalled.established() == 0


def test_a_request_that_comes_drop_by_drop_is_closed(server: RunningServer, stalled: Connections) -> None:
    stalled.add(1, HALF_HEADER)
    deadline = time.monotonic() + 5 * SOCKET_SECONDS
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while time.monotonic() < deadline and stalled.established():
            stalled.open[0].sendall(b"a")
            time.sleep(0.3)
    assert time.monotonic() < deadline


def test_a_slow_reader_gets_the_whole_file(server: RunningServer, bob: Client, large_result: str) -> None:
    size = 0
    with bob.http.stream("GET", large_result) as answer:
        for number, piece in enumerate(answer.iter_bytes(1 << 20)):
            size += len(piece)
            time.sleep(0.2 if number < 20 else 0)
        assert size == int(answer.headers["Content-Length"])


def test_requests_in_pieces_pipelined_and_with_expect_are_answered(server: RunningServer, stalled: Connections) -> None:
    get = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    stalled.add(1, b"")
    connection = stalled.open[0]
    for byte in get:
        connection.sendall(bytes([byte]))
    connection.sendall(get + get[:20])
    time.sleep(0.3)
    connection.sendall(get[20:])
    received = b""
    while received.count(b"HTTP/1.1 200 OK") < 3 or not received.endswith(b"ok\n"):
        received += connection.recv(65_536)

    body = b'{"username": "bob", "password": "wrong"}'
    connection.sendall(
        b"POST /api/v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)
    assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")


def test_a_client_that_resets_its_connection_harms_nobody(server: RunningServer, stalled: Connections) -> None:
    before = web_processes(server)
    for _ in range(20):
        stalled.add(1, b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        # Closed with this option, a connection is reset.
        stalled.open[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stalled.open[-1].close()
        stalled.open.pop()
    time.sleep(0.5)
    assert web_processes(server) == before


def test_a_length_of_many_digits_is_not_waited_for(server: RunningServer, bob: Client, stalled: Connections) -> None:
    stalled.add(
        64,
        b"POST /api/v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 0000000000000000000005\r\n\r\n",
    )
    assert bob.http.get("/livez").status_code == 200


def web_processes(server: RunningServer) -> set[int]:
    processes = psutil.Process(server.process.pid).children(recursive=True)
    return {process.pid for process in processes if "gunicorn" in " ".join(process.cmdline())}


def test_downloads_of_a_user_are_bounded(
    tmp_path_factory: pytest.TempPathFactory, server: RunningServer, prepared: Path
) -> None:
    folder = tmp_path_factory.mktemp("downloads")
    with running_server(folder, prepared=prepared, REPORTSERVER_MAX_DOWNLOADS_PER_USER="3") as limited:
        bob = limited.client("bob")
        job = bob.wait(bob.generate("many-rows", {"copies": 5, "rows": ROWS}, format="csv"), seconds=120)
        path = f"/api/v1/jobs/{job['jobId']}/result"
        connections = Connections(limited)
        connections.add(3, download(bob, path))
        time.sleep(1)
        refused = bob.get(path)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_downloads")
        assert int(refused.headers["Retry-After"]) > 0
        assert bob.http.head(path).status_code == 200
        for connection in connections.open:
            connection.close()
        deadline = time.monotonic() + 10
        while (status := bob.get(path).status_code) != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert status == 200
