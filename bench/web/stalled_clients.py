"""Response times while 328 clients stop in the middle of a request or of a download."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from bench.harness.formatting import below, milliseconds, ratio
from bench.harness.markdown import table
from bench.web.load import Load, Request, closed_loop
from bench.web.server import Server

#: Goal for the p99, in milliseconds (contract, chapter 12).
GOAL = 1_000
_HALF_HEADERS, _HALF_BODIES, _UNREAD_DOWNLOADS = 200, 64, 64
_CLIENTS = 4
_HALF_HEADER = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Half: "
_HALF_BODY = (
    b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 500\r\n\r\n{"username": '
)


def measure(server: Server, requests: int) -> str:
    """Return the section of the document. `requests`: of each kind, without the stalled clients and beside them."""
    job = server.analyst.generate("flights-export", {"copies": 1}, "csv")
    server.analyst.wait(job, seconds=300)
    kinds = {
        "GET /livez": Request("GET", "/livez", 200),
        "GET /jobs/{id}": Request("GET", f"/api/v1/jobs/{job}", 200, server.analyst.token),
    }
    alone = {name: closed_loop(server.url, [request] * requests, _CLIENTS) for name, request in kinds.items()}
    with _stalled_clients(server, f"/api/v1/jobs/{job}/result"):
        beside = {name: closed_loop(server.url, [request] * requests, _CLIENTS) for name, request in kinds.items()}
    return _section(alone, beside)


@contextmanager
def _stalled_clients(server: Server, download: str) -> Iterator[None]:
    token = server.analyst.token
    unread = f"GET {download} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n".encode()
    address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
    data = [_HALF_HEADER] * _HALF_HEADERS + [_HALF_BODY] * _HALF_BODIES + [unread] * _UNREAD_DOWNLOADS
    with ExitStack() as stack:
        for sent in data:
            connection = stack.enter_context(socket.create_connection(address))
            connection.sendall(sent)
        yield


def _section(alone: dict[str, Load], beside: dict[str, Load]) -> str:
    rows = []
    for name in alone:
        before, after = alone[name], beside[name]
        p99 = after.percentile(0.99)
        rows.append(
            [
                name,
                milliseconds(before.percentile(0.99)),
                milliseconds(after.percentile(0.5)),
                milliseconds(p99),
                ratio(p99 / before.percentile(0.99)),
                milliseconds(GOAL),
                below(p99, GOAL),
            ]
        )
    head = ["request, 4 clients", "p99 alone", "p50 beside", "p99 beside", "p99 beside / alone", "goal for p99", ""]
    return f"""
{_HALF_HEADERS} clients send half a header, {_HALF_BODIES} half a body, and {_UNREAD_DOWNLOADS} request a download and
read nothing. No proxy is in front. Four other clients send the next request as soon as they have a response.

{table(head, rows)}
"""
