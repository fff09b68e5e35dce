"""Concurrent changes, in another process and its own database: threads within a test would share a transaction."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psycopg
import pytest

from tests.reports.definitions.sample_file import ENV, SAMPLE, sample, write_definitions
from tests.server import ROOT

SCRIPT = """
import json, os, threading
from django.db import connection
from reports import actions
from reports.definitions import files as definition_files
from reports.models import ReportConfiguration

files, errors = json.loads(os.environ["FILES"]), []

def run(change, *arguments):
    try:
        for number in range(4):
            change(number, *arguments)
    except Exception as error:
        errors.append(repr(error))
    finally:
        connection.close()

def patch(number, thread):
    report = ReportConfiguration.objects.get(slug="carrier-delays")
    actions.patch_report(report=report, patch={"description": f"{thread} {number}"}, actor="tester")

def apply(number, thread):
    definitions = definition_files.load([files[(number + thread) % 2]]).definitions
    actions.apply(definitions=definitions, actor="tester", prune=True)

threads = [threading.Thread(target=run, args=(change, at)) for at in range(2) for change in (patch, apply)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
report = ReportConfiguration.objects.get(slug="carrier-delays")
numbers = [version.number for version in report.versions.order_by("number")]
print(json.dumps({"errors": errors, "numbers": numbers, "current": report.version.number}))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/reports.sqlite3"
    url = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create database concurrent")
    return url.rsplit("/", 1)[0] + "/concurrent"


def test_concurrent_changes_each_get_a_version_and_runs_do_not_overlap(database_url, tmp_path):
    more = sample()
    more["tenants"].append({"slug": "other", "name": "Other"})
    more["reports"].append(SAMPLE["reports"][1] | {"slug": "more"})
    files = [str(write_definitions(tmp_path, SAMPLE)), str(write_definitions(tmp_path, more, "more.yaml"))]
    env = os.environ | ENV | {
        "REPORTSERVER_DATA_DIR": str(tmp_path / "server"),
        "REPORTSERVER_DATABASE_URL": database_url,
        "REPORTSERVER_DEPLOYMENT_ID": "tests",
        "REPORTSERVER_DEMO": "0",
        "DJANGO_SETTINGS_MODULE": "reportserver.settings",
        "FILES": json.dumps(files),
    }  # fmt: skip

    def manage(*arguments: str) -> str:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout

    manage("prepare")
    manage("apply", files[0])
    outcome = json.loads(manage("shell", "-v0", "-c", SCRIPT).splitlines()[-1])
    assert outcome["errors"] == []
    assert outcome["numbers"] == list(range(1, outcome["current"] + 1))
    assert outcome["current"] >= 1 + 2 * 4
    assert manage("verify_audit").startswith("Verified")
