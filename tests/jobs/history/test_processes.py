"""Processes that archive are killed, frozen and run at once: nothing is lost or doubled."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from tests.installations import installation
from tests.server import RunningServer, prepare_server

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="The servers have databases of their own.")

_JOBS = 120
#: Jobs that ended long ago. Everything is old, and archives are small. A fork of this process costs less than a start.
_BEGIN = f"""
import os, random, signal, time
from datetime import timedelta
from uuid import uuid4
from django.db import connections, transaction
from django.utils import timezone
from accounts.models import Tenant
from audit import actions
from audit.archive import moving
from audit.archive.port import ArchiveUnavailable
from jobs.history import archiving, files, turn
from jobs.history.recorded import archived_files
from jobs.models import HistoryTurn, JobExecutionLog
archiving.limit = lambda: timezone.now() + timedelta(days=1)
archiving._MAX_JOBS = moving._MAX_ENTRIES = 10
past = timezone.now() - timedelta(days=500)
tenant = Tenant.objects.first()
JobExecutionLog.objects.bulk_create(
    JobExecutionLog(
        tenant=tenant, report_uuid=uuid4(), report_slug="r", report_name="R", version_number=1, format="csv",
        requested_by_name="a", status="Failed", error_code="x", queued_at=past, available_at=past, started_at=past,
        ended_at=past, max_attempts=1, timeout_seconds=1, turn=1,
    )
    for _ in range({_JOBS})
)
def forked(do):
    connections.close_all()
    if pid := os.fork():
        return pid
    code = 1
    try:
        do()
        code = 0
    finally:
        os._exit(code)
def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)
"""
_END = """
HistoryTurn.objects.update(until=None)
for _ in archiving.archive_history():
    pass
print(*(file.name for file in archived_files()))
"""
#: Kills a process at each place.
_KILLED = f"""{_BEGIN}
places = [(files, "write"), (archiving, "_delete")]
for module, name, after in [(module, name, after) for module, name in places for after in (0, 1)]:
    original = getattr(module, name)
    def kill(*args, **kwargs):
        if after:
            original(*args, **kwargs)
        kill_itself()
    setattr(module, name, kill)
    _, status = os.waitpid(forked(lambda: list(archiving.archive_history())), 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    setattr(module, name, original)
    HistoryTurn.objects.update(until=None)
{_END}"""
#: Three hosts. Turns are shorter than some of what happens in them.
_TAKE_TURNS = f"""{_BEGIN}
turn._SECONDS = 2
write = files.write
def sometimes(chance):
    number = random.random()
    if number < chance / 2:
        time.sleep(2.5)
    elif number < chance:
        kill_itself()
def slow(name, lines):
    sometimes(0.2)
    written = write(name, lines)
    sometimes(0.2)
    return written
files.write = slow
deadline = time.monotonic() + 200
def host():
    random.seed(os.getpid())
    while JobExecutionLog.objects.exists():
        assert time.monotonic() < deadline
        with transaction.atomic():
            actions.record("Audit Export", actor=actions.SYSTEM, tenant_id=None, target=("audit", os.getpid()))
        try:
            for _ in archiving.archive_history():
                sometimes(0.1)
        except (ArchiveUnavailable, OSError):
            # Another process has begun its turn, and deleted what this one was writing.
            pass
        time.sleep(0.02)
hosts = [forked(host) for _ in range(3)]
while hosts:
    pid, status = os.wait()
    hosts.remove(pid)
    if os.WIFSIGNALED(status):
        hosts.append(forked(host))
    else:
        assert os.waitstatus_to_exitcode(status) == 0
files.write = write
{_END}"""


def assert_each_job_is_archived_once(server: RunningServer, code: str) -> None:
    names = server.manage("shell", "--no-imports", "-c", code).stdout.split()
    folder = server.folder / "artifacts"
    content = b"".join(gzip.decompress((folder / name).read_bytes()) for name in names if "/jobs/" in name)
    found = Counter(json.loads(line)["id"] for line in content.splitlines())
    assert (len(found), set(found.values())) == (_JOBS, {1})
    assert not list(folder.rglob("*.part"))
    assert "Verified up to" in server.manage("verify_audit").stdout


def test_a_process_that_is_killed_loses_and_doubles_nothing(tmp_path: Path, prepared: Path) -> None:
    server = prepare_server(tmp_path, prepared=prepared)
    assert_each_job_is_archived_once(server, _KILLED)
    assert len(list((server.folder / "artifacts" / "history" / "jobs").iterdir())) == _JOBS / 10


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_several_hosts_at_once(tmp_path: Path, request: pytest.FixtureRequest, database: str) -> None:
    """Each of them is frozen for longer than its turn, or killed and started again, now and then."""
    with installation(database, tmp_path, request) as server:
        assert_each_job_is_archived_once(server, _TAKE_TURNS)
