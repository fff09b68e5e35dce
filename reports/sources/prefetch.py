"""Reads ahead in a thread of its own, so that the next rows arrive while the last ones are written."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue

import pyarrow as pa

#: Batches that wait, beside the one being read and the one being written.
_WAITING = 1


class Prefetcher:
    """An iterator over batches. `stop` and then `join` end the thread, which a cancelled reader must not hold up."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._queue: Queue[pa.RecordBatch | BaseException | None] = Queue(_WAITING)
        self._stopped = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(batches,), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        found = None if self._ended else self._queue.get()
        if isinstance(found, pa.RecordBatch):
            return found
        self._ended = True
        if found is not None:
            raise found
        raise StopIteration

    @property
    def is_over(self) -> bool:
        """Whether all that there was has been asked for, or an error."""
        return self._ended

    def stop(self) -> None:
        self._stopped.set()

    def join(self) -> None:
        self._thread.join()

    def _read(self, batches: Iterable[pa.RecordBatch]) -> None:
        try:
            for batch in batches:
                if not self._put(batch):
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 -- raised again where the batches are asked for
            self._put(error)

    def _put(self, item: pa.RecordBatch | BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except Full:
                continue
            return True
        return False
