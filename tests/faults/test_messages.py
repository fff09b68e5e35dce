"""Messages of the queue are lost, doubled, delayed, forged and poisoned. They are hints: nothing may depend on them."""

from __future__ import annotations

import pytest

from tests.faults.cluster import REDIS_LIST, Cluster

#: Messages that nothing of ours would send: a function that is gone, results and ends that no queue can carry.
_POISON = """
from django_q.tasks import async_task
for function in ("jobs.tasks.renamed", "threading.Lock", "os.abort", "sys.exit", "no.such.module"):
    async_task(function, save=False)
"""
_FORGED = "from django_q.tasks import async_task; async_task('jobs.tasks.wake_worker', save=False)"


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.chaos)])
def test_jobs_whose_messages_are_lost_fivefold_or_late_are_run_once_each(cluster: Cluster, count: int) -> None:
    cluster.no_hosts()
    lost = [cluster.submit() for _ in range(count)]
    cluster.database("delete from django_q_ormq")
    told = [cluster.submit() for _ in range(count)]
    cluster.database("update django_q_ormq set lock = '2099-01-01' where id % 2 = 0")
    four = "(select 1 as n union all select 2 union all select 3 union all select 4) as copies"
    columns = 'key, payload, "lock"'
    # The newest first: what was asked for last is heard of first.
    cluster.database(
        f"insert into django_q_ormq ({columns}) select {columns} from django_q_ormq, {four} order by id desc"
    )
    cluster.two_hosts()
    rows = cluster.ended(*lost, *told, seconds=300)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    assert {tuple(cluster.kinds(job)) for job in (*lost, *told)} == {("queued", "claimed", "succeeded")}
    cluster.database("delete from django_q_ormq where \"lock\" > '2098-01-01'")


def test_messages_that_vanish_while_jobs_wait_are_made_again_and_asking_goes_on(cluster: Cluster) -> None:
    jobs = [cluster.submit("sleep:0.3") for _ in range(8)]
    cluster.database("delete from django_q_ormq")
    jobs += [cluster.submit("sleep:0.3") for _ in range(4)]
    cluster.database("delete from django_q_ormq")
    assert {(row["status"], row["attempt"]) for row in cluster.ended(*jobs)} == {("Succeeded", 1)}


@pytest.mark.chaos
def test_hosts_whose_clocks_are_minutes_wrong_run_each_job_once(cluster: Cluster) -> None:
    cluster.no_hosts()
    for skew in ("300", "-300"):
        cluster.start_host(FAULTS_CLOCK_SKEW=skew)
    cluster.two_hosts()
    jobs = [cluster.submit("sleep:0.3") for _ in range(20)]
    assert {(row["status"], row["attempt"]) for row in cluster.ended(*jobs)} == {("Succeeded", 1)}
    cluster.no_hosts()


@pytest.mark.chaos
def test_poisoned_and_forged_messages_harm_nobody_and_are_gone_soon(cluster: Cluster) -> None:
    poison(cluster)
    jobs = [cluster.submit() for _ in range(10)]
    assert {(row["status"], row["attempt"]) for row in cluster.ended(*jobs)} == {("Succeeded", 1)}
    # That the messages are gone is judged at the end.


def poison(cluster: Cluster) -> None:
    """Send messages that no worker can make anything of."""
    shell = ("shell", "--no-imports", "-c")
    cluster.server.manage(*shell, _POISON)
    cluster.server.manage(*shell, _FORGED, REPORTSERVER_SECRET_KEY="another one, of more than 32 characters")
    for payload in ("", "no payload at all", "gAWVCQAAAAAAAACMBW5vdGV4lC4:x:y"):
        if cluster.redis:
            cluster.redis.call("RPUSH", REDIS_LIST, payload)
            continue
        values = ("reportserver", payload, "2020-01-01 00:00:00")
        cluster.database('insert into django_q_ormq (key, payload, "lock") values (?, ?, ?)', *values)
