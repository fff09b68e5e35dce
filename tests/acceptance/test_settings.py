"""A wrong or unsafe setting stops the start with a sentence that names it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.ports import free_port
from tests.server import ROOT, environment

OUTSIDE = "https://reports.example.com"
KEYS = {f"REPORTSERVER_{name}_KEY": f"{name}-{'k' * 40}" for name in ("SECRET", "JWT", "DATA", "AUDIT")}
WEAK = {
    "one character": "k" * 50,
    "blanks": " " * 50,
    "django's": "django-insecure-4x!b0j2(3h5)k6_l7=m8^n9&o1*p2",
    "an example's": "change-me-change-me-change-me-change-me",
    "a repeated piece": "aB3$x9-aB3$x9-aB3$x9-aB3$x9-aB3$x9-aB3",
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
    "REPORTSERVER_DEPLOYMENT_ID": ["a" * 101],
    "REPORTSERVER_EMAIL_URL": ["smtp://u:hush@h:abc"],
    "REPORTSERVER_DEMO": ["maybe", ""],
    "REPORTSERVER_BEHIND_PROXY": ["xyz"],
    "REPORTSERVER_TRUSTED_PROXIES": ["*", "localhost", "10.1.0.1/16", "0.0.0.0/0", "::/0", "10.0.0.1:80"],
    "REPORTSERVER_PASSWORD_HASHES": ["0", "101"],
    "REPORTSERVER_WORKERS": ["100000", "9" * 5000],
    "REPORTSERVER_WEB_THREADS": ["many"],
    "REPORTSERVER_LEASE_SECONDS": ["1", "2", "7"],
    "REPORTSERVER_CORS_ORIGINS": ["*", "null", "app.example.com", "https://h/path", "https://u:hush@h", "https://h,"+"ftp://h"],
    "REPORTSERVER_ACCESS_TOKEN_MINUTES": ["999999999999"],
    "REPORTSERVER_LOG_LEVEL": ["loud"],
    "HOST": ["", "a b", "127.0.0.1:80"],
    "PORT": ["²", "٣", "70000", "0", "-1", "+80"],
}  # fmt: skip
WRONG = {
    "a port that is not a number": ({"PORT": "x"}, "PORT"),
    "no worker": ({"REPORTSERVER_WORKERS": "0"}, "REPORTSERVER_WORKERS"),
    "a URL without a scheme": ({"REPORTSERVER_PUBLIC_URL": "reports"}, "REPORTSERVER_PUBLIC_URL"),
    "another database": ({"REPORTSERVER_DATABASE_URL": "mysql://x/y"}, "REPORTSERVER_DATABASE_URL"),
    "a broker that is not supported": ({"REPORTSERVER_BROKER_URL": "amqp://x"}, "REPORTSERVER_BROKER_URL"),
    "no bucket": ({"REPORTSERVER_ARTIFACTS_URL": "s3://"}, "REPORTSERVER_ARTIFACTS_URL"),
    "no key on a public server": ({"REPORTSERVER_PUBLIC_URL": OUTSIDE}, "REPORTSERVER_SECRET_KEY"),
    "a short key": (
        {"REPORTSERVER_PUBLIC_URL": OUTSIDE, **KEYS, "REPORTSERVER_JWT_KEY": "short"}, "REPORTSERVER_JWT_KEY",
    ),
    "one key twice": (
        {"REPORTSERVER_PUBLIC_URL": OUTSIDE, **KEYS, "REPORTSERVER_JWT_KEY": KEYS["REPORTSERVER_SECRET_KEY"]},
        "must all differ",
    ),
}  # fmt: skip


def start_server(folder, settings, command="serve"):
    env = environment(folder, 8000, **settings)
    return subprocess.run(
        [sys.executable, "manage.py", command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_or_unsafe_setting_stops_the_start(tmp_path, case):
    settings, named = WRONG[case]
    ended = start_server(tmp_path, settings)
    last = ended.stderr.rstrip().splitlines()[-1]
    assert ended.returncode != 0
    assert named in last and last.endswith(".")
    assert "kkkk" not in ended.stderr


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in UNUSABLE.items() for value in values])
def test_an_unusable_value_is_reported_in_one_sentence(tmp_path, name, value):
    ended = start_server(tmp_path, {name: value})
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert re.match(rf"{name}\b", line) and line.endswith(".")
    assert "hush" not in line


@pytest.mark.parametrize("case", WEAK)
def test_a_guessable_key_stops_the_start_of_a_public_server(tmp_path, case):
    settings = {"REPORTSERVER_PUBLIC_URL": OUTSIDE, **KEYS, "REPORTSERVER_SECRET_KEY": WEAK[case]}
    ended = start_server(tmp_path, settings)
    assert ended.returncode == 1
    assert re.fullmatch(r"REPORTSERVER_SECRET_KEY is a placeholder or .+ random\.\n", ended.stderr)


@pytest.mark.parametrize("command", ["prepare", "serve", "jobserver"])
def test_an_unreachable_database_is_reported_in_one_sentence(tmp_path, command):
    url = f"postgresql://u:hush@127.0.0.1:{free_port()}/x"
    ended = start_server(tmp_path, {"REPORTSERVER_DATABASE_URL": url}, command)
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert line.startswith("REPORTSERVER_DATABASE_URL: the database can't be used: ") and line.endswith("refused.")
    assert "hush" not in line


def test_a_host_of_another_machine_is_reported_in_one_sentence(tmp_path):
    settings = {"HOST": "192.0.2.1", "PORT": str(free_port()), "REPORTSERVER_PUBLIC_URL": "http://localhost"}
    (line,) = start_server(tmp_path, settings).stderr.splitlines()
    assert "Can't listen on 192.0.2.1" in line and line.endswith("Set HOST to an address of this machine.")


def test_a_wrong_setting_is_reported_in_one_sentence(tmp_path):
    ended = start_server(tmp_path, {"PORT": "x"})
    assert ended.stderr.strip() == "PORT must be a whole number of at least 1, not 'x'."


def test_a_port_in_use_is_reported_in_one_sentence(server, tmp_path):
    ended = start_server(tmp_path, {"PORT": server.env["PORT"]})
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert server.env["PORT"] in ended.stderr and "PORT" in ended.stderr
