"""A report that may run twice at once never runs more often, whoever claims, and holds nobody up."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.faults.cluster import Cluster, until

#: Many claim at the same moment, as many hosts would, and look how many run.
_CLAIM_AT_ONCE = """
import json, threading
from django.db import connection
from jobs.execution import transitions
from jobs.failures import Failure
from jobs.models import JobExecutionLog

jobs, seen, errors, start = JobExecutionLog.objects.filter(report_slug="harmful-two"), [], [], threading.Barrier(6)
done = Failure("enough", "Seen enough.")

# Without the gate at which the hosts' workers wait.
claim = transitions.claim.__wrapped__

def claim_all():
    try:
        connection.ensure_connection()
        start.wait()
        while jobs.filter(status="Queued").exists():
            job = claim(owner="by-hand", host="test", pid=threading.get_native_id())
            seen.append(jobs.filter(status="Running").count())
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
print(json.dumps({"most": max(seen), "errors": errors}))
"""


def test_two_run_at_once_and_what_others_ask_for_does_not_wait(cluster: Cluster) -> None:
    go = cluster.server.folder / "go-limits"
    go.unlink(missing_ok=True)
    many = [cluster.submit(f"until-there:{go}", "harmful-two") for _ in range(8)]
    (other,) = cluster.ended(cluster.submit())
    until(lambda: Counter(cluster.database.status_of(many).values()) == {"Running": 2, "Queued": 6})
    go.touch()
    rows = cluster.ended(*many)
    assert {row["status"] for row in [*rows, other]} == {"Succeeded"}
    # That no more than two ran at once is judged at the end.


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_claims_at_the_same_moment_do_not_exceed_the_limit(request: pytest.FixtureRequest, database: str) -> None:
    """Both, as they keep claims apart by different means."""
    cluster: Cluster = request.getfixturevalue(f"{database}_hosts")
    with cluster.held("claims"):
        jobs = [cluster.submit(report="harmful-two") for _ in range(20)]
        found = json.loads(cluster.server.manage("shell", "--no-imports", "-v0", "-c", _CLAIM_AT_ONCE).stdout)
        assert (found["errors"], found["most"]) == ([], 2)
    assert {row["error_code"] for row in cluster.ended(*jobs)} == {"enough"}
