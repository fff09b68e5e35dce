"""A web server and several hosts of workers over one database and one folder, all of them to be hurt."""

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
from tests.faults import rows
from tests.faults.history import Effect, violations
from tests.faults.rows import Database
from tests.redis import RedisServer
from tests.server import ROOT, Client, RunningServer, start

WORKERS = 2
#: Seconds: of a lease, between two rounds of the reconciler, and for which jobs may go on when their host is stopped.
LEASE, ROUND, DRAIN = 8, 1, 15
#: Small, so that what has to run out does so soon.
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
#: Seconds for what has to happen at some time, on a machine that does much else. What has to happen within a time that
#: people were promised is judged by the database's clock.
PATIENCE = 120
#: The Redis list that holds messages when a cluster uses Redis.
REDIS_LIST = "reportserver:wake_worker"
DEFINITIONS = Path(__file__).with_name("definitions.yaml")


def make_harmful_source(folder: Path) -> Path:
    """The definitions of the fault tests beside the SQLite file that they read; the path of the definitions."""
    with closing(sqlite3.connect(folder / "harmful.db")) as database, database:
        database.execute("create table n (value integer)")
        database.executemany("insert into n values (?)", [(i,) for i in range(50)])
    copy = folder / "faults.yaml"
    copy.write_text(DEFINITIONS.read_text())
    return copy


@dataclass
class Cluster:
    """One web server, and hosts: each a jobserver with its processes, as on a machine of its own."""

    server: RunningServer
    database: Database
    #: What tells the workers of jobs; None: the database does.
    redis: RedisServer | None = None
    accepted: list[str] = field(default_factory=list)
    hosts: list[subprocess.Popen[bytes]] = field(default_factory=list)
    #: At any time. All of them have the name of this machine, and so their slots are counted together.
    most_hosts: int = 0
    #: What arrived outside, however often.
    effects: list[Effect] = field(default_factory=list)

    # ---- asking for jobs

    @property
    def bob(self) -> Client:
        return self.server.client("bob")

    def submit(self, harm: str = "", report: str = "harmful") -> str:
        """Ask for a report that does this harm; the job's id."""
        job = self.bob.generate(report, {"harm": harm} if harm else {})
        self.accepted.append(job)
        return job

    def cancel(self, job: str) -> int:
        return self.bob.post(f"/jobs/{job}/cancel").status_code

    def ended(self, *jobs: str, seconds: float = PATIENCE) -> list[rows.Row]:
        """The jobs' rows once all of them have ended."""
        ids = jobs or tuple(self.accepted)

        def unfinished() -> bool:
            with suppress(Exception):  # the database may be away: that is what is tested
                return not set(self.database.status_of(ids).values()) - {"Succeeded", "Failed"}
            return False

        until(unfinished, seconds, lambda: self.database.status_of(ids))
        return [self.database.job(job) for job in ids]

    def running(self, job: str) -> rows.Row:
        """The job's row once it runs."""
        until(lambda: self.database.job(job)["status"] == "Running")
        return self.database.job(job)

    def kinds(self, job: str) -> list[str]:
        return [event.kind for event in self.database.events(job)]

    # ---- places in its code

    @contextmanager
    def held(self, place: str) -> Iterator[None]:
        """Meanwhile who comes to that place (tests/faults/gates.py) waits there."""
        hold, reached = (self.server.folder / f"{place}.{what}" for what in ("hold", "reached"))
        reached.unlink(missing_ok=True)
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    def reached(self, place: str) -> None:
        """Wait until somebody waits at that place."""
        until((self.server.folder / f"{place}.reached").exists)

    def kill_web_at(self, place: str) -> None:
        """The next request that comes to that place takes the web server with it."""
        (self.server.folder / f"{place}.kill").touch()

    # ---- its processes

    def start_host(self, code: Path = ROOT, **extra: str) -> subprocess.Popen[bytes]:
        """A host with the code in that folder."""
        env = {**self.server.env, **extra}
        logs = self.server.folder / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / "jobs.log").open("ab") as log:
            host = subprocess.Popen(
                [sys.executable, "manage.py", "jobserver"],
                cwd=code,
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        self.hosts.append(host)
        self.most_hosts = max(self.most_hosts, len(self.hosts))
        return host

    def two_hosts(self) -> None:
        """Have two hosts with all their processes, whatever was killed before."""
        for host in [host for host in self.hosts if host.poll() is not None]:
            self.hosts.remove(host)
        while len(self.hosts) < 2:
            self.start_host()
        until(lambda: all(self.is_whole(host) for host in self.hosts))

    def no_hosts(self) -> None:
        """What is asked for from now on stays Queued."""
        assert set(self.stop_hosts()) <= {0}

    def is_whole(self, host: subprocess.Popen[bytes]) -> bool:
        """Whether the host's workers are there: beside them the sentinel has a pusher and a monitor."""
        assert host.poll() is None, "the host has ended"
        return len(self.idle(host)) + len(self.busy(host)) >= WORKERS + 2

    def main(self, host: subprocess.Popen[bytes]) -> psutil.Process:
        """The cluster's main process; the deliverer beside it has no children."""
        return until(lambda: [one for one in children(psutil.Process(host.pid)) if children(one)], 30)[0]

    def deliverer(self, host: subprocess.Popen[bytes]) -> psutil.Process:
        return until(lambda: [one for one in children(psutil.Process(host.pid)) if not children(one)], 30)[0]

    def sentinel(self, host: subprocess.Popen[bytes]) -> psutil.Process:
        return first_child(self.main(host))

    def crew(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """Workers, pusher and monitor; none while there is no cluster. Asks once: whoever waits asks again."""
        below = [sentinel for main in children(psutil.Process(host.pid)) for sentinel in children(main)]
        return [process for sentinel in below for process in children(sentinel)]

    def idle(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """Of the crew. A worker keeps its fork server, which has a child while there is a job."""
        return [process for process in self.crew(host) if not grandchildren(process)]

    def busy(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        return [process for process in self.crew(host) if grandchildren(process)]

    def fully_busy(self) -> None:
        """Wait until every worker of every host has a job."""
        until(lambda: all(len(self.busy(host)) == WORKERS for host in self.hosts))

    def fork_servers(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        return [server for process in self.crew(host) for server in children(process)]

    def fork_server(self, job: str) -> psutil.Process:
        """The one from which the process that makes the report was forked."""
        return self.child(job).parent()

    def claimers(self, jobs: Iterable[str]) -> set[int]:
        """The workers that claimed any of these jobs, at any attempt."""
        events = [event for job in jobs for event in self.database.events(job)]
        return {event.pid for event in events if event.kind == "claimed"}

    def worker(self, job: str) -> psutil.Process:
        return psutil.Process(self.running(job)["pid"])

    def child(self, job: str) -> psutil.Process:
        """The process that makes the report."""
        worker = self.worker(job)
        return until(lambda: grandchildren(worker))[0]

    def processes(self) -> list[psutil.Process]:
        """Every process of the hosts, wherever it is by now: those that were given this folder."""
        return [process for process in of_folder(self.server.folder) if "gunicorn" not in command(process)]

    def programs(self, job: str) -> list[psutil.Process]:
        """What the process that makes the report has started, in whatever session."""
        child = self.child(job)
        return until(lambda: children(child))  # type: ignore[no-any-return]

    def strangers(self) -> list[psutil.Process]:
        """Processes of the hosts that are no jobserver: what a report started."""
        return [process for process in self.processes() if "jobserver" not in command(process)]

    def host_of(self, job: str) -> subprocess.Popen[bytes]:
        """Who has the job; it may be on its way from one to another."""

        def found() -> list[subprocess.Popen[bytes]]:
            with suppress(psutil.NoSuchProcess):
                parents = {parent.pid for parent in self.worker(job).parents()}
                return [host for host in self.hosts if host.pid in parents]
            return []

        return until(found)[0]  # type: ignore[no-any-return]

    # ---- the end

    def stop_hosts(self) -> list[int]:
        """Stop the hosts; their exit codes."""
        for host in self.hosts:
            host.terminate()
        codes = [host.wait(PATIENCE) for host in self.hosts]
        self.hosts.clear()
        return codes

    def judge(self) -> None:
        """Wait for everything to end, stop the hosts, and hold what is left against the rules."""
        self.ended()
        until(lambda: self.messages() == 0)
        self.stop_hosts()
        broken = self.broken_rules()
        assert not broken, "\n".join(broken)

    def messages(self) -> int:
        """How many nobody has taken, wherever they are kept."""
        in_redis = int(str(self.redis.call("LLEN", REDIS_LIST))) if self.redis else 0
        return self.database.messages() + in_redis

    def family(self, host: subprocess.Popen[bytes]) -> list[psutil.Process]:
        return [psutil.Process(host.pid), *psutil.Process(host.pid).children(recursive=True)]

    def broken_rules(self) -> list[str]:
        left = [f"{process.pid} {command(process)}" for process in self.processes()]
        artifacts = self.server.folder / "artifacts"
        host = os.uname().nodename
        return violations(
            rows.history(self.database, artifacts, self.accepted, {host: self.most_hosts * WORKERS}, left, self.effects)
        )


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
        for process in of_folder(server.folder):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        server.process.wait(30)


def of_folder(folder: Path) -> list[psutil.Process]:
    """Living processes that were started with this data folder, whoever their parent is now."""
    mark = f"REPORTSERVER_DATA_DIR={folder}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, psutil.NoSuchProcess):
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                process = psutil.Process(int(entry.name))
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def files(cluster: Cluster, job: str, pattern: str) -> Iterator[Path]:
    """What lies in the job's folder of results."""
    return (cluster.server.folder / "artifacts" / job[:2] / job).glob(pattern)


def command(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return list(process.children())
    return []


def grandchildren(process: psutil.Process) -> list[psutil.Process]:
    return [below for child in children(process) for below in children(child)]


def first_child(process: psutil.Process) -> psutil.Process:
    return until(lambda: children(process))[0]


def gone(processes: Iterable[psutil.Process], seconds: float = PATIENCE) -> bool:
    """Whether all of them end within that time; one that nobody reaps has ended."""

    def living() -> list[str]:
        return [f"{process.pid} {command(process)}" for process in processes if _lives(process)]

    until(lambda: not living(), seconds, living)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(process: psutil.Process, number: signal.Signals = signal.SIGKILL) -> None:
    """One that has ended meanwhile is fine."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def until(condition: Callable[[], Any], seconds: float = PATIENCE, told: Callable[[], object] = str) -> Any:
    """What the condition gives once it is true. `told` is asked for what to say when it never is."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, f"not so after {seconds} s {told()}"
        time.sleep(0.05)
