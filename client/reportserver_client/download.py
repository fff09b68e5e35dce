"""Downloads that go on after a broken connection, and whose bytes are verified."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Callable, Optional

import httpx

from reportserver_client.errors import DamagedDownloadError
from reportserver_client.flow import Call, Fetch, Flow, Pause, pause_after_lost_connection, pause_after_refusal
from reportserver_client.models import ResultFile

#: Called with the bytes so far and all bytes.
OnBytes = Optional[Callable[[int, int], None]]
_START = re.compile(r"bytes (\d+)-", re.ASCII)


class _Target:
    """The file that a download is written to, and what of it is there."""

    def __init__(self, sink: BinaryIO, file: ResultFile, on_bytes: OnBytes) -> None:
        self._sink, self._file, self._on_bytes = sink, file, on_bytes
        self._hash = hashlib.sha256()
        self._start = sink.tell()
        self.received = 0

    @property
    def is_complete(self) -> bool:
        return self.received == self._file.size and self._hash.hexdigest() == self._file.sha256

    def headers(self) -> dict[str, str]:
        """What is missing, if the file is still the same. Uncompressed: the hash is that of the file."""
        missing = {"Range": f"bytes={self.received}-", "If-Range": f'"{self._file.sha256}"'} if self.received else {}
        return {"Accept-Encoding": "identity", **missing}

    def begin(self, response: httpx.Response) -> bool:
        if response.status_code == 206:
            match = _START.match(response.headers.get("Content-Range", ""))
            if match is None or int(match[1]) != self.received:
                raise DamagedDownloadError("The server sent another part of the file than was asked for.")
        elif self.received:
            self._hash, self.received = hashlib.sha256(), 0
            self._sink.seek(self._start)
            self._sink.truncate()
        return True

    def write(self, chunk: bytes) -> None:
        self._sink.write(chunk)
        self._hash.update(chunk)
        self.received += len(chunk)
        if self._on_bytes:
            self._on_bytes(self.received, self._file.size)


def download(path: str, file: ResultFile, sink: BinaryIO, retries: int, on_bytes: OnBytes = None) -> Flow[None]:
    """Write a result's file to `sink`, which must be seekable. Raises DamagedDownloadError if it isn't that file.

    A connection that breaks is tried again as long as each one brings bytes, else `retries` times.
    """
    target, failures = _Target(sink, file, on_bytes), 0
    while True:
        before = target.received
        step = Fetch(Call("GET", path, params={"format": file.format}, headers=target.headers()), target)
        try:
            response: httpx.Response = yield step
        except httpx.RequestError as error:
            if target.is_complete:
                return
            failures = 0 if target.received > before else failures
            yield Pause(pause_after_lost_connection(error, step, failures, retries))
        else:
            if response.is_success:
                break
            yield Pause(pause_after_refusal(response, step, failures, retries))
        failures += 1
    if not target.is_complete:
        raise DamagedDownloadError(f"{file.filename} is not the file that the server stored: its SHA-256 differs.")


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once it is complete, and is deleted otherwise."""
    part = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        with part.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def safe_name(filename: str) -> str:
    """The name without anything that would lead to another folder, hide the file, or upset a terminal."""
    name = re.sub(r"[\x00-\x1f\x7f-\x9f/\\]+", "_", filename).lstrip(".")
    return name[-200:] or "result"
