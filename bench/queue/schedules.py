"""How soon the jobs of a thousand schedules are queued that are due in the same minute, while workers run them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.harness.formatting import number
from bench.harness.markdown import table
from bench.queue.throughput import cpu_seconds, create_database, running_commands
from tests.faults.database import Database
from tests.postgres import postgres_server
from tests.server import RunningServer, prepare_server

#: Seconds within which all jobs of a minute must be queued.
GOAL = 10
_MAX_SECONDS = 120
#: Lets all schedules be due in a few seconds. Prints the time at which they are.
_LET_BE_DUE = """
from datetime import timedelta
from jobs.sql import now
from schedules.models import Schedule, Slot
# As if the jobs of an earlier time had ended.
Slot.objects.update(unfinished=False, waits=False)
at = now() + timedelta(seconds=8)
Schedule.objects.update(next_at=at)
"""
_SCHEDULER = "from schedules.scheduler import run_scheduler; run_scheduler()"
_PRINT_LATENESS = """
import json
from schedules.models import Slot
slots = Slot.objects.select_related("job")
print(json.dumps(sorted((slot.job.queued_at - slot.time).total_seconds() for slot in slots)))
"""


class Result(NamedTuple):
    """Seconds from the due time until half of the jobs, and all of them, were queued; and the scheduler's CPU time for
    one, in milliseconds."""

    half: float
    all: float
    cpu: float


def measure(quick: bool) -> str:
    """Return the section of the document."""
    count = 200 if quick else 1_000
    results = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-schedules-")))
        postgresql = create_database(stack.enter_context(postgres_server()), "schedules")
        for name, url in {"SQLite": None, "PostgreSQL": postgresql}.items():
            results[name] = _measure(folder / name.lower(), count, url)
            print(f"  {name}: {results[name]}", flush=True)
    return _section(results, count)


def _measure(folder: Path, count: int, database_url: str | None) -> Result:
    folder.mkdir()
    definitions = folder / "schedules.json"
    definitions.write_text(json.dumps(_definitions(count)))
    (folder / "empty.db").touch()
    settings = {"REPORTSERVER_DATABASE_URL": database_url} if database_url else {}
    server = prepare_server(folder / "data", definitions, BOB_PASSWORD="bob-password-1", **settings)
    database = Database(database_url or server.database())

    def slots() -> int:
        return int(database("select count(*) as n from schedules_slot")[0]["n"])

    with running_commands([[sys.executable, "manage.py", "jobserver"]], server.env):
        server.manage("shell", "--no-imports", "-c", _LET_BE_DUE)
        _wait_for(slots, count)
        late = _lateness(server)
    # Once more without workers, whose CPU time is not to be counted.
    with running_commands(
        [[sys.executable, "manage.py", "shell", "--no-imports", "-c", _SCHEDULER]], server.env
    ) as alone:
        server.manage("shell", "--no-imports", "-c", _LET_BE_DUE)
        before = cpu_seconds(alone)
        _wait_for(slots, 2 * count)
        cpu = 1_000 * (cpu_seconds(alone) - before) / count
    return Result(late[len(late) // 2], late[-1], cpu)


def _definitions(count: int) -> dict[str, object]:
    people = [{"username": "bob", "tenant": "acme", "roles": ["Administrator"], "password_env": "BOB_PASSWORD"}]
    report = {"slug": "one", "tenant": "acme", "name": "One", "data_source": "empty", "query": "select 1 as one"}
    schedule = {"tenant": "acme", "report": "one", "cron": "0 4 1 1 *", "run_as": "user:bob"}
    return {
        "tenants": [{"slug": "acme", "name": "Acme Inc."}],
        "users": people,
        "data_sources": [{"slug": "empty", "tenant": "acme", "kind": "sqlite", "location": "empty.db"}],
        "reports": [report | {"formats": ["csv"]}],
        "schedules": [schedule | {"slug": f"schedule-{number}"} for number in range(count)],
    }


def _wait_for(found: Callable[[], int], count: int) -> None:
    deadline = time.monotonic() + _MAX_SECONDS
    while found() < count:
        assert time.monotonic() < deadline, f"Not all slots were created within {_MAX_SECONDS} s."
        time.sleep(0.1)


def _lateness(server: RunningServer) -> list[float]:
    """Return after how many seconds each job was queued, sorted."""
    return list(json.loads(server.manage("shell", "--no-imports", "-c", _PRINT_LATENESS).stdout))


def _section(results: Mapping[str, Result], count: int) -> str:
    head = [f"{count:,} schedules, 2 workers", "half queued after", "all queued after", "CPU of the scheduler per job"]
    rows = [
        [name, f"{number(result.half)} s", f"{number(result.all)} s", f"{number(result.cpu)} ms"]
        for name, result in results.items()
    ]
    return f"""
All are due at the same moment, and the workers run their jobs (`select 1` as CSV) meanwhile. The goal is {GOAL} s.

{table(head, rows)}

"""
