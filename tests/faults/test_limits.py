"""Limits of running jobs, of a report and of a user, hold whoever claims them, and delay no other report."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from tests.conftest import passwords
from tests.faults.cluster import Cluster, wait_for
from tests.server import running_server

#: Empty is as if they weren't set.
DEFAULT_CAPS = {
    "REPORTSERVER_MAX_RUNNING_PER_USER": "",
    "REPORTSERVER_MAX_RUNNING_PER_TENANT": "",
    **passwords(),
}

#: Several threads claim at the same time, like several hosts, and count how many jobs are running.
_CLAIM_CONCURRENTLY = """
import json, threading
from django.db import connection
from jobs.execution import transitions
from jobs.failures import Failure
from jobs.models import JobExecutionLog

jobs, counts, errors, start = JobExecutionLog.objects.filter(report_slug=REPORT), [], [], threading.Barrier(6)
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


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)])
@pytest.mark.parametrize(
    ("report", "before", "caps"),
    [
        ("harmful-two", "", {}),
        ("harmful-two", "update jobs_jobexecutionlog set concurrency_key = null where status = 'Queued'", {}),
        ("harmful", "", {"REPORTSERVER_MAX_RUNNING_PER_USER": "2"}),
        ("harmful", "", {"REPORTSERVER_MAX_RUNNING_PER_TENANT": "2"}),
    ],
    ids=["of a report", "of a report that was limited later", "of a user", "of a tenant"],
)
def test_simultaneous_claims_do_not_exceed_the_limit(
    request: pytest.FixtureRequest, database: str, report: str, before: str, caps: dict[str, str]
) -> None:
    """On both databases, because they separate claims in different ways."""
    cluster: Cluster = request.getfixturevalue(f"{database}_hosts")
    with cluster.hold_at("before-claim"):
        jobs = [cluster.submit(report=report) for _ in range(20)]
        if before:
            cluster.database(before)
        code = f"REPORT = {report!r}\n{_CLAIM_CONCURRENTLY}"
        output = cluster.server.manage("shell", "--no-imports", "-v0", "-c", code, **caps).stdout
        result = json.loads(output)
        assert (result["errors"], result["most"]) == ([], 2)
    assert {row["error_code"] for row in cluster.wait_ended(*jobs)} == {"enough"}


def test_claims_of_many_limited_reports_never_wait_for_each_other(postgresql_hosts: Cluster) -> None:
    """While another claim, whose process is paused, holds the locks of one report: jobs of the others are claimed."""
    cluster = postgresql_hosts
    (row,) = cluster.database("select id from reports_reportconfiguration where slug = 'harmful-two'")
    with psycopg.connect(str(cluster.database.location)) as connection:
        key = [0x4C616E65, row["id"].int & 0x7FFFFFFF]
        connection.execute("select pg_advisory_xact_lock(%s, %s)", key)
        held = cluster.submit(report="harmful-two")
        (other,) = cluster.wait_ended(cluster.submit())
        assert other["status"] == "Succeeded"
        assert cluster.database.job(held)["status"] == "Queued"
        assert not cluster.database("select 1 from pg_locks where locktype = 'advisory' and not granted")
    (row,) = cluster.wait_ended(held)
    assert row["status"] == "Succeeded"


def test_a_user_with_endless_jobs_leaves_a_slot_to_another_tenant(tmp_path: Path, prepared: Path) -> None:
    """With the default settings, on one host with two slots."""
    with running_server(tmp_path, prepared=prepared, **DEFAULT_CAPS) as server:
        bob, gina = server.client("bob"), server.client("gina")
        endless = [bob.generate("slow") for _ in range(8)]
        bob.wait(endless[0], "Running")
        for _ in range(3):
            assert gina.wait(gina.generate("sales-by-region"), seconds=30)["status"] == "Succeeded"
        assert [bob.get(f"/jobs/{job}").json()["status"] for job in endless] == ["Running", *["Queued"] * 7]
        for job in endless:
            bob.post(f"/jobs/{job}/cancel")
