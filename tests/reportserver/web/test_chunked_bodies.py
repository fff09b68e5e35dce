"""Bodies that are sent in chunks."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from pytest_django import Settings

from reportserver.web.chunked_bodies import ChunkedBodies
from reportserver.web.upload_limit import longest_body


class Interrupted(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError("connection reset")


def received(body: io.BytesIO, **environ: Any) -> dict[str, Any]:
    """The environment that the application gets."""
    got: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        got.update(environ)
        return []

    ChunkedBodies(application)({"wsgi.input": body, **environ}, lambda *args: lambda data: None)  # type: ignore[arg-type]
    return got


CHUNKED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


@pytest.mark.parametrize("body", [b"", b'{"a": 1}'])
def test_a_chunked_body_gets_its_length(body: bytes) -> None:
    environ = received(io.BytesIO(body), **CHUNKED)
    assert (environ["CONTENT_LENGTH"], environ["wsgi.input"].read()) == (str(len(body)), body)


def test_a_body_over_the_limit_has_the_longest_length_and_is_read_on_demand(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.UPLOAD_BYTES = 10, 100
    body = io.BytesIO(b"x" * 90 + b"y" * 5)
    environ = received(body, **CHUNKED)
    assert int(environ["CONTENT_LENGTH"]) == longest_body() == 100 + (1 << 20)
    assert body.tell() == 11, "no more is read before somebody asks"
    pieces = list(iter(lambda: environ["wsgi.input"].read(7), b""))
    assert b"".join(pieces) == body.getvalue()


def test_a_body_over_the_longest_length_is_refused_while_it_is_read(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    settings.UPLOAD_BYTES = 100 - (1 << 20)
    environ = received(io.BytesIO(b"x" * 100), **CHUNKED)
    with pytest.raises(RequestDataTooBig):
        list(iter(lambda: environ["wsgi.input"].read(7), b""))


def test_an_interrupted_body_fails_when_it_is_read() -> None:
    environ = received(Interrupted(), **CHUNKED)
    assert environ["CONTENT_LENGTH"] == "1"
    with pytest.raises(OSError, match="before the end of the body"):
        environ["wsgi.input"].read()


def test_a_body_with_a_length_is_left_alone() -> None:
    body = io.BytesIO(b"abc")
    environ = received(body, CONTENT_LENGTH="3")
    assert environ["wsgi.input"] is body
