"""The database forgets a claim while its worker runs: two attempts of one job are alive, with the same fence."""

from __future__ import annotations

import signal

from tests.faults.cluster import Cluster, all_end, file_stem, job_files, kill, wait_for

#: The row as it was before its claim.
_FORGET = (
    "update jobs_jobexecutionlog set status = 'Queued', attempt = attempt - 1, fence = fence - 1, claim_token = '', "
    "owner = '', pid = null, lease_expires_at = null, deadline_at = null, notified_at = null "
    "where id = ? and status = 'Running' returning fence + 1 as fence"
)
#: The next claim's event has the same fence.
_FORGET_EVENT = (
    "delete from jobs_jobevent where id = "
    "(select min(id) from jobs_jobevent where job_id = ? and kind = 'claimed' and fence = ?)"
)


def forget_claim(cluster: Cluster, job: str) -> None:
    """Leave the job as a promoted standby has it that didn't get the claim, or a backup from before."""
    stored = cluster.database.stored_id(job)
    for row in cluster.database(_FORGET, stored):
        cluster.database(_FORGET_EVENT, stored, row["fence"])


def test_a_claim_that_the_database_forgot_never_replaces_the_result_of_the_next_one(cluster: Cluster) -> None:
    """The first attempt publishes its file after the second one was committed. They ran with other parameters."""
    with cluster.hold_at("row-25"):
        job = cluster.submit("steps")
        cluster.wait_at("row-25")
        first = cluster.worker(job)
        processes = [first, *first.children(recursive=True)]
        for process in processes:
            kill(process, signal.SIGSTOP)
        other = 'update jobs_jobexecutionlog set parameters = \'{"harm": "none:other"}\' where id = ?'
        cluster.database(other, cluster.database.stored_id(job))
        forget_claim(cluster, job)
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"], row["fence"]) == ("Succeeded", 1, 1)
    before = cluster.bob.get(f"/jobs/{job}/result")
    assert "none:other" in before.text
    child = processes[-1]
    for process in reversed(processes):
        kill(process, signal.SIGCONT)
    assert all_end([child])
    wait_for(lambda: [path.stem for path in job_files(cluster, job, "*")] == [file_stem(row)])
    after = cluster.bob.get(f"/jobs/{job}/result")
    assert (after.status_code, after.content) == (200, before.content)
    assert first.is_running(), "the worker should lose only its job"


def test_a_worker_whose_claim_was_forgotten_ends_its_child_and_touches_nothing(cluster: Cluster) -> None:
    """While the next attempt runs: the first worker must neither renew its lease nor end it nor delete its files."""
    go = cluster.server.folder / "go-lost"
    go.unlink(missing_ok=True)
    job = cluster.submit(f"waits-for-file:{go}")
    worker, child = cluster.worker(job), cluster.child(job)
    with cluster.hold_at("before-renew"):
        cluster.wait_at("before-renew")
        forget_claim(cluster, job)
        second = wait_for(lambda: [pid for pid in [cluster.database.job(job)["pid"]] if pid not in (None, worker.pid)])
    assert all_end([child], 5)
    go.touch()
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"], row["fence"]) == ("Succeeded", 1, 1)
    assert cluster.claimers([job]) == set(second)
    assert [path.stem for path in job_files(cluster, job, "*")] == [file_stem(row)]
