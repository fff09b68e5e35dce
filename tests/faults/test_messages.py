"""Messages of the queue are lost, duplicated, delayed, forged and unreadable. Nothing depends on them."""

from __future__ import annotations

import pytest

from tests.faults.cluster import REDIS_LIST, Cluster

#: Functions that this server never sends: they don't exist, end the worker, or return what a queue can't carry.
_POISON = """
from django_q.tasks import async_task
for function in ("jobs.tasks.renamed", "threading.Lock", "os.abort", "sys.exit", "no.such.module"):
    async_task(function, save=False)
"""
_FORGED = "from django_q.tasks import async_task; async_task('jobs.tasks.wake_worker', save=False)"


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.chaos)])
def test_jobs_whose_messages_are_lost_duplicated_or_late_run_once_each(cluster: Cluster, count: int) -> None:
    cluster.stop_all_hosts()
    without_message = [cluster.submit() for _ in range(count)]
    cluster.database("delete from django_q_ormq")
    with_messages = [cluster.submit() for _ in range(count)]
    cluster.database("update django_q_ormq set lock = '2099-01-01' where id % 2 = 0")
    four = "(select 1 as n union all select 2 union all select 3 union all select 4) as copies"
    columns = 'key, payload, "lock"'
    # Newest first: messages of the jobs that were requested last arrive first.
    cluster.database(
        f"insert into django_q_ormq ({columns}) select {columns} from django_q_ormq, {four} order by id desc"
    )
    cluster.ensure_two_hosts()
    jobs = [*without_message, *with_messages]
    rows = cluster.wait_ended(*jobs, seconds=300)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    assert {tuple(cluster.event_kinds(job)) for job in jobs} == {("queued", "claimed", "succeeded")}
    cluster.database("delete from django_q_ormq where \"lock\" > '2098-01-01'")


def test_messages_that_vanish_while_jobs_wait_are_sent_again(cluster: Cluster) -> None:
    jobs = [cluster.submit("sleep:0.3") for _ in range(8)]
    cluster.database("delete from django_q_ormq")
    jobs += [cluster.submit("sleep:0.3") for _ in range(4)]
    cluster.database("delete from django_q_ormq")
    assert {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs)} == {("Succeeded", 1)}


@pytest.mark.chaos
def test_hosts_whose_clocks_are_minutes_wrong_run_each_job_once(cluster: Cluster) -> None:
    cluster.stop_all_hosts()
    for skew in ("300", "-300"):
        cluster.start_host(FAULTS_CLOCK_SKEW=skew)
    cluster.ensure_two_hosts()
    jobs = [cluster.submit("sleep:0.3") for _ in range(20)]
    assert {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs)} == {("Succeeded", 1)}
    cluster.stop_all_hosts()


@pytest.mark.chaos
def test_unreadable_and_forged_messages_do_no_harm_and_disappear(cluster: Cluster) -> None:
    send_unreadable_messages(cluster)
    jobs = [cluster.submit() for _ in range(10)]
    assert {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs)} == {("Succeeded", 1)}
    # Cluster.check_history checks that the messages are gone.


def send_unreadable_messages(cluster: Cluster) -> None:
    """Send messages that no worker can use."""
    shell = ("shell", "--no-imports", "-c")
    cluster.server.manage(*shell, _POISON)
    cluster.server.manage(*shell, _FORGED, REPORTSERVER_SECRET_KEY="another one, of more than 32 characters")
    for payload in ("", "not a payload", "gAWVCQAAAAAAAACMBW5vdGV4lC4:x:y"):
        if cluster.redis:
            cluster.redis.call("RPUSH", REDIS_LIST, payload)
            continue
        values = ("reportserver", payload, "2020-01-01 00:00:00")
        cluster.database('insert into django_q_ormq (key, payload, "lock") values (?, ?, ?)', *values)
