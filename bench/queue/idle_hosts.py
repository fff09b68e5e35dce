"""Does what the processes of HOSTS idle hosts do with the database in SECONDS, at their pace, in a few threads.

Prints a line once it is connected, and waits for one before it begins.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import django

#: Each has a connection.
_THREADS = 20
_SLOTS = 8


@dataclass
class Host:
    """What one idle host does: the steps of its processes, and how many seconds lie between two of each."""

    steps: list[tuple[float, Callable[[], object]]]
    due: list[float] = field(default_factory=list)

    def begin(self, start: float) -> None:
        """Begin at this time. Hosts are not in step with each other."""
        self.due = [start + random.uniform(0, seconds) for seconds, _ in self.steps]

    def work(self) -> float:
        """Do the steps that are due. Return when the next one is."""
        for number, (seconds, step) in enumerate(self.steps):
            if time.monotonic() >= self.due[number]:
                step()
                self.due[number] += seconds
        return min(self.due)


def idle_host() -> Host:
    """A host with eight slots, registered as its jobserver does it."""
    from jobs.delivery import deliverer
    from jobs.execution import reconciler
    from jobs.execution.supervisor import Supervisor
    from jobs.queue import broker
    from schedules.scheduler import Scheduler

    supervisor, scheduler = Supervisor(), Scheduler()
    supervisor._register_host()

    def round_of_supervisor() -> None:
        reconciler.reconcile()
        supervisor._report()
        supervisor._is_stuck()

    return Host(
        [
            (0.1, broker.is_empty),  # the process that reads messages
            (1.0, supervisor._recover),
            (1.0, deliverer._claim),
            (5.0, round_of_supervisor),
            (5.0, scheduler.work),
        ]
    )


def simulate(hosts: int, seconds: float) -> None:
    """Simulate each host for this time. On a slow machine it takes longer, and is the same work."""
    shares = [hosts // _THREADS + (number < hosts % _THREADS) for number in range(_THREADS)]
    # What happens once is not measured: connecting, and registering hosts.
    ready = threading.Barrier(sum(map(bool, shares)), action=_wait_for_parent)
    threads = [threading.Thread(target=_simulate_some, args=(share, seconds, ready)) for share in shares if share]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _simulate_some(count: int, seconds: float, ready: threading.Barrier) -> None:
    group = [idle_host() for _ in range(count)]
    for host in group:
        for _, step in host.steps:
            step()
    ready.wait()
    start = time.monotonic()
    for host in group:
        host.begin(start)
    while unfinished := [host for host in group if min(host.due) < start + seconds]:
        time.sleep(max(0.0, min(host.work() for host in unfinished) - time.monotonic()))


def _wait_for_parent() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    django.setup()
    from django.conf import settings

    settings.WORKERS = _SLOTS
    simulate(int(sys.argv[1]), float(sys.argv[2]))
