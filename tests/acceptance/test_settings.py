"""A wrong or unsafe setting stops the start, and the sentence names it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.server import ROOT, environment

OUTSIDE = "https://reports.example.com"
KEYS = {f"REPORTSERVER_{name}_KEY": f"{name}-{'k' * 40}" for name in ("SECRET", "JWT", "DATA", "AUDIT")}
WRONG = {
    "a port that is no number": ({"PORT": "x"}, "PORT"),
    "no worker": ({"REPORTSERVER_WORKERS": "0"}, "REPORTSERVER_WORKERS"),
    "an address that is none": ({"REPORTSERVER_PUBLIC_URL": "reports"}, "REPORTSERVER_PUBLIC_URL"),
    "another database": ({"REPORTSERVER_DATABASE_URL": "mysql://x/y"}, "REPORTSERVER_DATABASE_URL"),
    "a broker that is not supported": ({"REPORTSERVER_BROKER_URL": "amqp://x"}, "REPORTSERVER_BROKER_URL"),
    "a bucket": ({"REPORTSERVER_ARTIFACTS_URL": "s3://bucket"}, "REPORTSERVER_ARTIFACTS_URL"),
    "no key outside of this machine": ({"REPORTSERVER_PUBLIC_URL": OUTSIDE}, "REPORTSERVER_SECRET_KEY"),
    "a short key": (
        {"REPORTSERVER_PUBLIC_URL": OUTSIDE, **KEYS, "REPORTSERVER_JWT_KEY": "short"}, "REPORTSERVER_JWT_KEY",
    ),
    "one key twice": (
        {"REPORTSERVER_PUBLIC_URL": OUTSIDE, **KEYS, "REPORTSERVER_JWT_KEY": KEYS["REPORTSERVER_SECRET_KEY"]},
        "must all differ",
    ),
}  # fmt: skip


def started(folder, settings):
    env = environment(folder, 8000, **settings)
    return subprocess.run(
        [sys.executable, "manage.py", "serve"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_or_unsafe_setting_stops_the_start_and_is_named(tmp_path, what):
    settings, named = WRONG[what]
    ended = started(tmp_path, settings)
    last = ended.stderr.rstrip().splitlines()[-1]
    assert ended.returncode != 0
    assert named in last and last.endswith(".")
    assert "kkkk" not in ended.stderr


def test_a_wrong_setting_is_told_in_one_sentence(tmp_path):
    ended = started(tmp_path, {"PORT": "x"})
    assert ended.stderr.strip() == "PORT must be a whole number of at least 1, not 'x'."


def test_a_port_that_is_taken_is_told_in_one_sentence(server, tmp_path):
    ended = started(tmp_path, {"PORT": server.env["PORT"]})
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert server.env["PORT"] in ended.stderr and "PORT" in ended.stderr
