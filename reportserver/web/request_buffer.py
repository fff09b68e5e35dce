"""The bytes of one HTTP/1.1 request, until it is complete (RFC 9112).

It only finds where the request ends. Whether it is valid is up to gunicorn's parser, which gets the bytes unchanged.
"""

from __future__ import annotations

import re

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:([^\r\n]*)(?=\r\n)", re.IGNORECASE)
_MAX_LENGTH_DIGITS = 18
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked[ \t]*(?=\r\n)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,12}(?=[ \t;]|$)")
_BLANK_LINE = b"\r\n\r\n"
#: The line that announces a chunk has a few digits; more is an attack with chunk extensions.
_MAX_CHUNK_LINE = 256


class RequestBuffer:
    """Collects one request. After `feed`, look at `is_complete` and `is_header_too_long`.

    A request whose body is longer than `max_body_bytes`, or that no parser could read, counts as complete early: the
    answer to it doesn't need the rest.
    """

    def __init__(self, *, max_header_bytes: int, max_body_bytes: int) -> None:
        self.is_complete = False
        #: The body is not here as a whole, so the connection can't be used for another request.
        self.is_cut_short = False
        self.is_header_too_long = False
        #: The client waits for "100 Continue" before it sends the body.
        self.expects_continue = False
        self._data = bytearray()
        self._max_header_bytes = max_header_bytes
        self._max_body_bytes = max_body_bytes
        #: Where the request ends, once that is known.
        self._end: int | None = None
        #: Where the next chunk of a chunked body begins; 0 before the body and for other bodies.
        self._next_chunk = 0

    def __len__(self) -> int:
        return len(self._data)

    def end(self) -> None:
        """The client sends nothing more. Without a whole header there is nothing to answer."""
        self._cut_short(self._end is not None or self._next_chunk > 0)

    def feed(self, data: bytes) -> None:
        searched = max(0, len(self._data) - len(_BLANK_LINE))
        self._data += data
        if self._end is None and not self._next_chunk:
            self._find_header(searched)
        if self._next_chunk and self._end is None:
            self._skip_chunks()
        if self._end is not None and len(self._data) >= self._end:
            self.is_complete = True

    def take(self) -> bytes:
        """The request, and whatever the client sent after it."""
        return bytes(self._data)

    def _find_header(self, searched: int) -> None:
        end = self._data.find(_BLANK_LINE, searched)
        if end < 0 or end > self._max_header_bytes:
            self.is_header_too_long = len(self._data) > self._max_header_bytes
            return
        body = end + len(_BLANK_LINE)
        header = bytes(self._data[: end + 2])
        if _EXPECT.search(header):
            # gunicorn would send "100 Continue" when the body is already here.
            self.expects_continue = True
            self._data[: end + 2] = header = _EXPECT.sub(b"", header)
            body = len(header) + 2
        lengths = _CONTENT_LENGTH.findall(header)
        if _CHUNKED.search(header) and not lengths:
            self._next_chunk = body
        else:
            length = _length(lengths)
            self._end = body + (length or 0)
            self._cut_short(length is None or length > self._max_body_bytes)

    def _skip_chunks(self) -> None:
        while True:
            line_end = self._data.find(b"\r\n", self._next_chunk)
            if line_end < 0:
                self._cut_short(len(self._data) - self._next_chunk > _MAX_CHUNK_LINE)
                return
            size = _CHUNK_SIZE.match(self._data[self._next_chunk : line_end])
            if size is None or line_end - self._next_chunk > _MAX_CHUNK_LINE:
                self._cut_short(True)
                return
            length = int(size[0], 16)
            if length == 0:
                self._find_end_of_trailers(line_end)
                return
            self._next_chunk = line_end + 2 + length + 2
            if self._next_chunk > len(self._data):
                # Twice the limit: the sizes and line ends between the chunks take room, too.
                self._cut_short(len(self._data) > self._max_header_bytes + 2 * self._max_body_bytes)
                return

    def _find_end_of_trailers(self, last_line_end: int) -> None:
        end = self._data.find(_BLANK_LINE, last_line_end)
        if end >= 0:
            self._end = end + len(_BLANK_LINE)
        self._cut_short(len(self._data) - last_line_end > self._max_header_bytes)

    def _cut_short(self, condition: bool) -> None:
        if condition:
            self.is_complete = self.is_cut_short = True


def _length(values: list[bytes]) -> int | None:
    """The length of the body. None if the header is ambiguous or not a number: the parser decides, and never waits."""
    if not values:
        return 0
    digits = values[0].strip(b" \t").lstrip(b"0") or b"0"
    is_number = digits.isdigit() and len(digits) <= _MAX_LENGTH_DIGITS
    return int(digits) if len(values) == 1 and is_number else None
