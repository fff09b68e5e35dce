"""A new version takes over while the old one runs: both on the new schema, with messages of both in the queue."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import DRAIN, Cluster, kill, wait_for
from tests.faults.test_stops import STOP_ALLOWANCE
from tests.server import ROOT

_COPIED = (
    "accounts",
    "audit",
    "common",
    "demo",
    "jobs",
    "reports",
    "reportserver",
    "templates",
    "static",
    "tests",
    "manage.py",
)
#: The changes of the next version: a new column, and a message whose function the old version doesn't know. It doesn't
#: know the old version's function either.
_CHANGES = (
    (
        "jobs/models.py",
        "    error_code = ",
        '    added = models.CharField(max_length=10, db_default="new")\n    error_code = ',
    ),
    ("jobs/tasks.py", "def wake_worker()", "def look_for_work()"),
    ("jobs/tasks.py", "doorbell = wake_worker", "doorbell = look_for_work"),
    ("jobs/queue/broker.py", "jobs.tasks.wake_worker", "jobs.tasks.look_for_work"),
)


@pytest.fixture(scope="session")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the code with the changes of the next version."""
    copy = tmp_path_factory.mktemp("next-version")
    for name in _COPIED:
        source = ROOT / name
        shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy / name)
    for name, old, new in _CHANGES:
        text = (copy / name).read_text()
        assert text.count(old) == 1, f"{name} must contain this exactly once: {old}"
        (copy / name).write_text(text.replace(old, new))
    yield copy
    shutil.rmtree(copy)


def manage(cluster: Cluster, code: Path, *command: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *command], cwd=code, env=cluster.server.env, check=True, capture_output=True
    )


@pytest.mark.chaos
def test_a_new_version_takes_over_without_losing_a_job_or_counting_an_attempt(
    cluster: Cluster, next_version: Path
) -> None:
    jobs = [cluster.submit("sleep:1") for _ in range(10)]
    old_hosts = list(cluster.hosts)
    manage(cluster, next_version, "makemigrations", "jobs", "--name", "next")
    manage(cluster, next_version, "migrate", "--no-input")
    jobs += [cluster.submit("sleep:1") for _ in range(10)]
    new_hosts = [cluster.start_host(code=next_version) for _ in old_hosts]
    wait_for(lambda: all(cluster.is_complete(host) for host in new_hosts))
    old_workers, new_workers = (
        {process.pid for host in hosts for process in cluster.queue_processes(host)} for hosts in (old_hosts, new_hosts)
    )
    jobs += [cluster.submit("sleep:1") for _ in range(10)]
    for process in [process for host in old_hosts for process in cluster.process_tree(host)]:
        kill(process, signal.SIGTERM)
    assert {host.wait(DRAIN + STOP_ALLOWANCE) for host in old_hosts} <= {0, 1}
    for host in old_hosts:
        cluster.hosts.remove(host)
    rows = cluster.wait_ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    assert {row["added"] for row in rows} == {"new"}
    claimers = cluster.claimers(jobs)
    assert claimers & old_workers and claimers & new_workers, "only one of the versions worked"
    cluster.stop_all_hosts()
