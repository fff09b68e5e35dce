"""Why an attempt failed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

#: Characters of a trace that are kept, with the process's output and without.
_TRACE, MAX_TRACE_CHARACTERS = 12_000, 20_000


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed. `message` is for the API's client, `trace` for Administrators."""

    code: str
    message: str
    retryable: bool = False
    trace: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for failures that differ only in numbers and quoted names."""
        shape = re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "#", f"{self.code} {self.message}")
        return hashlib.sha256(shape.encode()).hexdigest()[:16]

    def with_output(self, text: str) -> Failure:
        """With what the process wrote to its log, for Administrators."""
        told = f"{self.trace[:_TRACE]}\n\nLast output of the process:\n{text}" if text else self.trace
        return replace(self, trace=told.strip())


WORKER_LOST = Failure("worker_lost", "The worker that made the report was lost.", retryable=True)
DATABASE_LOST = Failure("worker_lost", "The database did not answer the worker that had the job.", retryable=True)
TIMED_OUT = Failure("timeout", "The report took longer than it may.")
CANCELLED = Failure("cancelled", "The job was cancelled while it ran.")
