"""The port to the app that runs reports.

The pages of this app show how past runs went and submit new ones, but this app must not import the one that runs
them. That app registers a ReportRunner when Django starts; see jobs.apps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.utils.safestring import SafeString

from accounts.models import User
from reports.dry_run.results import Origin
from reports.models import ReportConfiguration
from reports.parameters.date_math import Moment


@dataclass(frozen=True)
class ReportStats:
    """Statistics of a user's visible jobs of one report: the newest job, and the newest ones that ended.

    `run`: the run times in seconds that half and 95 % of the successful runs stayed within; `rows`: the median.
    """

    last_id: UUID
    last_status: str
    last_at: datetime
    ended: int
    succeeded: int
    run: tuple[float, float] | None
    rows: int | None

    @property
    def percent(self) -> int | None:
        """The share of ended jobs that succeeded."""
        return int(100 * self.succeeded / self.ended) if self.ended else None


@dataclass(frozen=True)
class RunHistory:
    """A report's newest successful runs: how many, their median rows, and the p50 and p95 of their run time."""

    runs: int
    rows: int
    seconds: float
    most_seconds: float


class PastRun(NamedTuple):
    """The size and the run time of a successful run."""

    rows: int
    seconds: float


@dataclass(frozen=True)
class Throughput:
    """Past runs in one format, at least one, from which the time of another is estimated."""

    origin: Origin
    runs: tuple[PastRun, ...]


class Submission(NamedTuple):
    """The job that a form submitted. `is_replay`: the same form had submitted it before."""

    job_id: UUID
    is_replay: bool


class ReportRunner(Protocol):
    """The interface of the app that runs reports: statistics of runs, and submission of new ones."""

    def submit(
        self,
        report: ReportConfiguration,
        user: User,
        *,
        parameters: Mapping[str, object],
        moment: Moment,
        format: str,
        deliver: bool,
        notify: bool,
        locale: str,
        section: str | None,
        form_key: str,
    ) -> Submission:
        """Queue a run with values as a form sends them, once per `form_key`; an empty key doesn't identify a form.

        Relative dates are resolved against `moment`. `deliver`: send the result to the report's targets.
        `notify`: send the user a mail when the job has ended.

        Raises InvalidParameters, and other DomainErrors with a message for the user.
        """

    def stats(self, user: User, reports: Sequence[ReportConfiguration]) -> Mapping[UUID, ReportStats]:
        """Return statistics by report id, without reports of which the user sees no job. The number of queries is
        constant."""

    def recent_jobs(self, user: User, report: ReportConfiguration) -> SafeString:
        """Return the user's newest visible jobs of the report as a list in HTML."""

    def run_history(self, report: ReportConfiguration) -> RunHistory | None:
        """Return statistics of the newest runs; None if none has succeeded."""

    def throughputs(self, report: ReportConfiguration) -> Mapping[str, Throughput]:
        """Return throughputs by format, without formats in which nothing has been run yet."""


_registered: list[ReportRunner] = []


def register(runner: ReportRunner) -> None:
    _registered[:] = [runner]


def report_runner() -> ReportRunner:
    if not _registered:
        raise ImproperlyConfigured("No app has registered a report runner.")
    return _registered[0]
