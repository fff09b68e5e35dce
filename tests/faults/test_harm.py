"""A report's own process does harm: it crashes, hangs, hears no signal, leaves others behind, or wants too much."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import pymysql
import pytest

from tests import mariadb
from tests.faults.cluster import Cluster, children, gone, kill, until
from tests.faults.rows import Row, moment


def took(row: Row) -> float:
    """Seconds of the job's last attempt."""
    return (moment(row["ended_at"]) - moment(row["started_at"])).total_seconds()


def test_a_process_that_dies_on_every_attempt_is_tried_as_often_as_allowed_and_no_more(cluster: Cluster) -> None:
    harms = ["exit:3", "segfault", "kill"]
    jobs = [cluster.submit(harm) for harm in harms]
    neighbour = cluster.submit("sleep:1")
    words = ["exit status 3", "signal 11", "signal 9"]
    for row, word in zip(cluster.ended(*jobs), words, strict=True):
        assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "worker_lost")
        assert word in row["error_message"]
    (row,) = cluster.ended(neighbour)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)


def test_the_last_output_of_a_process_that_crashed_is_kept_for_administrators(sqlite_hosts: Cluster) -> None:
    (row,) = sqlite_hosts.ended(sqlite_hosts.submit("speaks-and-crashes:the driver's own last words"))
    assert "the driver's own last words" in row["error_trace"]
    assert "in _speaks_and_crashes" in row["error_trace"], "where it crashed is not told"
    assert "last words" not in row["error_message"]
    assert len(row["error_trace"]) < 20_000
    logged = (sqlite_hosts.server.folder / "logs" / "jobs.log").read_text()
    assert logged.count("the driver's own last words") >= 3 * 5_000


@pytest.mark.chaos
def test_a_child_whose_worker_is_stopped_cannot_burn_processor_time_for_ever(sqlite_hosts: Cluster) -> None:
    job = sqlite_hosts.submit("burns", "harmful-short")
    worker, child = sqlite_hosts.worker(job), sqlite_hosts.child(job)
    kill(worker, signal.SIGSTOP)
    try:
        assert gone([child]), "it is in nobody's hands and still runs"
    finally:
        kill(worker, signal.SIGCONT)
    (row,) = sqlite_hosts.ended(job)
    assert row["status"] == "Failed"


def test_a_report_that_wants_too_much_memory_fails_with_a_sentence(sqlite_hosts: Cluster) -> None:
    (row,) = sqlite_hosts.ended(sqlite_hosts.submit("memory"))
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 1, "out_of_memory")


def test_a_report_whose_temporary_files_grow_too_large_fails_with_a_sentence(sqlite_hosts: Cluster) -> None:
    (row,) = sqlite_hosts.ended(sqlite_hosts.submit("big-file"))
    assert (row["status"], row["error_code"]) == ("Failed", "result_too_large"), row["error_trace"]


@pytest.mark.parametrize("harm", [pytest.param("deaf", marks=pytest.mark.chaos), "hangs-in-c", "grandchild:60"])
def test_what_runs_too_long_is_ended_whatever_it_does(sqlite_hosts: Cluster, harm: str) -> None:
    job = sqlite_hosts.submit(harm, "harmful-short")
    child = sqlite_hosts.child(job)
    if harm.startswith("grandchild"):
        until(lambda: children(child))
    family = [child, *children(child)]
    (row,) = sqlite_hosts.ended(job)
    assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "timeout", 1)
    assert took(row) < 3 + 20
    assert gone(family)
    until(lambda: not strangers(sqlite_hosts))


def test_a_process_left_behind_ends_with_its_job_although_it_holds_the_pipe_open(sqlite_hosts: Cluster) -> None:
    (row,) = sqlite_hosts.ended(sqlite_hosts.submit("leaves-one-behind"))
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)
    assert took(row) < 30, "the worker waited for a process that nobody waits for"
    until(lambda: not strangers(sqlite_hosts))


def test_a_process_left_behind_ends_when_worker_and_child_are_killed(sqlite_hosts: Cluster) -> None:
    job = sqlite_hosts.submit("grandchild:3")
    worker, child = sqlite_hosts.worker(job), sqlite_hosts.child(job)
    until(lambda: children(child))
    worker.kill()
    assert gone([child])
    sqlite_hosts.ended(job)
    until(lambda: not strangers(sqlite_hosts))


@pytest.mark.parametrize("harm", ["sleep:60", pytest.param("deaf", marks=pytest.mark.chaos)])
def test_a_job_that_is_cancelled_ends_within_seconds_even_if_it_resists(sqlite_hosts: Cluster, harm: str) -> None:
    job = sqlite_hosts.submit(harm)
    child = sqlite_hosts.child(job)
    assert {sqlite_hosts.cancel(job), sqlite_hosts.cancel(job)} <= {202, 409}
    (row,) = sqlite_hosts.ended(job)
    assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "cancelled", 1)
    assert gone([child])


def test_a_failure_that_may_pass_is_tried_again_and_one_that_is_cancelled_meanwhile_ends(cluster: Cluster) -> None:
    jobs = [cluster.submit("unavailable") for _ in range(4)]
    for job in jobs[1:]:
        cluster.running(job) if job is jobs[1] else None
        cluster.cancel(job)
    rows = cluster.ended(*jobs)
    assert (rows[0]["error_code"], rows[0]["attempt"]) == ("source_unavailable", 3)
    assert {row["status"] for row in rows} == {"Failed"}


def test_a_cancelled_query_is_gone_from_the_database_server(postgresql_hosts: Cluster) -> None:
    job = postgresql_hosts.submit("", "long-query")
    asleep = "select pid from pg_stat_activity where application_name = 'reportserver' and query like '%pg_sleep%'"
    until(lambda: postgresql_hosts.database(asleep))
    postgresql_hosts.cancel(job)
    (row,) = postgresql_hosts.ended(job)
    assert row["error_code"] == "cancelled"
    until(lambda: not postgresql_hosts.database(asleep))


COMPUTING = """
data_sources: [{slug: mariadb, tenant: acme, kind: sql, url_env: FAULTS_MARIADB_URL}]
reports:
  - slug: computing
    tenant: acme
    name: Computes for minutes without a word
    data_source: mariadb
    query: select count(*) as n from seq_1_to_1000000 a cross join seq_1_to_1000000 b where a.seq + b.seq = 7
    formats: [csv]
    delivery: [{kind: api_response, mode: asynchronous}]
    grants: {generate: [analysts], view: [analysts]}
"""


@pytest.mark.skipif(mariadb.missing() is not None, reason=str(mariadb.missing()))
def test_a_cancelled_query_that_computes_is_ended_in_mariadb(sqlite_hosts: Cluster, tmp_path: Path) -> None:
    definitions = tmp_path / "computing.yaml"
    definitions.write_text(COMPUTING)
    with mariadb.mariadb_server() as url:
        sqlite_hosts.server.manage("apply", str(definitions), FAULTS_MARIADB_URL=url)
        with pymysql.connect(host="127.0.0.1", port=urlsplit(url).port, user="root") as root, root.cursor() as cursor:
            listed = "select id from information_schema.processlist where info like 'select count(*) as n from seq%'"
            job = sqlite_hosts.submit("", "computing")
            until(lambda: cursor.execute(listed) == 1)
            sqlite_hosts.cancel(job)
            (row,) = sqlite_hosts.ended(job)
            assert row["error_code"] == "cancelled"
            until(lambda: cursor.execute(listed) == 0)


def test_a_query_that_the_server_ended_for_a_passing_reason_is_run_again(postgresql_hosts: Cluster) -> None:
    job = postgresql_hosts.submit("", "short-query")
    asleep = "pg_stat_activity where application_name = 'reportserver' and query like '%pg_sleep%'"
    until(lambda: postgresql_hosts.database(f"select pid from {asleep}"))
    postgresql_hosts.database(f"select pg_terminate_backend(pid) from {asleep}")
    (row,) = postgresql_hosts.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)


def strangers(cluster: Cluster) -> list[str]:
    """Processes of the hosts that are no jobserver: what a report started."""
    found = {process.pid: " ".join(process.cmdline()) for process in cluster.processes() if process.is_running()}
    return [line for line in found.values() if "jobserver" not in line]
