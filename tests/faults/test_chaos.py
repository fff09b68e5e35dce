"""Random faults for CHAOS_MINUTES while people ask for reports, then a judgement of all that happened.

CHAOS_SEED repeats the choices of an earlier run; how processes interleave with them is the machine's.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import quantiles

import httpx
import psutil
import pytest

from tests.faults import rows
from tests.faults.cluster import Cluster
from tests.faults.faults import faults_of
from tests.faults.test_web import ask
from tests.server import start

MINUTES = float(os.environ.get("CHAOS_MINUTES", "30"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
#: So many that 30 minutes make 2,000.
JOBS = int(2000 * MINUTES / 30)
_HARMS = (
    *[""] * 6,
    *["sleep:0.5"] * 3,
    *["sleep:2"] * 4,
    "sleep:6",
    "unavailable",
    "exit:1",
    "kill",
    "leaves-one-behind",
)


@dataclass
class Report:
    """What was done, and when which job was hit by it."""

    faults: Counter[str] = field(default_factory=Counter)
    hits: list[tuple[str, str, datetime]] = field(default_factory=list)
    cancels: int = 0

    def recoveries(self, cluster: Cluster) -> dict[str, list[float]]:
        """Seconds from each fault until the job that it hit was claimed again, or had ended."""
        found: dict[str, list[float]] = defaultdict(list)
        for name, job, at in self.hits:
            sql = "select kind, at from jobs_jobevent where job_id = ? order by id"
            later = [
                (rows.moment(row["at"]) - at).total_seconds()
                for row in cluster.database(sql, cluster.database.id(job))
                if row["kind"] in ("claimed", "succeeded", "failed")
            ]
            if again := [seconds for seconds in later if seconds > 0]:
                found[name].append(again[0])
        return found

    def text(self, cluster: Cluster) -> str:
        statuses = Counter(cluster.database.status_of(cluster.accepted).values())
        lines = [f"{len(cluster.accepted)} jobs: {dict(statuses)}; {sum(self.faults.values())} faults, seed {SEED}"]
        recoveries = self.recoveries(cluster)
        everything = [seconds for many in recoveries.values() for seconds in many]
        for name, many in [*sorted(recoveries.items()), ("all of them", everything)]:
            if len(many) > 1:
                p95 = quantiles(many, n=20, method="inclusive")[-1]
                middle = sorted(many)[len(many) // 2]
                lines.append(
                    f"  {name:28} {len(many):4} hit: p50 {middle:5.1f} s  p95 {p95:5.1f} s  max {max(many):5.1f} s"
                )
        done = [f"{name} {count}" for name, count in sorted(self.faults.items())]
        lines.append(f"  cancels {self.cancels}, {', '.join(done)}")
        return "\n".join(lines)


@pytest.mark.chaos
def test_jobs_survive_random_faults(cluster: Cluster) -> None:
    chance, report = random.Random(SEED), Report()  # noqa: S311 - not a secret
    before, begin = len(cluster.accepted), time.monotonic()
    next_fault = begin + 3
    while (share := (time.monotonic() - begin) / (MINUTES * 60)) < 1 or len(cluster.accepted) - before < JOBS:
        # A fault may take a while: then several are due at once, as when people come back after a failure.
        while len(cluster.accepted) - before < JOBS * min(share, 1):
            ask_and_perhaps_cancel(cluster, chance, report)
        if time.monotonic() > next_fault:
            hurt(cluster, chance, report)
            next_fault = time.monotonic() + chance.uniform(1, 6)
        time.sleep(0.1)
    cluster.two_hosts()
    cluster.ended(seconds=900)
    print(f"\n{MINUTES:g} minutes of random faults on {type(cluster.database.where).__name__}\n{report.text(cluster)}")  # noqa: T201
    cluster.judge()


def ask_and_perhaps_cancel(cluster: Cluster, chance: random.Random, report: Report) -> None:
    submit(cluster, chance.choice(_HARMS))
    if chance.random() < 0.05:
        report.cancels += 1
        with suppress(httpx.TransportError):
            cluster.cancel(chance.choice(cluster.accepted[-5:]))


def hurt(cluster: Cluster, chance: random.Random, report: Report) -> None:
    fault = chance.choice(faults_of(cluster))
    at = datetime.now(UTC)
    # What it was about to hurt may have ended by itself.
    with suppress(psutil.NoSuchProcess, AssertionError):
        hit = fault(cluster, chance)
        report.faults[fault.__name__] += 1
        report.hits += [(fault.__name__, str(uuid.UUID(job)), at) for job in hit]
    while len(cluster.hosts) < 2:
        cluster.start_host()


def submit(cluster: Cluster, harm: str) -> None:
    """Ask with a key until there is an answer, as a client does whose server was killed."""
    key, until = str(uuid.uuid4()), time.monotonic() + 120
    while time.monotonic() < until:
        if cluster.server.process.poll() is not None:
            start(cluster.server, workers=False)
        answer = ask(cluster, key, harm)
        if answer is not None and answer.status_code == 202:
            cluster.accepted.append(answer.json()["jobId"])
            return
        time.sleep(0.5)
    raise AssertionError(f"The web server did not take a job for two minutes: {answer}")
