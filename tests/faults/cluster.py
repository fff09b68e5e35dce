"""A web server and several hosts with workers, on one database and one folder, for tests to inject faults into."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from common.processes import die_with_parent
from tests.faults.database import Database, Row, read_history
from tests.faults.history import Effect, violations
from tests.redis import RedisServer
from tests.server import ROOT, Client, RunningServer, start

#: Workers of each host.
WORKERS = 2
#: Seconds of a lease, between two rounds of the reconciler, and for which jobs may continue when their host stops.
LEASE, ROUND, DRAIN = 8, 1, 15
#: Small values, so that timeouts pass soon.
QUICK = {
    "REPORTSERVER_WORKERS": str(WORKERS),
    "REPORTSERVER_LEASE_SECONDS": str(LEASE),
    "REPORTSERVER_RECONCILE_SECONDS": str(ROUND),
    "REPORTSERVER_DRAIN_SECONDS": str(DRAIN),
    "REPORTSERVER_ACCESS_TOKEN_MINUTES": "600",
    "REPORTSERVER_RATE_GENERATE": "1000000",
    "REPORTSERVER_RATE_API": "1000000",
    "REPORTSERVER_MAX_UNFINISHED_PER_USER": "100000",
    "REPORTSERVER_MAX_UNFINISHED_PER_TENANT": "100000",
    "REPORTSERVER_JOB_MEMORY_MB": "512",
    "REPORTSERVER_JOB_FILE_MB": "16",
    "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
    "FAULTS_URL": "postgresql://nobody@127.0.0.1:1/nothing",
}
#: Seconds to wait for what must happen eventually, on a busy machine. What must happen in a promised time is measured
#: by the database's clock.
PATIENCE = 120
#: The Redis list that holds messages when a cluster uses Redis.
REDIS_LIST = "reportserver:wake_worker"
DEFINITIONS = Path(__file__).with_name("definitions.yaml")


def make_harmful_source(folder: Path) -> Path:
    """Create the SQLite file that the reports of the fault tests read, and copy their definitions next to it.

    Return the path of the definitions.
    """
    with closing(sqlite3.connect(folder / "harmful.db")) as database, database:
        database.execute("create table n (value integer)")
        database.executemany("insert into n values (?)", [(i,) for i in range(50)])
    copy = folder / "faults.yaml"
    copy.write_text(DEFINITIONS.read_text())
    return copy


@dataclass
class Cluster:
    """One web server, and hosts: jobservers with their processes, each as if on a machine of its own."""

    server: RunningServer
    database: Database
    #: Carries the messages to the workers. None: the database does.
    redis: RedisServer | None = None
    #: The ids of all jobs that were accepted.
    accepted: list[str] = field(default_factory=list)
    #: Those of them that do no harm, whatever else happens.
    blameless: list[str] = field(default_factory=list)
    hosts: list[subprocess.Popen[bytes]] = field(default_factory=list)
    #: The most hosts at any time. All have the name of this machine, so their slots are counted together.
    most_hosts: int = 0
    #: Everything that arrived outside, including duplicates.
    effects: list[Effect] = field(default_factory=list)

    # ---- jobs

    @property
    def bob(self) -> Client:
        return self.server.client("bob")

    def submit(self, harm: str = "", report: str = "harmful") -> str:
        """Request a report that does this harm. Return the job's id."""
        job = self.bob.generate(report, {"harm": harm} if harm else {})
        self.accepted.append(job)
        return job

    def cancel(self, job: str) -> int:
        """Return the status code of the answer."""
        return self.bob.post(f"/jobs/{job}/cancel").status_code

    def wait_ended(self, *jobs: str, seconds: float = PATIENCE) -> list[Row]:
        """Wait until these jobs have ended, by default all that were accepted. Return their rows."""
        ids = jobs or tuple(self.accepted)

        def have_ended() -> bool:
            # The database may be away: that is what is tested.
            with suppress(Exception):
                return set(self.database.status_of(ids).values()) <= {"Succeeded", "Failed"}
            return False

        wait_for(have_ended, seconds, lambda: self.database.status_of(ids))
        return [self.database.job(job) for job in ids]

    def wait_running(self, job: str) -> Row:
        """Wait until the job runs. Return its row."""
        wait_for(lambda: self.database.job(job)["status"] == "Running")
        return self.database.job(job)

    def event_kinds(self, job: str) -> list[str]:
        return [event.kind for event in self.database.events(job)]

    # ---- gates in the server's code

    @contextmanager
    def hold_at(self, gate: str) -> Iterator[None]:
        """Hold processes that reach this gate (tests/faults/gates.py) until the end of the block."""
        hold, reached = (self.server.folder / f"{gate}.{suffix}" for suffix in ("hold", "reached"))
        reached.unlink(missing_ok=True)
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    def wait_at(self, gate: str) -> None:
        """Wait until a process is held at this gate."""
        wait_for((self.server.folder / f"{gate}.reached").exists)

    def kill_web_server_at(self, gate: str) -> None:
        """Have the next request that comes to this gate kill the web server."""
        (self.server.folder / f"{gate}.kill").touch()

    # ---- hosts

    def start_host(self, code: Path = ROOT, **extra: str) -> subprocess.Popen[bytes]:
        """Start a host with the code in this folder."""
        logs = self.server.folder / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / "jobs.log").open("ab") as log:
            host = subprocess.Popen(
                [sys.executable, "manage.py", "jobserver"],
                cwd=code,
                env={**self.server.env, **extra},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        self.hosts.append(host)
        self.most_hosts = max(self.most_hosts, len(self.hosts))
        return host

    def ensure_two_hosts(self) -> None:
        """Have two hosts with all their processes, whatever was killed before."""
        for host in [host for host in self.hosts if host.poll() is not None]:
            self.hosts.remove(host)
        while len(self.hosts) < 2:
            self.start_host()
        wait_for(lambda: all(self.is_complete(host) for host in self.hosts))

    def stop_all_hosts(self) -> None:
        """Stop the hosts, cleanly. Jobs that are requested from now on stay Queued."""
        assert set(self._terminate_hosts()) <= {0}

    def _terminate_hosts(self) -> list[int]:
        for host in self.hosts:
            host.terminate()
        codes = [host.wait(PATIENCE) for host in self.hosts]
        self.hosts.clear()
        return codes

    def is_complete(self, host: subprocess.Popen[bytes]) -> bool:
        """True if the host has all its workers. The sentinel's other two processes are a pusher and a monitor."""
        assert host.poll() is None, "the host has ended"
        return len(self.queue_processes(host)) >= WORKERS + 2

    def host_of(self, job: str) -> subprocess.Popen[bytes]:
        """Return the host that runs the job, which may be on its way from one to another."""

        def hosts() -> list[subprocess.Popen[bytes]]:
            with suppress(psutil.NoSuchProcess):
                parents = {parent.pid for parent in self.worker(job).parents()}
                return [host for host in self.hosts if host.pid in parents]
            return []

        return wait_for(hosts)[0]  # type: ignore[no-any-return]

    # ---- processes

    def main(self, host: subprocess.Popen[bytes]) -> psutil.Process:
        """Return the main process of django-q2's cluster. The host's other child, the deliverer, has no children."""
        return wait_for(lambda: [child for child in children(psutil.Process(host.pid)) if children(child)], 30)[0]

    def deliverer(self, host: subprocess.Popen[bytes]) -> psutil.Process:
        return wait_for(lambda: [child for child in children(psutil.Process(host.pid)) if not children(child)], 30)[0]

    def sentinel(self, host: subprocess.Popen[bytes]) -> psutil.Process:
        return wait_for(lambda: children(self.main(host)))[0]

    def queue_processes(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """Return the workers, the pusher and the monitor that run now; an empty list while there is no cluster."""
        sentinels = [sentinel for main in children(psutil.Process(host.pid)) for sentinel in children(main)]
        return [process for sentinel in sentinels for process in children(sentinel)]

    def idle(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """Return those without a job. An idle worker keeps its fork server, which has a child only during a job."""
        return [process for process in self.queue_processes(host) if not grandchildren(process)]

    def busy(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        return [process for process in self.queue_processes(host) if grandchildren(process)]

    def wait_all_busy(self) -> None:
        """Wait until every worker of every host has a job."""
        wait_for(lambda: all(len(self.busy(host)) == WORKERS for host in self.hosts))

    def fork_servers(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        return [server for process in self.queue_processes(host) for server in children(process)]

    def fork_server(self, job: str) -> psutil.Process:
        """Return the fork server of the job's child."""
        return self.child(job).parent()

    def worker(self, job: str) -> psutil.Process:
        return psutil.Process(self.wait_running(job)["pid"])

    def child(self, job: str) -> psutil.Process:
        """Return the process that runs the report."""
        worker = self.worker(job)
        return wait_for(lambda: grandchildren(worker))[0]

    def claimers(self, jobs: Iterable[str]) -> set[int]:
        """Return the process ids of the workers that claimed any of these jobs, in any attempt."""
        events = [event for job in jobs for event in self.database.events(job)]
        return {event.pid for event in events if event.kind == "claimed"}

    def programs(self, job: str) -> list[psutil.Process]:
        """Return the programs that the job's child has started, in any session."""
        child = self.child(job)
        return wait_for(lambda: children(child))  # type: ignore[no-any-return]

    def process_tree(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        return [psutil.Process(host.pid), *psutil.Process(host.pid).children(recursive=True)]

    def all_processes(self) -> list[psutil.Process]:
        """Return every process of the hosts, whatever its parent is now. Their environment identifies them."""
        return [process for process in processes_of(self.server.folder) if "gunicorn" not in command(process)]

    def leftover_programs(self) -> list[psutil.Process]:
        """Return the programs that reports started: the processes of the hosts that aren't jobservers."""
        return [process for process in self.all_processes() if "jobserver" not in command(process)]

    # ---- the end

    def check_history(self) -> None:
        """Wait until everything has ended, stop the hosts, and check all rules."""
        self.wait_ended()
        wait_for(lambda: self.message_count() == 0)
        self._terminate_hosts()
        left = [f"{process.pid} {command(process)}" for process in self.all_processes()]
        slots = {os.uname().nodename: self.most_hosts * WORKERS}
        artifacts = self.server.folder / "artifacts"
        history = read_history(
            self.database, artifacts, self.accepted, slots, left, self.effects, blameless=self.blameless
        )
        broken = violations(history)
        assert not broken, "\n".join(broken)

    def message_count(self) -> int:
        """Return how many messages are in the queue, in the database or in Redis."""
        in_redis = int(str(self.redis.call("LLEN", REDIS_LIST))) if self.redis else 0
        return self.database.message_count() + in_redis


@contextmanager
def running_cluster(server: RunningServer, database: Database, redis: RedisServer | None = None) -> Iterator[Cluster]:
    cluster = Cluster(server, database, redis)
    start(server, workers=False)
    try:
        yield cluster
    finally:
        while server.clients:
            server.clients.popitem()[1].http.close()
        for host in cluster.hosts:
            host.kill()
            host.wait(30)
        for process in processes_of(server.folder):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        server.process.wait(30)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the running processes that were started with this data folder, whatever their parent is now."""
    variable = f"REPORTSERVER_DATA_DIR={folder}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, psutil.NoSuchProcess):
            if entry.name.isdigit() and variable in (entry / "environ").read_bytes():
                process = psutil.Process(int(entry.name))
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def file_stem(row: Row) -> str:
    """Return the name of the files of the job's last attempt, without the extension."""
    return f"{row['fence']}-{row['claim_token']}"


def job_files(cluster: Cluster, job: str, pattern: str) -> list[Path]:
    """Return the files in the job's folder of results."""
    files = list((cluster.server.folder / "artifacts" / job[:2] / job).glob(pattern))
    # Kept rows belong to the result beside them.
    results = {file.stem for file in files if file.suffix in (".csv", ".json", ".xlsx")}
    return [file for file in files if file.suffix != ".rows" or file.stem not in results]


def command(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return list(process.children())
    return []


def grandchildren(process: psutil.Process) -> list[psutil.Process]:
    return [grandchild for child in children(process) for grandchild in children(child)]


def all_end(processes: Iterable[psutil.Process], seconds: float = PATIENCE) -> bool:
    """Wait until all of these processes have ended; a zombie has. Fails after this many seconds."""

    def running() -> list[str]:
        return [f"{process.pid} {command(process)}" for process in processes if _is_running(process)]

    wait_for(lambda: not running(), seconds, running)
    return True


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(process: psutil.Process, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal. A process that has ended in the meantime is fine."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE, describe: Callable[[], object] = str) -> Any:
    """Wait until the condition is true, and return its value. Fail after this many seconds, with `describe()`."""
    until = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < until, f"The condition is still false after {seconds} s. {describe()}"
        time.sleep(0.05)
