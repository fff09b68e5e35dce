"""A bucket of an object store as the store of results. Its objects have the names that files have in a folder."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING
from uuid import UUID

from jobs.exceptions import ResultMissing, StorageUnavailable
from jobs.results.stores.base import MARKER, OpenedFile, job_prefix
from jobs.results.stores.client import LONG, SHORT, client, store_errors, writing_errors
from jobs.results.stores.remote_file import RemoteFile

if TYPE_CHECKING:
    from obstore import ObjectMeta

log = logging.getLogger(__name__)
#: A larger file is uploaded in parts of this size. S3 takes 10,000 parts; this many of them are in memory at once.
PART_BYTES, _PARTS_AT_ONCE = 8 << 20, 3
#: An object that is written again and again, to find out whether that is possible.
PROBE = "store-probe"
_MAX_STAMP = 100
#: Threads of a process that may wait at once for what the store says about an object, and seconds for which others
#: wait for their turn. A store that doesn't answer would otherwise occupy all threads of a web process.
_WAITING_THREADS, _TURN_SECONDS = 8, 1.0
_waiting = BoundedSemaphore(_WAITING_THREADS)


@dataclass(frozen=True)
class ObjectStore:
    """The objects below s3://bucket/prefix, gs://bucket/prefix or az://container/prefix."""

    url: str

    def publish(self, draft: Path, name: str) -> str:
        size = draft.stat().st_size
        if size <= PART_BYTES:
            self._create(name, draft.read_bytes())
        else:
            self._upload(name, draft)
        meta = self.head(name)
        if meta["size"] != size:
            raise StorageUnavailable("The object store kept another file than it was sent.")
        draft.unlink()
        return stamp_of(meta)

    def open_verified(self, name: str, *, size: int, sha256: str, stamp: str) -> OpenedFile:
        meta = self.head(name)
        file, found = RemoteFile(self.url, name, size=meta["size"], etag=meta["e_tag"]), stamp_of(meta)
        if found != stamp:
            if meta["size"] != size or hashlib.file_digest(file, "sha256").hexdigest() != sha256:  # type: ignore[arg-type]
                raise ResultMissing
            file.seek(0)
        return OpenedFile(file, found)  # type: ignore[arg-type]

    def fetch_verified(self, name: str, copy: Path, *, size: int, sha256: str, stamp: str) -> Path:
        # All of it is read anyway, so its digest is compared whatever the stamp says.
        digest, source = hashlib.sha256(), self.open(name)
        copy.parent.mkdir(mode=0o700, exist_ok=True)
        with copy.open("wb") as target:
            while block := source.read(PART_BYTES):
                digest.update(block)
                target.write(block)
        if digest.hexdigest() != sha256:
            copy.unlink()
            raise ResultMissing
        return copy

    def open(self, name: str) -> RemoteFile:
        """Open an object whose content the caller verifies. Raise ResultMissing if it isn't there."""
        meta = self.head(name)
        return RemoteFile(self.url, name, size=meta["size"], etag=meta["e_tag"])

    def delete_job(self, job_id: UUID) -> None:
        try:
            self.delete([meta["path"] for found in self.find(job_prefix(job_id)) for meta in found])
        except (StorageUnavailable, ResultMissing):
            log.warning("The files of a job could not be deleted yet.", extra={"job_id": str(job_id)})

    def read_marker(self) -> str:
        import obstore

        try:
            with store_errors():
                return bytes(obstore.get(client(self.url, SHORT), MARKER).bytes()).decode(errors="replace").strip()
        except ResultMissing:
            return ""

    def write_marker(self, text: str) -> None:
        self._put(MARKER, f"{text}\n".encode())

    def try_writing(self) -> None:
        self._put(PROBE, b"\0")

    def clock(self) -> datetime:
        """Return the store's time, to the second."""
        self.try_writing()
        return self.head(PROBE)["last_modified"]

    def head(self, name: str) -> ObjectMeta:
        """Return what the store says about an object. Raise ResultMissing if it isn't there."""
        import obstore

        if not _waiting.acquire(timeout=_TURN_SECONDS):
            raise StorageUnavailable("The object store answers too slowly.")
        try:
            with store_errors():
                return obstore.head(client(self.url, SHORT), name)
        finally:
            _waiting.release()

    def find(self, prefix: str = "") -> Iterator[list[ObjectMeta]]:
        """Yield the objects below a prefix, which ends where a folder would, as many as an answer of the store has."""
        import obstore

        with store_errors():
            yield from obstore.list(client(self.url, SHORT), prefix or None)

    def delete(self, names: list[str]) -> None:
        """Delete objects. Those that are gone already are no error."""
        import obstore

        if names:
            with store_errors():
                obstore.delete(client(self.url, SHORT), names)

    def write_parts(self, name: str, data: bytes) -> None:
        """Write an object as an upload in parts, which may need other rights than a small one."""
        import obstore

        with writing_errors():
            obstore.put(client(self.url, SHORT), name, iter([data]), use_multipart=True)

    def _put(self, name: str, data: bytes) -> None:
        import obstore

        with writing_errors():
            obstore.put(client(self.url, SHORT), name, data, use_multipart=False)

    def _create(self, name: str, data: bytes) -> None:
        """Write an object that must not exist yet."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with writing_errors():
                obstore.put(client(self.url, LONG), name, data, mode="create")
        except AlreadyExistsError:
            # The name contains a random token, so the object is the attempt's own: an earlier answer was lost.
            if self.open(name).read() != data:
                raise StorageUnavailable(f"The object store has another file named {name}.") from None

    def _upload(self, name: str, draft: Path) -> None:
        """Upload a large file in parts. The object appears as a whole with the last request."""
        import obstore

        with writing_errors():
            obstore.put(
                client(self.url, LONG),
                name,
                draft,
                use_multipart=True,
                chunk_size=PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )


def stamp_of(meta: ObjectMeta) -> str:
    """Return a text of size, ETag and version, which changes if the object is written again with other content."""
    identity = meta["e_tag"] or meta["last_modified"].isoformat()
    text = f"{meta['size']}-{identity}-{meta['version'] or ''}"
    return text if len(text) <= _MAX_STAMP else hashlib.sha256(text.encode()).hexdigest()
