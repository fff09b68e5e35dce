"""Refuses files in requests before they are read, except where files are expected."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

#: Names of the URLs that take files. The call authenticates before it reads the body; of a page, the body is read
#: earlier, to find the token against forgery.
_CALL, _PAGE = "api-source-files", "source-upload"
#: What a form has besides the file.
_SPARE_BYTES = 1 << 20


def longest_body() -> int:
    """Bytes of the longest body that any URL takes."""
    return int(settings.UPLOAD_BYTES + _SPARE_BYTES)


class UploadLimit(FileUploadHandler):
    """Raises RequestDataTooBig for a body that is too long for its URL and user. Leaves the rest to later handlers."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803 -- Django's name
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        limit = longest_body() if self._takes_files() else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if content_length > limit:
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None

    def _takes_files(self) -> bool:
        request: Any = self.request
        match = getattr(request, "resolver_match", None)
        if match is None or match.url_name not in (_CALL, _PAGE):
            return False
        return match.url_name == _CALL or bool(getattr(request.user, "is_administrator", False))
