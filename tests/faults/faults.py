"""What a random run does to a cluster: each fault is one function, and says which jobs it hit."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests import postgres
from tests.faults.cluster import PATIENCE, REDIS_LIST, Cluster, children, grandchildren, kill
from tests.faults.test_messages import poison
from tests.faults.test_outages import locked
from tests.faults.test_web import kill_web
from tests.server import start

Fault = Callable[[Cluster, random.Random], list[str]]


def _running(cluster: Cluster) -> dict[str, int]:
    """Running jobs and their workers."""
    rows = cluster.database("select id, pid from jobs_jobexecutionlog where status = 'Running'")
    return {str(row["id"]): row["pid"] for row in rows}


def kill_child(cluster: Cluster, chance: random.Random) -> list[str]:
    for job, pid in _running(cluster).items():
        found = grandchildren(psutil.Process(pid))
        for child in found:
            kill(child)
        return [job] if found else []
    return []


def kill_fork_server(cluster: Cluster, chance: random.Random) -> list[str]:
    """That of a running job; of any worker while none runs."""
    for job, pid in _running(cluster).items():
        for server in _busy_fork_servers(pid):
            kill(server)
            return [job]
    for server in cluster.fork_servers(chance.choice(cluster.hosts)):
        kill(server)
        break
    return []


def stop_fork_server(cluster: Cluster, chance: random.Random) -> list[str]:
    """That of a running job, for ever: its worker has to see to it."""
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


def kill_host(cluster: Cluster, chance: random.Random) -> list[str]:
    host = chance.choice(cluster.hosts)
    hit = _jobs_of(cluster, host.pid)
    host.kill()
    host.wait(30)
    cluster.hosts.remove(host)
    cluster.start_host()
    return hit


def stop_host(cluster: Cluster, chance: random.Random) -> list[str]:
    """As a service manager does: every process is told, and a new one started once they have ended."""
    host = chance.choice(cluster.hosts)
    for process in cluster.family(host):
        kill(process, signal.SIGTERM)
    host.wait(PATIENCE)
    cluster.hosts.remove(host)
    cluster.start_host()
    return []


def wrong_clock(cluster: Cluster, chance: random.Random) -> list[str]:
    """A host is replaced by one whose clock is five minutes wrong, until that is replaced in turn."""
    wrong = [host for host in cluster.hosts if _is_wrong(host)]
    host = wrong[0] if wrong else chance.choice(cluster.hosts)
    host.terminate()
    host.wait(PATIENCE)
    cluster.hosts.remove(host)
    cluster.start_host(FAULTS_CLOCK_SKEW=chance.choice(["300", "-300"]))
    return []


def _is_wrong(host: subprocess.Popen[bytes]) -> bool:
    return "FAULTS_CLOCK_SKEW" in psutil.Process(host.pid).environ()


def right_clocks(cluster: Cluster) -> None:
    for host in [host for host in cluster.hosts if host.poll() is None and _is_wrong(host)]:
        host.terminate()
        host.wait(PATIENCE)
        cluster.hosts.remove(host)


def poison_messages(cluster: Cluster, chance: random.Random) -> list[str]:
    poison(cluster)
    return []


def stop_a_worker_for_a_while(cluster: Cluster, chance: random.Random) -> list[str]:
    workers = list(_running(cluster).values())
    if workers:
        worker = psutil.Process(workers[0])
        asleep = [worker, *worker.children(recursive=True)]
        for process in asleep:
            kill(process, signal.SIGSTOP)
        threading.Timer(chance.uniform(1, 15), _wake, [asleep]).start()
    return []


def _wake(processes: list[psutil.Process]) -> None:
    for process in processes:
        kill(process, signal.SIGCONT)


def kill_deliverer(cluster: Cluster, chance: random.Random) -> list[str]:
    kill(cluster.deliverer(chance.choice(cluster.hosts)))
    return []


def flush_redis(cluster: Cluster, chance: random.Random) -> list[str]:
    assert cluster.redis
    cluster.redis.call("FLUSHALL")
    return []


def double_in_redis(cluster: Cluster, chance: random.Random) -> list[str]:
    assert cluster.redis
    for message in cluster.redis.call("LRANGE", REDIS_LIST, "0", "-1"):  # type: ignore[attr-defined]
        cluster.redis.call("RPUSH", REDIS_LIST, message)
    return []


def restart_redis(cluster: Cluster, chance: random.Random) -> list[str]:
    """Killed, away for a while, and back with nothing in it."""
    assert cluster.redis
    cluster.redis.kill()
    time.sleep(chance.uniform(0, 5))
    cluster.redis.start()
    return []


def stop_redis_for_a_while(cluster: Cluster, chance: random.Random) -> list[str]:
    assert cluster.redis
    cluster.redis.signal(signal.SIGSTOP)
    time.sleep(chance.uniform(1, 5))
    cluster.redis.signal(signal.SIGCONT)
    return []


def lose_messages(cluster: Cluster, chance: random.Random) -> list[str]:
    cluster.database("delete from django_q_ormq")
    return []


def double_messages(cluster: Cluster, chance: random.Random) -> list[str]:
    copy = 'insert into django_q_ormq (key, payload, "lock") select key, payload, "lock" from django_q_ormq'
    cluster.database(copy)
    return []


def lock_the_database(cluster: Cluster, chance: random.Random) -> list[str]:
    with locked(cluster):
        time.sleep(chance.uniform(1, 10))
    return []


def crash_the_database(cluster: Cluster, chance: random.Random) -> list[str]:
    hit = list(_running(cluster))
    postgres.restart(str(cluster.database.where))
    return hit


def kill_the_web_server(cluster: Cluster, chance: random.Random) -> list[str]:
    kill_web(cluster)
    start(cluster.server, workers=False)
    return []


def _kill_part(cluster: Cluster, chance: random.Random, part: Callable[..., psutil.Process]) -> list[str]:
    host = chance.choice(cluster.hosts)
    hit = _jobs_of(cluster, host.pid)
    kill(part(host))
    return hit


def _jobs_of(cluster: Cluster, host: int) -> list[str]:
    found = []
    for job, pid in _running(cluster).items():
        with suppress(psutil.NoSuchProcess):
            if host in [parent.pid for parent in psutil.Process(pid).parents()]:
                found.append(job)
    return found


FAULTS: tuple[Fault, ...] = (
    kill_child,
    kill_fork_server,
    stop_fork_server,
    kill_worker,
    kill_idle_workers,
    kill_sentinel,
    kill_main,
    kill_host,
    stop_host,
    stop_a_worker_for_a_while,
    wrong_clock,
    poison_messages,
    kill_deliverer,
    flush_redis,
    double_in_redis,
    restart_redis,
    stop_redis_for_a_while,
    lose_messages,
    double_messages,
    lock_the_database,
    crash_the_database,
    kill_the_web_server,
)


def faults_of(cluster: Cluster) -> list[Fault]:
    """Those that this cluster can be done: SQLite has no server to crash, and messages are kept in one place."""
    without = [crash_the_database] if isinstance(cluster.database.where, Path) else []
    in_redis = [flush_redis, double_in_redis, restart_redis, stop_redis_for_a_while]
    without += [lose_messages, double_messages] if cluster.redis else in_redis
    return [fault for fault in FAULTS if fault not in without]
