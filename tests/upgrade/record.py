"""Record what an earlier version of the server stored: `python -m tests.upgrade.record CHECKOUT NAME`.

CHECKOUT is a work tree of the earlier version. Its server runs with definitions.yaml, gets jobs and other rows of every
model through its API and its own models. They are written to data/NAME/: rows.json, result files, and notes of ids and
tokens. Nothing is imported from either version, so this works with any.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port
from tests.upgrade import HERE, SECRETS

#: Prints all rows as JSON. `dumpdata` would cut times to milliseconds, which breaks the chain of audit entries.
_DUMP = """
import json
from django.apps import apps
from django.core import serializers

def plain(value):
    return value.isoformat() if hasattr(value, "isoformat") else str(value)

labels = {"accounts", "audit", "reports", "jobs", "sessions"}
models = [model for model in apps.get_models() if model._meta.app_label in labels]
for model in [*models, apps.get_model("auth.Group"), apps.get_model("django_q.OrmQ")]:
    for row in model.objects.order_by("pk"):
        (data,) = serializers.serialize("python", [row])
        if hasattr(row, "permission"):  # ids of permissions differ between databases
            data["fields"]["permission"] = row.permission.codename
        print(json.dumps(data, default=plain, ensure_ascii=False))
"""
#: Rows that the API doesn't write. Runs in `manage.py shell` of the earlier version.
_MORE_ROWS = """
from datetime import UTC, datetime
from accounts.models import User
from jobs.models import BulkAction, JobExecutionLog, SavedView
from reports.models import ReportConfiguration
from reports.targets.models import WebhookSecret

at = datetime(2026, 11, 1, tzinfo=UTC)
alice = User.objects.get(username="alice")
User.objects.create_superuser("root", password="root-password-1")
SavedView.objects.create(user=alice, name="Failed today", filters="status=Failed")
jobs = [str(job.pk) for job in JobExecutionLog.objects.filter(report_slug="broken", retried_as__isnull=False)]
BulkAction.objects.create(user=alice, action="cancel", filters="status=Queued", at=at, total=9, begun_at=at,
                          last_queued_at=at, held_until=at, ended_at=at, stopped=True, done=3, refused=2)
# Interrupted before its only job.
BulkAction.objects.create(user=alice, action="retry", ids=jobs, at=datetime.now(UTC), total=1, begun_at=at)
WebhookSecret.of(ReportConfiguration.objects.get(slug="sent"), "http://127.0.0.1:9/hook")
"""


def main(checkout: Path, name: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="upgrade-"))
    with sqlite3.connect(folder / "sales.db") as database:
        database.execute("create table sale (region text, amount integer)")
        database.executemany("insert into sale values (?, ?)", [("north", 5), ("south", 20), ("south", 200)])
    database.close()
    shutil.copy(HERE / "definitions.yaml", folder)
    server = _Server(checkout, folder)
    server.manage("prepare")
    server.manage("apply", str(folder / "definitions.yaml"))
    notes = _work(server)
    server.manage("shell", "-c", _MORE_ROWS)
    notes |= _leave_work(server)
    _write(server, HERE / "data" / name, notes)
    shutil.rmtree(folder)


class _Server:
    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout, self.folder = checkout, folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("REPORTSERVER", "DJANGO"))}
        self.env = kept | SECRETS | {
            "PORT": str(self.port),
            "REPORTSERVER_DATA_DIR": str(folder / "data"),
            "REPORTSERVER_DEMO": "0",
            "REPORTSERVER_WORKERS": "2",
            "REPORTSERVER_FILE_SHARE": str(folder / "share"),
            "REPORTSERVER_EMAIL_URL": "smtp://127.0.0.1:9",
            "REPORTSERVER_REFRESH_TOKEN_DAYS": "3650",
            "DJANGO_SETTINGS_MODULE": "reportserver.settings",
        }  # fmt: skip

    def manage(self, *command: str) -> str:
        done = subprocess.run([sys.executable, "manage.py", *command], cwd=self.checkout, env=self.env, check=True,
                              capture_output=True, text=True)  # fmt: skip
        return done.stdout

    def start(self, *, workers: bool) -> None:
        web = ["-m", "gunicorn", "--config", "python:reportserver.web.gunicorn_config"]
        if not (self.checkout / "reportserver" / "web").exists():
            web = ["-m", "gunicorn", "--config", "python:reportserver.gunicorn_config"]
        command = ["manage.py", "serve"] if workers else web
        self.process = subprocess.Popen([sys.executable, *command], cwd=self.checkout, env=self.env)
        for _ in range(600):
            try:
                if httpx.get(f"{self.url}/{'readyz' if workers else 'livez'}").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError("The server did not start.")

    def client(self, username: str) -> httpx.Client:
        client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=60)
        answer = client.post("/auth/token", json={"username": username, "password": f"{username}-password-1"})
        client.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        return client


def _generate(client: httpx.Client, report: str, **headers: str) -> str:
    answer = client.post(f"/reports/{report}/generate", json={"parameters": {}}, headers=headers)
    return str(answer.raise_for_status().json()["jobId"])


def _wait(client: httpx.Client, job: str, *statuses: str) -> None:
    for _ in range(1200):
        if client.get(f"/jobs/{job}").json()["status"] in (statuses or ("Succeeded", "Failed")):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Job {job} is not {statuses}.")


def _work(server: _Server) -> dict[str, Any]:
    """Jobs that end in every way, a session, and a job that runs when the server is killed."""
    server.start(workers=True)
    alice, bob = server.client("alice"), server.client("bob")
    jobs = {}
    jobs["first_version"] = _generate(bob, "sales")
    _wait(bob, jobs["first_version"])
    alice.patch("/reports/sales", json={"description": "Sum of sales by region, with a minimum"}).raise_for_status()
    jobs["succeeded"] = _generate(bob, "sales", **{"Idempotency-Key": "once"})
    jobs["broken"] = _generate(bob, "broken")
    jobs["sent"] = _generate(bob, "sent")
    jobs["of_deleted_report"] = _generate(bob, "deleted")
    for job in jobs.values():
        _wait(bob, job)
    answer = alice.post(f"/jobs/{jobs['broken']}/retry")
    jobs["retry"] = answer.raise_for_status().json()["jobId"]
    jobs["cancelled"] = _generate(bob, "slow")
    _wait(bob, jobs["cancelled"], "Running")
    bob.post(f"/jobs/{jobs['cancelled']}/cancel").raise_for_status()
    _wait(bob, jobs["cancelled"])
    _wait(alice, jobs["retry"])
    bob.get(f"/jobs/{jobs['succeeded']}/result").raise_for_status()
    alice.delete("/reports/deleted").raise_for_status()
    tokens = httpx.post(
        f"{server.url}/api/v1/auth/token", json={"username": "bob", "password": "bob-password-1"}
    ).json()
    # Deliveries by mail and webhook fail, and are tried again until long after this.
    time.sleep(5)
    jobs["running"] = _generate(bob, "slow")
    _wait(bob, jobs["running"], "Running")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    time.sleep(2)
    return {"jobs": jobs, "refresh": tokens["refresh"]}


def _leave_work(server: _Server) -> dict[str, Any]:
    """Jobs that are queued, and a session of a page."""
    server.start(workers=False)
    bob = server.client("bob")
    queued = {name: _generate(bob, "one-at-a-time") for name in ("limited", "limited_too")}
    queued["unlimited"] = _generate(bob, "sales")
    with httpx.Client(base_url=server.url, follow_redirects=True) as page:
        page.get("/login")
        fields = {"username": "bob", "password": "bob-password-1", "csrfmiddlewaretoken": page.cookies["csrftoken"]}
        page.post("/login", data=fields, headers={"Referer": f"{server.url}/login"}).raise_for_status()
        session = page.cookies["sessionid"]
    server.process.terminate()
    server.process.wait()
    return {"queued": queued, "session": session}


def _write(server: _Server, data: Path, notes: dict[str, Any]) -> None:
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    rows = [json.loads(line) for line in server.manage("shell", "-v0", "-c", _DUMP).splitlines()]
    for row in rows:
        fields = row["fields"]
        if row["model"] == "sessions.session":
            fields["expire_date"] = "2099-01-01T00:00:00+00:00"
        if row["model"] == "reports.datasource":
            fields["location"] = fields["location"].replace(str(server.folder), "{folder}")
        if trace := fields.get("error_trace"):
            trace = trace.replace(str(server.checkout), "/srv/reportserver")
            fields["error_trace"] = trace.replace(sys.base_prefix, "/usr")
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (data / "rows.json").write_text(f"[\n{lines}\n]\n")
    (data / "notes.json").write_text(json.dumps(notes, indent=2) + "\n")
    for file in (server.folder / "data" / "artifacts").rglob("*.csv"):
        copy = data / file.relative_to(server.folder / "data")
        copy.parent.mkdir(parents=True)
        shutil.copy(file, copy)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])
