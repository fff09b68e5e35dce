"""What was done to a cluster, and how soon the jobs that were hit were worked on again."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles

from tests.faults.cluster import Cluster


def worked_on_again(cluster: Cluster, job: str, at: datetime) -> float | None:
    """Seconds from that moment until the job was claimed, or had ended. None: it had ended before."""
    kinds = ("claimed", "succeeded", "failed")
    later = [event.at for event in cluster.database.events(job) if event.kind in kinds and event.at > at]
    return (later[0] - at).total_seconds() if later else None


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
            if (seconds := worked_on_again(cluster, job, at)) is not None:
                found[name].append(seconds)
        return found

    def text(self, cluster: Cluster) -> str:
        statuses = Counter(cluster.database.status_of(cluster.accepted).values())
        lines = [f"{len(cluster.accepted)} jobs: {dict(statuses)}; {sum(self.faults.values())} faults"]
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
