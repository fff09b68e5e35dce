"""What was done to a cluster, and how soon the jobs that were hit were worked on again."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles

from tests.faults import rows
from tests.faults.cluster import Cluster


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
