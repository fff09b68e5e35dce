"""Bodies that are sent in chunks, without a Content-Length (RFC 9112, section 7.1)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from django.conf import settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


class ChunkedBodies:
    """Gives the application a body of known length. Django reads none without Content-Length, and the call would be
    answered as if it had been sent without a body."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"], length = _whole(environ["wsgi.input"])
            environ["CONTENT_LENGTH"] = str(length)
        return self.application(environ, start_response)


class _Broken(io.BytesIO):
    """A body whose sender went away: whoever reads it is told so, as with one that has a Content-Length."""

    def read(self, size: int | None = -1, /) -> NoReturn:
        raise OSError("The sender went away before the end of the body.")


def _whole(sent: Any) -> tuple[BinaryIO, int]:
    """The body and its length; of one that is too long only a byte more than the limit, for which it is refused.

    A chunk that is none is left to the web server, which closes the connection: nobody knows where the next request
    begins.
    """
    try:
        body = sent.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    except OSError:
        return _Broken(), 1
    return io.BytesIO(body), len(body)
