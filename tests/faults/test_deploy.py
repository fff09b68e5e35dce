"""A new version takes over while the old one works: side by side on the new one's schema, with messages of both."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import DRAIN, Cluster, kill, until
from tests.faults.test_stops import STOP_ALLOWANCE
from tests.server import ROOT

_KEPT = (
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
#: What the next version does differently: a column more, and a message that the old one does not know, nor it the old.
_CHANGES = (
    (
        "jobs/models.py",
        "    error_code = ",
        '    added = models.CharField(max_length=10, db_default="new")\n    error_code = ',
    ),
    ("jobs/tasks.py", "def wake_worker()", "def look_for_work()"),
    ("jobs/queue/broker.py", "jobs.tasks.wake_worker", "jobs.tasks.look_for_work"),
)


@pytest.fixture(scope="session")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of this code as it may be one day."""
    copy = tmp_path_factory.mktemp("next-version")
    for name in _KEPT:
        source = ROOT / name
        shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy / name)
    for name, old, new in _CHANGES:
        text = (copy / name).read_text()
        assert text.count(old) == 1, f"{old} is not once in {name}"
        (copy / name).write_text(text.replace(old, new))
    yield copy
    shutil.rmtree(copy)


def manage(cluster: Cluster, code: Path, *command: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *command], cwd=code, env=cluster.server.env, check=True, capture_output=True
    )


@pytest.mark.chaos
def test_a_new_version_takes_over_without_losing_or_charging_an_attempt(cluster: Cluster, next_version: Path) -> None:
    jobs = [cluster.submit("sleep:1") for _ in range(10)]
    old = list(cluster.hosts)
    manage(cluster, next_version, "makemigrations", "jobs", "--name", "next")
    manage(cluster, next_version, "migrate", "--no-input")
    jobs += [cluster.submit("sleep:1") for _ in range(10)]
    new = [cluster.start_host(code=next_version) for _ in old]
    until(lambda: all(cluster.is_whole(host) for host in new))
    at_old, at_new = ({process.pid for host in hosts for process in cluster.crew(host)} for hosts in (old, new))
    jobs += [cluster.submit("sleep:1") for _ in range(10)]
    for process in [one for host in old for one in cluster.family(host)]:
        kill(process, signal.SIGTERM)
    assert {host.wait(DRAIN + STOP_ALLOWANCE) for host in old} <= {0, 1}
    for host in old:
        cluster.hosts.remove(host)
    ended = cluster.ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in ended} == {("Succeeded", 1)}
    assert {row["added"] for row in ended} == {"new"}
    claimed = cluster.claimers(jobs)
    assert claimed & at_old and claimed & at_new, "only one of the versions worked"
    cluster.no_hosts()
