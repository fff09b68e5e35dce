"""A database of an earlier version is upgraded by `manage.py prepare`, and everything in it works on."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.postgres import postgres_server
from tests.server import ROOT, Client, RunningServer, environment, prepare_server, start, stop
from tests.upgrade import HERE, SECRETS
from tests.upgrade.load import MIGRATIONS

#: Counts the rows of each model by its label, and reads what the models compute from them.
READ_MODELS = """
import json
from django.apps import apps
from accounts.models import User
from audit.verification import last_check
from jobs.models import JobExecutionLog
from reports.models import DataSource, ReportVersion

counts = {}
for model in apps.get_models():
    rows = list(model._default_manager.all())
    assert all(str(row) for row in rows), model
    counts[model._meta.label_lower] = len(rows)
for job in JobExecutionLog.objects.all():
    assert (job.error is not None) == (job.status == "Failed"), job.pk
print(json.dumps({
    "counts": counts,
    "urls": [source.url for source in DataSource.objects.order_by("slug")],
    "choices": [p["choices"] for version in ReportVersion.objects.all() for p in version.parameters],
    "verified": last_check().verified_sequence,
    "administrators": [user.username for user in User.objects.order_by("username") if user.is_administrator],
}))
"""


@dataclass
class Upgraded:
    """A server that runs on an upgraded database. `notes` has the ids and tokens of the recorded one."""

    server: RunningServer
    notes: dict[str, Any]
    rows: list[dict[str, Any]]

    def job(self, name: str) -> str:
        return str((self.notes["jobs"] | self.notes["queued"])[name])

    @property
    def bob(self) -> Client:
        return self.server.client("bob")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    (name,) = MIGRATIONS
    folder = tmp_path_factory.mktemp("upgrade")
    make_sales(folder)
    with postgres_server() if request.param == "postgresql" else nullcontext() as url:
        settings = SECRETS | ({"REPORTSERVER_DATABASE_URL": url} if url else {})
        env = environment(folder / "data", 1, **settings)
        load = [sys.executable, "-m", "tests.upgrade.load", name, str(folder)]
        subprocess.run(load, cwd=ROOT, env=env, check=True)
        shutil.copytree(HERE / "data" / name / "artifacts", folder / "data" / "artifacts", dirs_exist_ok=True)
        server = prepare_server(folder / "data", **settings)
        notes = json.loads((HERE / "data" / name / "notes.json").read_text())
        rows = json.loads((HERE / "data" / name / "rows.json").read_text())
        counted = json.loads(server.manage("shell", "-v0", "-c", READ_MODELS).stdout)
        start(server)
        yield Upgraded(server, notes | {"models": counted}, rows)
        stop(server)


def make_sales(folder: Path) -> None:
    with sqlite3.connect(folder / "sales.db") as database:
        database.execute("create table sale (region text, amount integer)")
        database.executemany("insert into sale values (?, ?)", [("north", 5), ("south", 20), ("south", 200)])
    database.close()


def test_every_row_is_still_there_and_read_by_the_models(upgraded: Upgraded) -> None:
    models = upgraded.notes["models"]
    recorded = [row["model"] for row in upgraded.rows]
    assert {label: models["counts"].get(label) for label in recorded} == {
        label: recorded.count(label) for label in recorded
    }
    assert models["urls"] == ["postgresql://crm:secret@crm.example.com/crm", ""]
    assert models["choices"] == [[0, 10, 100]] * 2
    assert models["verified"] == 7, "the seal of the earlier version is still valid"
    assert models["administrators"] == ["alice", "gina", "root"]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("first_version", "Succeeded", None),
        ("succeeded", "Succeeded", None),
        ("of_deleted_report", "Succeeded", None),
        ("broken", "Failed", "query_failed"),
        ("cancelled", "Failed", "cancelled"),
    ],
)
def test_jobs_keep_their_status_and_error(upgraded: Upgraded, name: str, status: str, code: str | None) -> None:
    job = upgraded.server.client("alice").get(f"/jobs/{upgraded.job(name)}").json()
    assert (job["status"], (job["errorDetails"] or {}).get("code")) == (status, code), job


def test_a_retry_still_names_the_job_it_repeats(upgraded: Upgraded) -> None:
    retry = upgraded.server.client("alice").get(f"/jobs/{upgraded.job('retry')}").json()
    assert retry["retryOf"] == upgraded.job("broken")


def test_jobs_of_earlier_versions_were_sent_what_they_ran_with(upgraded: Upgraded) -> None:
    job = upgraded.bob.get(f"/jobs/{upgraded.job('succeeded')}").json()
    assert job["parameters"] == job["requestedParameters"] == {"minimum": 0}


def test_relative_dates_and_time_zones_can_be_used(upgraded: Upgraded) -> None:
    change = {
        "query": "select :day as day", "totals": None, "chart": None, "time_zone": "Asia/Kathmandu",
        "parameters": [{"name": "day", "type": "date", "default": "now-1M/M"}],
        "rules": [{"check": "day <= today", "message": "Not yet."}],
    }  # fmt: skip
    assert upgraded.server.client("alice").request("PATCH", "/reports/one-at-a-time", json=change).status_code == 200
    job = upgraded.bob.wait(upgraded.bob.generate("one-at-a-time", {"day": "today"}))
    assert job["status"] == "Succeeded" and job["requestedParameters"] == {"day": "today"}


def test_reports_and_runs_can_have_locales(upgraded: Upgraded) -> None:
    assert upgraded.bob.get(f"/jobs/{upgraded.job('succeeded')}").json()["locale"] is None
    change = {"locale": "de-DE", "columns": {"total": {"format": "#,##0.00"}}}
    assert upgraded.server.client("alice").request("PATCH", "/reports/sales", json=change).status_code == 200
    answer = upgraded.bob.post("/reports/sales/generate", json={"parameters": {}, "locale": "fr-FR"})
    job = upgraded.bob.wait(answer.json()["jobId"])
    assert (job["status"], job["locale"]) == ("Succeeded", "fr-FR")


def test_reports_are_in_no_folder_until_they_get_one(upgraded: Upgraded) -> None:
    before = upgraded.bob.get("/reports/sales").json()
    assert (before["folder"], before["tags"]) == ("", [])
    change = {"folder": "Sales/Europe", "tags": ["monthly"]}
    after = upgraded.server.client("alice").request("PATCH", "/reports/sales", json=change).json()
    assert (after["folder"], after["tags"], after["version"]) == ("Sales/Europe", ["monthly"], before["version"])


def test_results_are_downloaded_as_they_were(upgraded: Upgraded) -> None:
    result = upgraded.bob.get(f"/jobs/{upgraded.job('succeeded')}/result")
    assert result.text.split() == ["region,total", "north,5", "south,220"]


def test_an_idempotency_key_still_returns_the_first_job(upgraded: Upgraded) -> None:
    answer = upgraded.bob.post("/reports/sales/generate", json={"parameters": {}}, headers={"Idempotency-Key": "once"})
    assert answer.json()["jobId"] == upgraded.job("succeeded")


@pytest.mark.parametrize("name", ["limited", "limited_too", "unlimited"])
def test_queued_jobs_are_claimed_and_run(upgraded: Upgraded, name: str) -> None:
    job = upgraded.bob.wait(upgraded.job(name))
    assert job["status"] == "Succeeded", job


def test_a_job_that_was_running_is_run_again(upgraded: Upgraded) -> None:
    """Its worker was last heard before the deadline: it was lost, and the job is not to blame."""
    job = upgraded.job("running")
    events = f"/jobs/{job}/events"
    deadline = time.monotonic() + 60
    while [event["kind"] for event in upgraded.server.client("alice").get(events).json()["results"]].count(
        "claimed"
    ) < 2:
        assert time.monotonic() < deadline, upgraded.server.client("alice").get(events).text
        time.sleep(0.2)
    upgraded.bob.post(f"/jobs/{job}/cancel").raise_for_status()
    upgraded.bob.wait(job)


def test_the_audit_log_is_unbroken_and_goes_on(upgraded: Upgraded) -> None:
    upgraded.bob.wait(upgraded.bob.generate("sales"))
    assert "Verified up to" in upgraded.server.manage("verify_audit").stdout
    entries = upgraded.server.client("alice").get("/audit", params={"action": "Report Delete"}).json()
    assert [entry["actor"] for entry in entries["results"]] == ["alice"]


def test_a_bulk_action_that_was_interrupted_is_finished(upgraded: Upgraded) -> None:
    actions = [row for row in upgraded.rows if row["model"] == "jobs.bulkaction"]
    (action,) = [row["pk"] for row in actions if not row["fields"]["stopped"]]
    code = f"from jobs.models import BulkAction; print(BulkAction.objects.get(pk='{action}').ended_at)"
    deadline = time.monotonic() + 30
    while (shown := upgraded.server.manage("shell", "-v0", "-c", code).stdout.strip()) == "None":
        assert time.monotonic() < deadline, shown


def test_sessions_and_refresh_tokens_stay_valid(upgraded: Upgraded) -> None:
    with httpx.Client(base_url=upgraded.server.url, cookies={"sessionid": upgraded.notes["session"]}) as browser:
        page = browser.get("/jobs")
    assert page.status_code == 200 and "bob" in page.text
    body = {"refresh": upgraded.notes["refresh"]}
    assert httpx.post(f"{upgraded.server.url}/api/v1/auth/token/refresh", json=body).status_code == 200


def test_users_can_have_a_time_zone_and_a_locale(upgraded: Upgraded) -> None:
    with httpx.Client(base_url=upgraded.server.url, cookies={"sessionid": upgraded.notes["session"]}) as browser:
        assert "(UTC)" in browser.get("/account").text, "nothing is set yet"
        token = browser.cookies["csrftoken"]
        chosen = {"time_zone": "Asia/Kathmandu", "locale": "de-DE", "csrfmiddlewaretoken": token}
        answer = browser.post("/account/localization", data=chosen, follow_redirects=True)
    assert "(Kathmandu)" in answer.text and "12.345" in answer.text, answer.status_code


def test_reports_deliver_always_and_jobs_have_the_state_of_their_deliveries(upgraded: Upgraded) -> None:
    alice, job = upgraded.server.client("alice"), upgraded.job("sent")
    assert {report["deliver"] for report in alice.get("/reports").json()["results"]} == {"always"}
    found = alice.get(f"/jobs/{job}/deliveries").json()["results"]
    assert {row["name"]: (row["kind"], row["recipient"]) for row in found} == {
        "email": ("email", "ops@example.com"),
        "file_share": ("file_share", "results"),
        "webhook": ("webhook", "http://127.0.0.1:9/hook"),
    }
    # The mail waits for its next attempt.
    assert alice.get(f"/jobs/{job}").json()["deliveryState"] == "Pending"
    assert alice.get(f"/jobs/{upgraded.job('succeeded')}").json()["deliveryState"] is None
    code = "from reports.models import ReportVersion; ReportVersion.objects.update(deliver='on_request')"
    refused = upgraded.server.manage("shell", "-v0", "-c", code, check=False)
    assert "versions of a report are immutable" in refused.stderr


def test_deliveries_and_saved_views_are_shown(upgraded: Upgraded) -> None:
    with httpx.Client(base_url=upgraded.server.url, cookies={"sessionid": upgraded.notes["session"]}) as browser:
        text = browser.get(f"/jobs/{upgraded.job('sent')}").text
    assert "ops@example.com" in text, "bob requested the job"
    assert "The webhook&#x27;s address is not one that this server may call." in text
