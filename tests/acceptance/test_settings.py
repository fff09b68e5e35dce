"""A wrong or unsafe setting stops the start, and the sentence names it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.server import ROOT, environment, free_port

OUTSIDE = "https://reports.example.com"
KEYS = {f"REPORTSERVER_{name}_KEY": f"{name}-{'k' * 40}" for name in ("SECRET", "JWT", "DATA", "AUDIT")}
WEAK = {
    "one character": "k" * 50,
    "blanks": " " * 50,
    "django's": "django-insecure-4x!b0j2(3h5)k6_l7=m8^n9&o1*p2",
    "an example's": "change-me-change-me-change-me-change-me",
    "a piece again and again": "aB3$x9-aB3$x9-aB3$x9-aB3$x9-aB3$x9-aB3",
}
UNUSABLE = {
    "REPORTSERVER_DATABASE_URL": [
        "garbage", "", "postgresql://", "postgresql://u:hush@h:abc/x", "postgresql://u:hush@[::1/x",
        "sqlite:////nonexistent/folder/x.db", "sqlite:////etc", "sqlite://",
    ],
    "REPORTSERVER_DATA_DIR": ["", "/proc/x", "/etc/passwd", "/proc"],
    "REPORTSERVER_ARTIFACTS_URL": ["", "/proc/x", "/etc/passwd"],
    "REPORTSERVER_PUBLIC_URL": [
        "", "http://[::1", "http://h:abc", "http://h:70000", "http://a b", "https://u:hush@h", "https://h/?a", "https://h/#a",
    ],
    "REPORTSERVER_BROKER_URL": ["redis://u:hush@h:abc/0", "redis://h:6379/x", "redis://"],
    "REPORTSERVER_EMAIL_URL": ["smtp://u:hush@h:abc"],
    "REPORTSERVER_DEMO": ["maybe", ""],
    "REPORTSERVER_BEHIND_PROXY": ["xyz"],
    "REPORTSERVER_WORKERS": ["100000", "9" * 5000],
    "REPORTSERVER_WEB_THREADS": ["many"],
    "REPORTSERVER_ACCESS_TOKEN_MINUTES": ["999999999999"],
    "REPORTSERVER_LOG_LEVEL": ["loud"],
    "HOST": ["", "a b", "127.0.0.1:80"],
    "PORT": ["²", "٣", "70000", "0", "-1", "+80"],
}  # fmt: skip
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


def started(folder, settings, command="serve"):
    env = environment(folder, 8000, **settings)
    return subprocess.run(
        [sys.executable, "manage.py", command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_or_unsafe_setting_stops_the_start_and_is_named(tmp_path, what):
    settings, named = WRONG[what]
    ended = started(tmp_path, settings)
    last = ended.stderr.rstrip().splitlines()[-1]
    assert ended.returncode != 0
    assert named in last and last.endswith(".")
    assert "kkkk" not in ended.stderr


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in UNUSABLE.items() for value in values])
def test_a_value_that_can_not_be_used_is_told_in_one_sentence_that_names_its_setting(tmp_path, name, value):
    ended = started(tmp_path, {name: value})
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert re.match(rf"{name}\b", line) and line.endswith(".")
    assert "hush" not in line


@pytest.mark.parametrize("what", WEAK)
def test_a_key_that_can_be_guessed_stops_the_start_outside_of_this_machine(tmp_path, what):
    settings = {"REPORTSERVER_PUBLIC_URL": OUTSIDE, **KEYS, "REPORTSERVER_SECRET_KEY": WEAK[what]}
    ended = started(tmp_path, settings)
    assert ended.returncode == 1
    assert re.fullmatch(r"REPORTSERVER_SECRET_KEY is a placeholder or .+ random\.\n", ended.stderr)


@pytest.mark.parametrize("command", ["prepare", "serve", "jobserver"])
def test_a_database_that_does_not_answer_is_told_in_one_sentence(tmp_path, command):
    url = f"postgresql://u:hush@127.0.0.1:{free_port()}/x"
    ended = started(tmp_path, {"REPORTSERVER_DATABASE_URL": url}, command)
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert line.startswith("REPORTSERVER_DATABASE_URL: the database can't be used: ") and line.endswith("refused.")
    assert "hush" not in line


def test_a_host_that_is_not_this_machine_is_told_in_one_sentence(tmp_path):
    settings = {"HOST": "192.0.2.1", "PORT": str(free_port()), "REPORTSERVER_PUBLIC_URL": "http://localhost"}
    (line,) = started(tmp_path, settings).stderr.splitlines()
    assert "Can't listen on 192.0.2.1" in line and line.endswith("Set HOST to an address of this machine.")


def test_a_wrong_setting_is_told_in_one_sentence(tmp_path):
    ended = started(tmp_path, {"PORT": "x"})
    assert ended.stderr.strip() == "PORT must be a whole number of at least 1, not 'x'."


def test_a_port_that_is_taken_is_told_in_one_sentence(server, tmp_path):
    ended = started(tmp_path, {"PORT": server.env["PORT"]})
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert server.env["PORT"] in ended.stderr and "PORT" in ended.stderr
