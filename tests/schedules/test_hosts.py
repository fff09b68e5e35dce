"""Several schedulers on one database, killed at random moments: every time gets exactly one slot and one job."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_definitions, passwords
from tests.postgres import postgres_server
from tests.server import ROOT, RunningServer, prepare_server

#: How many of the schedules burst.
BURSTING = 3
#: A scheduler as a jobserver has it, without workers, so that nothing but it writes.
SCHEDULER = "import django; django.setup(); from schedules.scheduler import run_scheduler; run_scheduler()"
#: Creates schedules of every minute, of which the last minutes have no slots yet.
CREATE = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import User
from schedules import actions
from schedules.definitions import parse_schedule
from schedules.models import Schedule
bob = User.objects.get(username="bob")
for number in range({schedules}):
    entry = {{"slug": f"s{{number}}", "tenant": "acme", "report": "sales-by-region", "cron": "* * * * *",
             "missed": "all", "end_on": None}}
    actions.create_schedule(definition=parse_schedule(entry), tenant=bob.tenant, actor=bob)
start = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes={minutes})
Schedule.objects.update(next_at=start)
"""
#: How many times each schedule has, between the first and the last, and what belongs to them.
READ = """
import json
from django.utils import timezone
from audit.models import AuditLog
from jobs.models import JobExecutionLog, JobEvent
from schedules.models import Schedule, Slot
late = due = 0
gaps = []
for schedule in Schedule.objects.all():
    times = list(schedule.slots.order_by("time").values_list("time", flat=True))
    gaps += [1 for one, next in zip(times, times[1:]) if (next - one).total_seconds() != 60]
    due += schedule.next_at <= timezone.now()
    late += (schedule.next_at - times[-1]).total_seconds() != 60 if times else 1
created = Slot.objects.filter(state="Created")
print(json.dumps({
    "gaps": len(gaps), "late": late, "due": due, "slots": Slot.objects.count(), "created": created.count(),
    "with_job": created.filter(job__isnull=False).count(),
    "jobs": JobExecutionLog.objects.count(), "scheduled": JobExecutionLog.objects.filter(is_scheduled=True).count(),
    "events": JobEvent.objects.filter(kind="queued").count(),
    "audited": AuditLog.objects.filter(action="Job Generate").count(),
}))
"""


#: Lets the first schedules burst to three recipients, one of which has no key; the query needs a while.
BURST = """
from schedules import actions
from schedules.models import Schedule
query = ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000) "
         "select max(i) as m, k.column1 as key from n, (values ('a'), ('b'), (null)) k group by key")
for schedule in Schedule.objects.complete().order_by("slug")[:{bursting}]:
    number = schedule.current
    recipients = {{"query": query, "data_source": None, "key": "key", "parameters": {{}}, "to": None}}
    number.definition["recipients"] = recipients | {{"at_most": 5, "split_by": None}}
    number.save()
"""
#: How many keys of each slot have what they should.
READ_BURSTS = """
import json
from collections import Counter
from schedules.models import SlotRecipient
rows = list(SlotRecipient.objects.values_list("slot", "key", "job"))
print(json.dumps({
    "keys": Counter(key for _, key, _ in rows), "without_job": sorted({key for _, key, job in rows if not job}),
    "jobs": len({job for *_, job in rows if job}), "rows_with_job": sum(1 for *_, job in rows if job),
}))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    """A prepared database without running processes."""
    with postgres_server() if request.param == "postgresql" else nullcontext() as url:
        settings = {"REPORTSERVER_DATABASE_URL": url} if url else {}
        server = prepare_server(tmp_path / "data", **settings)
        server.manage("apply", str(make_definitions(tmp_path)), **passwords())
        yield server


def start_scheduler(server: RunningServer) -> subprocess.Popen[bytes]:
    env = {**server.env, "DJANGO_SETTINGS_MODULE": "reportserver.settings"}
    return subprocess.Popen([sys.executable, "-c", SCHEDULER], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)


def read(server: RunningServer) -> dict[str, Any]:
    return dict(json.loads(server.manage("shell", "-v0", "-c", READ).stdout))


@pytest.mark.parametrize("size", [(20, 15, 4), pytest.param((200, 60, 60), marks=pytest.mark.chaos)])
def test_hosts_that_are_killed_at_random_produce_one_job_for_each_slot(
    server: RunningServer, size: tuple[int, int, int]
) -> None:
    schedules, minutes, kills = size
    server.manage("shell", "-v0", "-c", CREATE.format(schedules=schedules, minutes=minutes))
    server.manage("shell", "-v0", "-c", BURST.format(bursting=BURSTING))
    chance = random.Random(7)  # noqa: S311
    hosts = [start_scheduler(server) for _ in range(2)]
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 3))
            victim = chance.randrange(2)
            hosts[victim].send_signal(signal.SIGKILL)
            hosts[victim].wait()
            hosts[victim] = start_scheduler(server)
        deadline = time.monotonic() + 120
        while ((found := read(server))["late"] or found["due"]) and time.monotonic() < deadline:
            time.sleep(1)
    finally:
        for host in hosts:
            with suppress(ProcessLookupError):
                host.terminate()
        for host in hosts:
            host.wait(20)
    found, bursts = read(server), json.loads(server.manage("shell", "-v0", "-c", READ_BURSTS).stdout)
    # Every slot has all keys, and every key that has a job one of its own.
    assert bursts["keys"]["a"] == bursts["keys"]["b"] == bursts["keys"][""] >= BURSTING, bursts
    assert bursts["without_job"] == [""] and bursts["jobs"] == bursts["rows_with_job"] == 2 * bursts["keys"]["a"], (
        bursts
    )
    # The slot of a burst has no job of its own.
    found["created"] -= bursts["keys"]["a"]
    found["jobs"] -= bursts["jobs"]
    found["scheduled"] -= bursts["jobs"]
    found["events"] -= bursts["jobs"]
    found["audited"] -= bursts["jobs"]
    assert (found["gaps"], found["late"]) == (0, 0), found
    assert found["slots"] >= schedules * minutes
    assert found["created"] == found["with_job"] == found["jobs"] == found["scheduled"], found
    assert found["jobs"] == found["events"] == found["audited"], found


#: A scheduler that notes each time that it runs a recipients' query, which takes some seconds.
NOTING = """
import os, django; django.setup()
from schedules.bursting import reading
read = reading.read_rows
def noting(*given, **named):
    with open({notes!r}, "a") as notes:
        notes.write(f"{{os.getpid()}}\\n")
    return read(*given, **named)
reading.read_rows = noting
from schedules.scheduler import run_scheduler; run_scheduler()
"""


def test_one_of_several_hosts_runs_a_slow_recipients_query(server: RunningServer, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    server.manage("shell", "-v0", "-c", CREATE.format(schedules=1, minutes=0))
    server.manage("shell", "-v0", "-c", BURST.format(bursting=1).replace("300000", "1000000"))
    env = {**server.env, "DJANGO_SETTINGS_MODULE": "reportserver.settings"}
    code = [sys.executable, "-c", NOTING.format(notes=str(notes))]
    hosts = [subprocess.Popen(code, cwd=ROOT, env=env, stderr=subprocess.DEVNULL) for _ in range(3)]
    try:
        deadline = time.monotonic() + 120
        while not (created := read(server)["created"]) and time.monotonic() < deadline:
            time.sleep(0.5)
    finally:
        for host in hosts:
            host.terminate()
        for host in hosts:
            host.wait(20)
    # One more minute may have begun meanwhile.
    assert created and len(notes.read_text().splitlines()) <= created + 1
