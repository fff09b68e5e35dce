"""Reading in a thread, so that the next rows arrive while the last ones are written."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue

import pyarrow as pa

#: Batches that wait, besides the one being read and the one being written.
_WAITING = 1


class Prefetcher:
    """An iterator over batches. `stop` and then `join` end its thread, even while the source is still sending."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._queue: Queue[pa.RecordBatch | BaseException | None] = Queue(_WAITING)
        self._stopped = threading.Event()
        self._exhausted = False
        self._thread = threading.Thread(target=self._read, args=(batches,), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        item = None if self._exhausted else self._queue.get()
        if isinstance(item, pa.RecordBatch):
            return item
        self._exhausted = True
        if item is not None:
            raise item
        raise StopIteration

    @property
    def is_exhausted(self) -> bool:
        """True once the last batch, or an error, has been handed out."""
        return self._exhausted

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
        """Wait for room in the queue. False once the iterator was stopped."""
        while not self._stopped.is_set():
            try:
                # Nothing wakes it when the iterator is stopped, so it looks again.
                self._queue.put(item, timeout=0.1)
            except Full:
                continue
            return True
        return False
