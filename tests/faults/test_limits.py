"""A report with a limit of two running jobs never runs more, whoever claims them, and delays no other report."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.faults.cluster import Cluster, wait_for

#: Several threads claim at the same time, like several hosts, and count how many jobs are running.
_CLAIM_CONCURRENTLY = """
import json, threading
from django.db import connection
from jobs.execution import transitions
from jobs.failures import Failure
from jobs.models import JobExecutionLog

jobs, counts, errors, start = JobExecutionLog.objects.filter(report_slug="harmful-two"), [], [], threading.Barrier(6)
done = Failure("enough", "Seen enough.")

# Without the gate that holds the workers of the hosts.
claim = transitions.claim.__wrapped__

def claim_all():
    try:
        connection.ensure_connection()
        start.wait()
        while jobs.filter(status="Queued").exists():
            job = claim(owner="by-hand", host="test", pid=threading.get_native_id())
            counts.append(jobs.filter(status="Running").count())
            if job:
                transitions.fail(job, done)
    except Exception as error:
        errors.append(repr(error))
    finally:
        connection.close()

threads = [threading.Thread(target=claim_all) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"most": max(counts), "errors": errors}))
"""


def test_two_jobs_run_at_once_and_jobs_of_other_reports_do_not_wait(cluster: Cluster) -> None:
    go = cluster.server.folder / "go-limits"
    go.unlink(missing_ok=True)
    jobs = [cluster.submit(f"waits-for-file:{go}", "harmful-two") for _ in range(8)]
    (other,) = cluster.wait_ended(cluster.submit())
    wait_for(lambda: Counter(cluster.database.status_of(jobs).values()) == {"Running": 2, "Queued": 6})
    go.touch()
    rows = cluster.wait_ended(*jobs)
    assert {row["status"] for row in [*rows, other]} == {"Succeeded"}
    # Cluster.check_history checks that no more than two ran at once.


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_simultaneous_claims_do_not_exceed_the_limit(request: pytest.FixtureRequest, database: str) -> None:
    """On both databases, because they separate claims in different ways."""
    cluster: Cluster = request.getfixturevalue(f"{database}_hosts")
    with cluster.hold_at("before-claim"):
        jobs = [cluster.submit(report="harmful-two") for _ in range(20)]
        output = cluster.server.manage("shell", "--no-imports", "-v0", "-c", _CLAIM_CONCURRENTLY).stdout
        result = json.loads(output)
        assert (result["errors"], result["most"]) == ([], 2)
    assert {row["error_code"] for row in cluster.wait_ended(*jobs)} == {"enough"}
