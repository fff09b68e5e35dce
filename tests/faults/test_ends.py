"""No error in what is done beside it keeps the end of a job from being written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import passwords
from tests.faults import gates
from tests.faults.cluster import QUICK, Cluster, job_files, make_harmful_source, running_cluster, wait_for
from tests.faults.conftest import durable_postgres
from tests.faults.database import Database
from tests.faults.memory import memory_folder
from tests.server import prepare_server

STEPS = gates.steps()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)])
def ending(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of its own with one host: what is broken here leaves gaps that the history of others must not have."""
    folder = memory_folder(f"ends-{request.param}")
    prepared = request.getfixturevalue("prepared" if request.param == "sqlite" else "prepared_on_postgresql")
    with database(request.param, folder) as (location, env):
        server = prepare_server(folder, prepared=prepared, **{**QUICK, **env, **passwords()})
        server.manage("apply", str(make_harmful_source(tmp_path_factory.mktemp("harmful"))))
        with running_cluster(server, Database(location)) as cluster:
            cluster.start_host()
            wait_for(lambda: cluster.is_complete(cluster.hosts[0]))
            yield cluster
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[Path | str, dict[str, str]]]:
    """Yield what the tests and what the server connect to."""
    if kind == "sqlite":
        yield folder / "reportserver.sqlite3", {}
    else:
        with durable_postgres() as url:
            yield url, {"REPORTSERVER_DATABASE_URL": url, "FAULTS_URL": url}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_job_ends_at_once_whatever_fails_beside_its_end(ending: Cluster, step: gates.Step) -> None:
    broken = ending.server.folder / f"{step.name}.break"
    broken.touch()
    try:
        # The first succeeds, the second fails at once, and the third is requeued twice before it fails.
        jobs = [ending.submit(harm) for harm in ("", "query-fails", "unavailable")]
        rows = ending.wait_ended(*jobs, seconds=30)
    finally:
        broken.unlink()
    succeeded = "Failed" if step.list == "WRITES_OF_SUCCESS" else "Succeeded"
    assert [row["status"] for row in rows] == [succeeded, "Failed", "Failed"]
    assert [row["attempt"] for row in rows] == [1, 1, 3]
    expected = "internal_error" if step.list == "WRITES_OF_FAILURE" else "query_failed"
    assert rows[1]["error_code"] == expected
    # The worker goes on.
    (row,) = ending.wait_ended(ending.submit(), seconds=30)
    assert row["status"] == "Succeeded"
    if step.list != "STEPS":
        assert not job_files(ending, jobs[1], "*")


@pytest.mark.parametrize("harm", ["nul", "surrogate"])
def test_text_that_no_database_stores_is_cleaned(ending: Cluster, harm: str) -> None:
    """The message, the trace and the output of the child contain it."""
    (row,) = ending.wait_ended(ending.submit(f"{harm}-in-message"), seconds=30)
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 1, "query_failed")
    assert "refused by" in row["error_message"]
    (row,) = ending.wait_ended(ending.submit(f"{harm}-in-output"), seconds=60)
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "worker_lost")
    assert "exit status 3" in row["error_message"]
