"""Descriptions of failed attempts."""

from __future__ import annotations

import errno
import hashlib
import re
import traceback
from dataclasses import dataclass, replace

from jobs.exceptions import HostFault
from reports.exceptions import RunError

#: Errors of the system that no report causes by itself.
HOST_ERRORS = (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.EROFS, errno.ESTALE, errno.EIO, errno.ENOTCONN)
_INTERNAL = "The report could not be run because of an error in the server."
#: Characters of a stack trace that are kept if the process wrote output as well.
_MAX_STACK_CHARACTERS = 12_000
#: Characters that are stored of both together.
MAX_TRACE_CHARACTERS = 20_000


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed.

    `message` is shown to everyone who sees the job, `trace` only to Administrators. `retryable`: another attempt may
    succeed. `is_host_fault`: no report could have run on that host, so the attempt doesn't count.
    """

    code: str
    message: str
    retryable: bool = False
    trace: str = ""
    is_host_fault: bool = False

    def __post_init__(self) -> None:
        for name in ("message", "trace"):
            object.__setattr__(self, name, _storable(getattr(self, name)))

    @classmethod
    def from_error(cls, error: BaseException) -> Failure:
        """Describe an exception. Only a RunError's own message is fit for everyone; others may name files or hosts."""
        trace = "".join(traceback.format_exception(error)).strip()
        if sentence := _host_fault(error):
            return replace(of_host(sentence), trace=trace)
        if isinstance(error, RunError):
            driver = error.details.get("driver", "")
            return cls(error.code, error.message, error.retryable, f"{driver}\n\n{trace}".strip())
        if isinstance(error, MemoryError):
            return cls("out_of_memory", "The report needs more memory than a job can use.", trace=trace)
        return cls("internal_error", _INTERNAL, trace=trace)

    def of_child(self) -> Failure:
        """Return the failure as far as the process of one job can know.

        It can't tell a fault of the host from one that the job caused itself, such as too many open files.
        """
        return Failure("internal_error", _INTERNAL, retryable=True, trace=self.trace) if self.is_host_fault else self

    @property
    def fingerprint(self) -> str:
        """A hash that failures share if they differ only in numbers and quoted names."""
        pattern = re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "#", f"{self.code} {self.message}")
        return hashlib.sha256(pattern.encode()).hexdigest()[:16]

    def with_output(self, output: str) -> Failure:
        """Add the last output of the process to the trace."""
        if not output:
            return self
        trace = f"{self.trace[:_MAX_STACK_CHARACTERS]}\n\nLast output of the process:\n{output}"
        return replace(self, trace=trace.strip())


def of_host(sentence: str) -> Failure:
    """Describe a fault of the host."""
    return Failure(HostFault.code, sentence, retryable=True, is_host_fault=True)


def _host_fault(error: BaseException) -> str:
    """Return a sentence if the error is the host's, else an empty text."""
    if isinstance(error, HostFault):
        return error.message
    if isinstance(error, OSError) and error.errno in HOST_ERRORS:
        return f"The host is out of resources, or its disk fails: {error.strerror}."
    # Python gives no other sign of it.
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return "The system starts no more processes."
    return ""


def _storable(text: str) -> str:
    """Replace what a database refuses: PostgreSQL stores no NUL, and UTF-8 has no lone surrogates."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


WORKER_LOST = Failure("worker_lost", "The worker that ran the report was lost.", retryable=True)
DATABASE_LOST = Failure("worker_lost", "The worker that ran the report could not reach the database.", retryable=True)
WORKER_FAILED = Failure("worker_lost", "An error in the worker ended the attempt.", retryable=True)
#: For an end that could not be stored as it was.
NOT_RECORDED = Failure("internal_error", "The end of the job could not be recorded because of an error in the server.")
TIMED_OUT = Failure("timeout", "The report took longer than allowed.")
CANCELLED = Failure("cancelled", "The job was cancelled while it ran.")
