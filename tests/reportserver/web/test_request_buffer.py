"""Where a request ends, however its bytes arrive."""

from __future__ import annotations

import pytest

from reportserver.web.request_buffer import RequestBuffer

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\n\r\n"
TRAILERS = CHUNKED[:-2] + b"Digest: x\r\n\r\n"


def buffer() -> RequestBuffer:
    return RequestBuffer(max_header_bytes=1_000, max_body_bytes=100)


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED, TRAILERS])
@pytest.mark.parametrize("step", [1, 2, 3, 7, 1_000])
def test_a_request_is_complete_with_its_last_byte(request_bytes: bytes, step: int) -> None:
    received = buffer()
    for start in range(0, len(request_bytes), step):
        assert not received.is_complete
        received.feed(request_bytes[start : start + step])
    assert received.is_complete
    assert not received.is_cut_short
    assert received.take() == request_bytes


def test_the_next_request_is_kept() -> None:
    received = buffer()
    received.feed(POST + GET)
    assert received.is_complete
    assert received.take() == POST + GET


@pytest.mark.parametrize(
    "body_header",
    [
        b"Content-Length: 101\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 300,
        b"Transfer-Encoding: chunked\r\n\r\n800\r\n" + b"a" * 1_500,
    ],
)
def test_a_body_that_is_too_long_or_invalid_is_not_waited_for(body_header: bytes) -> None:
    received = buffer()
    received.feed(b"POST / HTTP/1.1\r\n" + body_header)
    assert received.is_complete
    assert received.is_cut_short


def test_leading_zeros_of_a_length_do_not_matter() -> None:
    received = buffer()
    received.feed(b"POST / HTTP/1.1\r\nContent-Length: 0000000000000000000005\r\n\r\n")
    assert not received.is_complete
    received.feed(b"hello")
    assert received.is_complete


@pytest.mark.parametrize(
    "body_header",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_an_ambiguous_length_is_left_to_the_parser(body_header: bytes) -> None:
    received = buffer()
    received.feed(b"POST / HTTP/1.1\r\n" + body_header + b"a" * 5)
    assert received.is_complete


def test_a_header_that_does_not_end_is_too_long() -> None:
    received = buffer()
    received.feed(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300)
    assert received.is_header_too_long
    assert not received.is_complete


def test_a_client_that_waits_for_continue_is_noticed_once() -> None:
    received = buffer()
    received.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert received.expects_continue
    assert not received.is_complete
    received.feed(b"hello")
    assert received.take() == b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
