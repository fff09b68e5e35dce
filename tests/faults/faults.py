"""The faults of a random run. Each function injects one into a cluster and returns the affected jobs."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psutil

from jobs.results.stores.base import MARKER
from tests import postgres
from tests.faults.cluster import PATIENCE, REDIS_LIST, Cluster, children, grandchildren, kill
from tests.faults.sickness import no_more_descriptors, no_more_processes
from tests.faults.test_lost_claims import forget_claim
from tests.faults.test_messages import send_unreadable_messages
from tests.faults.test_outages import locked
from tests.faults.test_web import kill_web_server
from tests.server import start

Fault = Callable[[Cluster, random.Random], list[str]]


def _running(cluster: Cluster) -> dict[str, int]:
    """Return the running jobs with the process ids of their workers."""
    rows = cluster.database("select id, pid from jobs_jobexecutionlog where status = 'Running'")
    return {str(row["id"]): row["pid"] for row in rows}


def kill_child(cluster: Cluster, chance: random.Random) -> list[str]:
    for job, pid in _running(cluster).items():
        processes = grandchildren(psutil.Process(pid))
        for child in processes:
            kill(child)
        return [job] if processes else []
    return []


def kill_fork_server(cluster: Cluster, chance: random.Random) -> list[str]:
    """Kill the fork server of a running job, or of any worker if no job is running."""
    for job, pid in _running(cluster).items():
        for server in _busy_fork_servers(pid):
            kill(server)
            return [job]
    for server in cluster.fork_servers(chance.choice(cluster.hosts)):
        kill(server)
        break
    return []


def pause_fork_server(cluster: Cluster, chance: random.Random) -> list[str]:
    """Pause the fork server of a running job for good. Its worker has to notice."""
    for pid in _running(cluster).values():
        for server in _busy_fork_servers(pid):
            kill(server, signal.SIGSTOP)
            return []
    return []


def _busy_fork_servers(worker: int) -> list[psutil.Process]:
    return [server for server in children(psutil.Process(worker)) if children(server)]


def kill_worker(cluster: Cluster, chance: random.Random) -> list[str]:
    for job, pid in _running(cluster).items():
        kill(psutil.Process(pid))
        return [job]
    return []


def kill_idle_workers(cluster: Cluster, chance: random.Random) -> list[str]:
    for process in cluster.idle(chance.choice(cluster.hosts)):
        kill(process)
    return []


def kill_sentinel(cluster: Cluster, chance: random.Random) -> list[str]:
    return _kill_part(cluster, chance, cluster.sentinel)


def kill_main(cluster: Cluster, chance: random.Random) -> list[str]:
    return _kill_part(cluster, chance, cluster.main)


def _kill_part(cluster: Cluster, chance: random.Random, part: Callable[..., psutil.Process]) -> list[str]:
    host = chance.choice(cluster.hosts)
    hit = _jobs_of(cluster, host.pid)
    kill(part(host))
    return hit


def kill_host(cluster: Cluster, chance: random.Random) -> list[str]:
    host = chance.choice(cluster.hosts)
    hit = _jobs_of(cluster, host.pid)
    host.kill()
    host.wait(30)
    cluster.hosts.remove(host)
    cluster.start_host()
    return hit


def _jobs_of(cluster: Cluster, host: int) -> list[str]:
    jobs = []
    for job, pid in _running(cluster).items():
        with suppress(psutil.NoSuchProcess):
            if host in [parent.pid for parent in psutil.Process(pid).parents()]:
                jobs.append(job)
    return jobs


def restart_host(cluster: Cluster, chance: random.Random) -> list[str]:
    """Send SIGTERM to every process of a host, as a service manager does, and start a new one once they have ended."""
    host = chance.choice(cluster.hosts)
    for process in cluster.process_tree(host):
        kill(process, signal.SIGTERM)
    host.wait(PATIENCE)
    cluster.hosts.remove(host)
    cluster.start_host()
    return []


def skew_clock(cluster: Cluster, chance: random.Random) -> list[str]:
    """Replace a host by one whose clock is five minutes wrong, until that one is replaced in turn."""
    skewed = [host for host in cluster.hosts if _has_skewed_clock(host)]
    host = skewed[0] if skewed else chance.choice(cluster.hosts)
    host.terminate()
    host.wait(PATIENCE)
    cluster.hosts.remove(host)
    cluster.start_host(FAULTS_CLOCK_SKEW=chance.choice(["300", "-300"]))
    return []


def _has_skewed_clock(host: subprocess.Popen[bytes]) -> bool:
    return "FAULTS_CLOCK_SKEW" in psutil.Process(host.pid).environ()


def stop_hosts_with_skewed_clocks(cluster: Cluster) -> None:
    for host in [host for host in cluster.hosts if host.poll() is None and _has_skewed_clock(host)]:
        host.terminate()
        host.wait(PATIENCE)
        cluster.hosts.remove(host)


def poison_messages(cluster: Cluster, chance: random.Random) -> list[str]:
    send_unreadable_messages(cluster)
    return []


def pause_worker(cluster: Cluster, chance: random.Random) -> list[str]:
    workers = list(_running(cluster).values())
    if workers:
        worker = psutil.Process(workers[0])
        stopped = [worker, *worker.children(recursive=True)]
        for process in stopped:
            kill(process, signal.SIGSTOP)
        threading.Timer(chance.uniform(1, 15), _continue, [stopped]).start()
    return []


def _continue(processes: list[psutil.Process]) -> None:
    for process in processes:
        kill(process, signal.SIGCONT)


def kill_deliverer(cluster: Cluster, chance: random.Random) -> list[str]:
    kill(cluster.deliverer(chance.choice(cluster.hosts)))
    return []


def flush_redis(cluster: Cluster, chance: random.Random) -> list[str]:
    assert cluster.redis
    cluster.redis.call("FLUSHALL")
    return []


def duplicate_redis_messages(cluster: Cluster, chance: random.Random) -> list[str]:
    assert cluster.redis
    for message in cluster.redis.call("LRANGE", REDIS_LIST, "0", "-1"):  # type: ignore[attr-defined]
        cluster.redis.call("RPUSH", REDIS_LIST, message)
    return []


def restart_redis(cluster: Cluster, chance: random.Random) -> list[str]:
    """Kill Redis, and start it again, empty, after a while."""
    assert cluster.redis
    cluster.redis.kill()
    time.sleep(chance.uniform(0, 5))
    cluster.redis.start()
    return []


def pause_redis(cluster: Cluster, chance: random.Random) -> list[str]:
    assert cluster.redis
    cluster.redis.signal(signal.SIGSTOP)
    time.sleep(chance.uniform(1, 5))
    cluster.redis.signal(signal.SIGCONT)
    return []


def lose_messages(cluster: Cluster, chance: random.Random) -> list[str]:
    cluster.database("delete from django_q_ormq")
    return []


def duplicate_messages(cluster: Cluster, chance: random.Random) -> list[str]:
    copy = 'insert into django_q_ormq (key, payload, "lock") select key, payload, "lock" from django_q_ormq'
    cluster.database(copy)
    return []


def lock_database(cluster: Cluster, chance: random.Random) -> list[str]:
    with locked(cluster):
        time.sleep(chance.uniform(1, 10))
    return []


def crash_database(cluster: Cluster, chance: random.Random) -> list[str]:
    hit = list(_running(cluster))
    postgres.restart(str(cluster.database.location))
    return hit


def set_clock(cluster: Cluster, chance: random.Random) -> list[str]:
    """Set the database's clock ahead or back, by seconds or by an hour."""
    cluster.database.set_clock(chance.choice([0, 20, -20, 3600, -3600]))
    return []


def lose_claim(cluster: Cluster, chance: random.Random) -> list[str]:
    """Let the database forget a claim, while the worker goes on."""
    for job in _running(cluster):
        forget_claim(cluster, str(UUID(job)))
        return [job]
    return []


def refuse_processes(cluster: Cluster, chance: random.Random) -> list[str]:
    with no_more_processes(cluster, chance.choice(cluster.hosts)):
        time.sleep(chance.uniform(1, 8))
    return []


def use_up_descriptors(cluster: Cluster, chance: random.Random) -> list[str]:
    with no_more_descriptors(cluster, chance.choice(cluster.hosts)):
        time.sleep(chance.uniform(1, 8))
    return []


def replace_the_store(cluster: Cluster, chance: random.Random) -> list[str]:
    """Let the store have no marker, as a folder on which its share isn't mounted."""
    marker = cluster.server.folder / "artifacts" / MARKER
    hidden = marker.rename(marker.with_suffix(".hidden"))
    time.sleep(chance.uniform(1, 8))
    hidden.rename(marker)
    return []


def kill_the_web_server(cluster: Cluster, chance: random.Random) -> list[str]:
    kill_web_server(cluster)
    start(cluster.server, workers=False)
    return []


FAULTS: tuple[Fault, ...] = (
    kill_child,
    kill_fork_server,
    pause_fork_server,
    kill_worker,
    kill_idle_workers,
    kill_sentinel,
    kill_main,
    kill_host,
    restart_host,
    pause_worker,
    skew_clock,
    poison_messages,
    kill_deliverer,
    flush_redis,
    duplicate_redis_messages,
    restart_redis,
    pause_redis,
    lose_messages,
    duplicate_messages,
    lock_database,
    crash_database,
    set_clock,
    lose_claim,
    refuse_processes,
    use_up_descriptors,
    replace_the_store,
    kill_the_web_server,
)


def faults_for(cluster: Cluster) -> list[Fault]:
    """Return the faults that this cluster can have: SQLite has no server, and messages are either in Redis or not."""
    impossible = [crash_database] if isinstance(cluster.database.location, Path) else []
    in_redis = [flush_redis, duplicate_redis_messages, restart_redis, pause_redis]
    impossible += [lose_messages, duplicate_messages] if cluster.redis else in_redis
    return [fault for fault in FAULTS if fault not in impossible]
