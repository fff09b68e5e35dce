"""The faults of a run, and how soon the affected jobs were recovered."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles
from typing import NamedTuple

from tests.faults.cluster import Cluster


def recovery_seconds(cluster: Cluster, job: str, at: datetime) -> float | None:
    """Return the seconds from this time until the job was claimed or had ended. None if it had ended before."""
    kinds = ("claimed", "succeeded", "failed")
    later = [event.at for event in cluster.database.events(job) if event.kind in kinds and event.at > at]
    return (later[0] - at).total_seconds() if later else None


class Hit(NamedTuple):
    """A job that was affected by a fault."""

    fault: str
    job: str
    at: datetime


def p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1]


@dataclass
class Summary:
    """How often each fault was injected, and the affected jobs."""

    faults: Counter[str] = field(default_factory=Counter)
    hits: list[Hit] = field(default_factory=list)
    cancels: int = 0

    def text(self, cluster: Cluster) -> str:
        statuses = Counter(cluster.database.status_of(cluster.accepted).values())
        lines = [f"{len(cluster.accepted)} jobs: {dict(statuses)}; {sum(self.faults.values())} faults"]
        recoveries = self._recoveries_by_fault(cluster)
        for name, each in [*sorted(recoveries.items()), ("all of them", self.recoveries(cluster))]:
            if len(each) > 1:
                p50 = sorted(each)[len(each) // 2]
                lines.append(
                    f"  {name:28} {len(each):4} hit: p50 {p50:5.1f} s  p95 {p95(each):5.1f} s  max {max(each):5.1f} s"
                )
        counts = [f"{name} {count}" for name, count in sorted(self.faults.items())]
        lines.append(f"  cancels {self.cancels}, {', '.join(counts)}")
        return "\n".join(lines)

    def recoveries(self, cluster: Cluster) -> list[float]:
        """Return how many seconds each affected job waited that had not ended before."""
        return [seconds for each in self._recoveries_by_fault(cluster).values() for seconds in each]

    def _recoveries_by_fault(self, cluster: Cluster) -> dict[str, list[float]]:
        recoveries: dict[str, list[float]] = defaultdict(list)
        for hit in self.hits:
            seconds = recovery_seconds(cluster, hit.job, hit.at)
            if seconds is not None:
                recoveries[hit.fault].append(seconds)
        return recoveries
