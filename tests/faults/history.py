"""The rules that every job must follow, whatever was killed in the meantime, checked on rows, events and files.

`violations` returns a sentence for each broken rule, so that one run shows all of them. It needs no running server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

ENDS = {"succeeded": "Succeeded", "failed": "Failed"}
#: A job may be Running for this long after its deadline.
_DEADLINE_ALLOWANCE = timedelta(seconds=65)
#: Seconds by which the clocks of an event and of a worker may differ.
_CLOCK_ALLOWANCE = 1
#: Codes of ends that cost no attempt.
_NOT_COUNTED = ("host_fault", "host_stopped")


@dataclass(frozen=True)
class Event:
    """One entry of a job's timeline."""

    job: str
    kind: str
    at: datetime
    attempt: int
    fence: int
    host: str = ""
    pid: int = 0
    code: str = ""


@dataclass(frozen=True)
class Artifact:
    """A result's row. `stem` is the name of its file without the extension."""

    fence: int
    size: int
    sha256: str
    stem: str


@dataclass(frozen=True)
class Job:
    """A job's row."""

    id: str
    status: str
    attempt: int
    fence: int
    max_attempts: int
    timeout: timedelta
    report: str = ""
    artifact: Artifact | None = None
    error: str = ""


@dataclass(frozen=True)
class File:
    """A file or folder in a job's folder of results."""

    job: str
    name: str
    size: int = 0
    sha256: str = ""

    @property
    def stem(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Effect:
    """A delivery that arrived: an e-mail, a webhook call or a file. Its receiver recognizes duplicates by `id`."""

    job: str
    kind: str
    target: str
    id: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.job, self.kind, self.target


@dataclass(frozen=True)
class Delivery:
    """A row of the outbox."""

    job: str
    kind: str
    target: str
    state: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.job, self.kind, self.target


@dataclass(frozen=True)
class History:
    """Everything that a run leaves. Events are in the order in which they were written."""

    #: The ids of the jobs that were answered with 202.
    accepted: Iterable[str]
    jobs: Mapping[str, Job]
    events: Iterable[Event]
    files: Iterable[File]
    now: datetime
    #: How many jobs may run at once on each host.
    slots: Mapping[str, int] = field(default_factory=dict)
    #: How many jobs of a report may run at once, for reports with such a limit.
    limits: Mapping[str, int] = field(default_factory=dict)
    #: Jobs that do no harm and have time enough: whatever happens to them, it is not their fault.
    blameless: Iterable[str] = ()
    deliveries: Iterable[Delivery] = ()
    #: Every arrival, including duplicates.
    effects: Iterable[Effect] = ()
    messages: int = 0
    processes: Iterable[str] = ()

    def of(self, job: str) -> list[Event]:
        return [event for event in self.events if event.job == job]


@dataclass(frozen=True)
class Attempt:
    """A claim and the event that ended it; `end` is None while the attempt runs."""

    claim: Event
    end: Event | None


def violations(history: History) -> list[str]:
    """Return a sentence for each broken rule."""
    timelines = defaultdict(list)
    for event in history.events:
        timelines[event.job].append(event)
    sentences = [
        sentence
        for rule in _RULES_PER_JOB
        for job in history.jobs.values()
        for sentence in rule(job, timelines[job.id])
    ]
    return sentences + [sentence for rule in _OVERALL_RULES for sentence in rule(history)]


def attempts(events: Iterable[Event]) -> list[Attempt]:
    """Return the attempts of one job, from its events."""
    found: list[Attempt] = []
    claim: Event | None = None
    for event in events:
        if event.kind == "claimed":
            if claim:
                found.append(Attempt(claim, None))
            claim = event
        elif claim and event.kind in (*ENDS, "requeued"):
            found.append(Attempt(claim, event))
            claim = None
    return [*found, Attempt(claim, None)] if claim else found


# ---- rules about one job


def _ends_once(job: Job, events: list[Event]) -> Iterator[str]:
    ends = [event.kind for event in events if event.kind in ENDS]
    if len(ends) != 1:
        yield f"{job.id} has {len(ends)} ends, not one: {ends}"
    elif ENDS[ends[0]] != job.status:
        yield f"{job.id} is {job.status}, but its timeline says {ends[0]}"


def _nothing_follows_the_end(job: Job, events: list[Event]) -> Iterator[str]:
    kinds = [event.kind for event in events]
    first = next((at for at, kind in enumerate(kinds) if kind in ENDS), len(kinds))
    after = [kind for kind in kinds[first + 1 :] if kind in ("queued", "claimed", "requeued")]
    if after:
        yield f"{job.id} went on after its end: {after}"


def _fences_increase(job: Job, events: list[Event]) -> Iterator[str]:
    claims = [event.fence for event in events if event.kind == "claimed"]
    if any(later <= earlier for earlier, later in pairwise(claims)):
        yield f"{job.id} was claimed under fences that do not increase: {claims}"
    for attempt in attempts(events):
        end, fence = attempt.end, attempt.claim.fence
        if end and end.kind != "failed" and end.fence != fence:
            yield f"{job.id} was claimed with fence {fence} and {end.kind} with {end.fence}"
    if claims and job.fence < claims[-1]:
        yield f"{job.id} has fence {job.fence}, but was claimed with {claims[-1]}"


def _attempts_do_not_overlap(job: Job, events: list[Event]) -> Iterator[str]:
    if any(attempt.end is None for attempt in attempts(events)[:-1]):
        yield f"{job.id} was claimed while an earlier attempt had not ended"


def _succeeds_at_most_once(job: Job, events: list[Event]) -> Iterator[str]:
    count = sum(event.kind == "succeeded" for event in events)
    if count > 1:
        yield f"{job.id} succeeded {count} times"


def _attempts_are_limited(job: Job, events: list[Event]) -> Iterator[str]:
    most = max([job.attempt, *(event.attempt for event in events)])
    if most > job.max_attempts:
        yield f"{job.id} has {most} attempts, of {job.max_attempts} allowed"


def _times_out_only_after_its_time(job: Job, events: list[Event]) -> Iterator[str]:
    for attempt in attempts(events):
        if attempt.end and attempt.end.code == "timeout":
            seconds = (attempt.end.at - attempt.claim.at).total_seconds()
            if seconds < job.timeout.total_seconds() - _CLOCK_ALLOWANCE:
                yield f"{job.id} is blamed for a timeout after {seconds:.1f} s, of {job.timeout} allowed"


def _faults_of_hosts_are_not_counted(job: Job, events: list[Event]) -> Iterator[str]:
    for attempt, later in pairwise(attempts(events)):
        if attempt.end and attempt.end.code in _NOT_COUNTED and later.claim.attempt != attempt.claim.attempt:
            yield f"{job.id} is blamed for an attempt that ended with {attempt.end.code}"


def _ends_by_its_deadline(job: Job, events: list[Event]) -> Iterator[str]:
    for attempt in attempts(events):
        if attempt.end and attempt.end.at > attempt.claim.at + job.timeout + _DEADLINE_ALLOWANCE:
            yield f"{job.id} ran for {attempt.end.at - attempt.claim.at}, of {job.timeout} allowed"


# ---- rules about all jobs together


def _accepted_jobs_exist_and_have_ended(history: History) -> Iterator[str]:
    for id in history.accepted:
        if id not in history.jobs:
            yield f"{id} was accepted and does not exist"
        elif history.jobs[id].status not in ENDS.values():
            yield f"{id} was accepted and is still {history.jobs[id].status}"


def _blameless_jobs_fail_only_with_their_workers(history: History) -> Iterator[str]:
    """Or because somebody cancelled them."""
    for id in history.blameless:
        job = history.jobs.get(id)
        if job and job.status == "Failed" and job.error not in ("cancelled", "worker_lost"):
            yield f"{id} did no harm, and is blamed with {job.error}"


def _results_are_complete(history: History) -> Iterator[str]:
    files = {(file.job, file.stem): file for file in history.files if not _is_temporary(file)}
    for job in history.jobs.values():
        artifact = job.artifact
        if (artifact is not None) != (job.status == "Succeeded"):
            yield f"{job.id} is {job.status} and has {'a' if artifact else 'no'} result"
        if artifact is None:
            continue
        commits = {event.fence for event in history.of(job.id) if event.kind == "succeeded"}
        if commits and commits != {artifact.fence}:
            yield f"{job.id} shows the result of fence {artifact.fence}, but committed {sorted(commits)}"
        file = files.get((job.id, artifact.stem))
        if file is None:
            yield f"{job.id} has lost the file of its result"
        elif (file.size, file.sha256) != (artifact.size, artifact.sha256):
            yield f"{job.id} has a result that is not the file that was written"


def _nothing_runs_past_its_deadline(history: History) -> Iterator[str]:
    for job in history.jobs.values():
        running = [attempt for attempt in attempts(history.of(job.id)) if attempt.end is None]
        latest_claim = history.now - job.timeout - _DEADLINE_ALLOWANCE
        if job.status == "Running" and any(attempt.claim.at < latest_claim for attempt in running):
            yield f"{job.id} is still Running past its deadline"


def _slots_are_respected(history: History) -> Iterator[str]:
    """No worker runs two jobs at once, and no host more than it has slots.

    Attempts whose worker was lost don't count: it is unknown when they really ended and freed their slots.
    """
    events = defaultdict(list)
    for event in history.events:
        events[event.job].append(event)
    ended = [
        attempt
        for timeline in events.values()
        for attempt in attempts(timeline)
        if attempt.end and attempt.end.code != "worker_lost"
    ]
    for worker, most in _peaks(ended, lambda attempt: f"{attempt.claim.host}:{attempt.claim.pid}").items():
        if most > 1:
            yield f"The worker {worker} ran {most} jobs at once, of 1 allowed"
    for host, most in _peaks(ended, lambda attempt: attempt.claim.host).items():
        if most > history.slots.get(host, most):
            yield f"The host {host} ran {most} jobs at once, of {history.slots[host]} allowed"


def _limits_are_respected(history: History) -> Iterator[str]:
    """Lost attempts count here: no other can start until their row says that they have ended."""
    ended = [attempt for job in history.jobs for attempt in attempts(history.of(job)) if attempt.end]
    for report, most in _peaks(ended, lambda attempt: history.jobs[attempt.claim.job].report).items():
        if most > history.limits.get(report, most):
            yield f"The report {report} ran {most} times at once, of {history.limits[report]} allowed"


def _peaks(ended: Iterable[Attempt], key: Callable[[Attempt], str]) -> dict[str, int]:
    """Return the largest number of simultaneous attempts, by key. One that ends when another starts does not count."""
    steps = defaultdict(list)
    for attempt in ended:
        if attempt.end and attempt.end.at > attempt.claim.at:
            steps[key(attempt)] += [(attempt.claim.at, 1), (attempt.end.at, -1)]
    peaks = {}
    for name, changes in steps.items():
        level = most = 0
        for _, change in sorted(changes):
            level += change
            most = max(most, level)
        peaks[name] = most
    return peaks


def _deliveries_take_effect_once(history: History) -> Iterator[str]:
    """A delivery that arrives twice has the same id both times, so that its receiver can ignore the second one."""
    ids_by_key = defaultdict(set)
    for effect in history.effects:
        ids_by_key[effect.key].add(effect.id)
    rows = [delivery.key for delivery in history.deliveries]
    for key, ids in ids_by_key.items():
        if len(ids) > 1:
            yield f"{' '.join(key)} took effect {len(ids)} times"
        if key not in rows:
            yield f"{' '.join(key)} arrived, but has no row in the outbox"
    for key in {key for key in rows if rows.count(key) > 1}:
        yield f"{' '.join(key)} is {rows.count(key)} times in the outbox"
    for delivery in history.deliveries:
        if delivery.state == "sent" and delivery.key not in ids_by_key:
            yield f"{' '.join(delivery.key)} is recorded as sent, but did not arrive"
        if delivery.state == "pending":
            yield f"{' '.join(delivery.key)} was never delivered"
        if history.jobs[delivery.job].status != "Succeeded":
            yield f"{' '.join(delivery.key)} is of a job that did not succeed"


def _nothing_is_left(history: History) -> Iterator[str]:
    for process in history.processes:
        yield f"A process is left: {process}"
    if history.messages:
        yield f"{history.messages} message(s) are left in the queue"
    kept = {(job.id, job.artifact.stem) for job in history.jobs.values() if job.artifact}
    for file in history.files:
        if _is_temporary(file) or (file.job, file.stem) not in kept:
            yield f"A file is left: {file.job}/{file.name}"


def _is_temporary(file: File) -> bool:
    return not file.stem[:1].isdigit() or file.name.endswith((".part", ".spill"))


_RULES_PER_JOB = (
    _ends_once,
    _nothing_follows_the_end,
    _fences_increase,
    _attempts_do_not_overlap,
    _succeeds_at_most_once,
    _attempts_are_limited,
    _times_out_only_after_its_time,
    _faults_of_hosts_are_not_counted,
    _ends_by_its_deadline,
)
_OVERALL_RULES = (
    _accepted_jobs_exist_and_have_ended,
    _blameless_jobs_fail_only_with_their_workers,
    _results_are_complete,
    _nothing_runs_past_its_deadline,
    _slots_are_respected,
    _limits_are_respected,
    _deliveries_take_effect_once,
    _nothing_is_left,
)
