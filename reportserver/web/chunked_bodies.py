"""Request bodies that are sent in chunks, without Content-Length (RFC 9112, section 7.1)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig

from reportserver.web.upload_limit import longest_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


class ChunkedBodies:
    """WSGI middleware that reads a chunked body and passes it on with its length.

    Without Content-Length, Django takes the body for empty.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ:
            try:
                # An invalid chunk is left to the web server: it closes the connection, since the start of the next
                # request is unknown.
                body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            except OSError:
                environ["wsgi.input"], environ["CONTENT_LENGTH"] = _Interrupted(), "1"
            else:
                if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                    # Refused by this length before more is read, unless the URL takes files of the caller.
                    rest, length = environ["wsgi.input"], longest_body()
                    environ["wsgi.input"], environ["CONTENT_LENGTH"] = _Long(body, rest, length), str(length)
                    return self.application(environ, start_response)
                environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        return self.application(environ, start_response)


class _Long(io.RawIOBase):
    """A body of unknown length, of which the start has been read. Reading it raises RequestDataTooBig at the limit."""

    def __init__(self, start: bytes, rest: Any, limit: int) -> None:
        self._start, self._rest, self._left = io.BytesIO(start), rest, limit

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        found = bytes(self._start.read(wanted) or self._rest.read(wanted))
        self._left -= len(found)
        if self._left <= 0:
            raise RequestDataTooBig
        return found


class _Interrupted(io.BytesIO):
    """A body whose sender closed the connection. Reading it fails like that of a body with Content-Length."""

    def read(self, size: int | None = -1, /) -> NoReturn:
        raise OSError("The sender closed the connection before the end of the body.")
