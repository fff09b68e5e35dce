"""How calls are made, written once for both clients.

A *flow* is a generator that yields what has to be done next and is sent the outcome, as httpx's own `auth_flow` is. It
does no input or output itself, so `Client` and `AsyncClient` differ only in how they carry out its steps.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, Union

import httpx

from reportserver_client.errors import (
    ApiError,
    ConnectionFailedError,
    ReportServerError,
    UnavailableError,
    UnexpectedAnswerError,
)

T = TypeVar("T")
#: Seconds without a byte after which an answer is given up.
READ_TIMEOUT = 60.0
#: A server that asks for more patience than this gets its error reported instead.
_LONGEST_PAUSE = 120.0
#: What proxies answer for a server that is being restarted.
_PROXY_ERRORS = (502, 503, 504)


@dataclass(frozen=True)
class Call:
    """A request. Its outcome is a response that has been read, or an httpx.RequestError.

    `is_repeatable`: making it twice does no more than making it once.
    """

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    json: Any = None
    headers: Mapping[str, str] | None = None
    is_repeatable: bool = True
    read_timeout: float = READ_TIMEOUT


class Receiver(Protocol):
    """Takes the bytes of a file while they arrive."""

    def begin(self, response: httpx.Response) -> bool:
        """Look at a response of 200 or 206. Returns False to leave its bytes unread."""

    def write(self, chunk: bytes) -> None: ...


@dataclass(frozen=True)
class Fetch:
    """A request whose answer is a file: responses of 200 and 206 go to the receiver, others are read."""

    call: Call
    receiver: Receiver


@dataclass(frozen=True)
class Pause:
    """Do nothing for this many seconds."""

    seconds: float


Step = Union[Call, Fetch, Pause]
Flow = Generator[Step, Any, T]


def answer(step: Call | Fetch, retries: int) -> Flow[httpx.Response]:
    """Make a call, again after errors that pass. Raises an error of this package unless it succeeds."""
    for failures in itertools.count():
        try:
            response: httpx.Response = yield step
        except httpx.RequestError as error:
            yield Pause(pause_after_lost_connection(error, step, failures, retries))
            continue
        if response.is_success:
            return response
        yield Pause(pause_after_refusal(response, step, failures, retries))
    raise AssertionError  # counting never ends


def pause_after_lost_connection(error: httpx.RequestError, step: Call | Fetch, failures: int, retries: int) -> float:
    """Seconds to wait before the call is made again. Raises ConnectionFailedError if it must not be."""
    call = step.call if isinstance(step, Fetch) else step
    # Without a connection, the server can't have seen the call.
    is_safe = call.is_repeatable or isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    if failures >= retries or not is_safe or isinstance(error, httpx.UnsupportedProtocol):
        reason = str(error) or type(error).__name__
        raise ConnectionFailedError(f"{error.request.url.host} didn't answer: {reason}") from error
    return _backoff(failures)


def pause_after_refusal(response: httpx.Response, step: Call | Fetch, failures: int, retries: int) -> float:
    """Seconds to wait before the call is made again. Raises the response's error if that wouldn't help."""
    call = step.call if isinstance(step, Fetch) else step
    error = ApiError.of(response)
    retry_after = getattr(error, "retry_after", None) or 0.0
    if failures >= retries or retry_after > _LONGEST_PAUSE or not _passes(error, response, call):
        raise error
    return max(_backoff(failures), retry_after)


def _passes(error: ReportServerError, response: httpx.Response, call: Call) -> bool:
    if response.status_code == 429:
        return True
    # 503 `unconfirmed` says that the call may have been carried out, and a proxy doesn't know.
    if isinstance(error, UnavailableError) and error.code != "unconfirmed":
        return True
    return call.is_repeatable and response.status_code in _PROXY_ERRORS


def _backoff(failures: int) -> float:
    """0.5, 1, 2 … 30 seconds, each up to half as long again: clients that failed together don't come back together."""
    return float(min(30.0, 0.5 * 2**failures) * (1 + random.random() / 2))  # noqa: S311 -- no secret


def decode(response: httpx.Response, **options: Any) -> dict[str, Any]:
    """The JSON object in a response, read with these options of json.loads. Raises UnexpectedAnswerError."""
    try:
        body = response.json(**options)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise UnexpectedAnswerError(f"{response.url.host} didn't answer as a report server.")
    return body
