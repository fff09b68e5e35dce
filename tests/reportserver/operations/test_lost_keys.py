"""A server whose data key changed: sentences in place of tracebacks, and a command that re-encrypts what is stored."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import passwords
from tests.faults.cluster import QUICK
from tests.server import RunningServer, prepare_server, running_server

SENTENCE = "A stored secret can't be read with the server's data keys."
DEFINITIONS = """
data_sources: [{slug: crm, tenant: acme, kind: postgresql, url_env: CRM_URL}]
reports:
  - slug: customers
    tenant: acme
    name: Customers
    data_source: crm
    query: select 1 as n
    formats: [csv]
    delivery: [{kind: api_response, mode: asynchronous}, {kind: webhook, url: "https://example.com/hook"}]
    grants: {generate: [analysts]}
"""


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> RunningServer:
    """A prepared server with stored secrets; its keys are files, so an environment variable replaces one of them."""
    folder = tmp_path_factory.mktemp("keyed")
    server = prepare_server(folder, prepared=prepared, **passwords(), CRM_URL="postgresql://nobody@127.0.0.1:1/nothing")
    definitions = tmp_path_factory.mktemp("definitions") / "crm.yaml"
    definitions.write_text(DEFINITIONS)
    server.manage("apply", str(definitions))
    server.manage("webhook_secret", "customers")
    return server


@pytest.fixture(scope="module")
def without_key(keyed: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """That server, running with another key."""
    folder = tmp_path_factory.mktemp("without_key")
    env = {"REPORTSERVER_DATA_KEY": secrets.token_urlsafe(32), **QUICK, **passwords()}
    env.pop("DJANGO_SETTINGS_MODULE")
    with running_server(folder, prepared=keyed.folder, **env) as running:
        yield running


def test_a_job_fails_at_once_and_says_why(without_key: RunningServer) -> None:
    bob = without_key.client("bob")
    job = bob.wait(bob.generate("customers"), seconds=30)
    assert job["errorDetails"]["code"] == "wrong_data_key"
    assert job["errorDetails"]["attempts"] == 1
    assert job["errorDetails"]["message"].startswith(SENTENCE)


def test_validate_says_why(without_key: RunningServer) -> None:
    answer = without_key.client("alice").post("/reports/customers/validate", json={})
    assert answer.status_code == 200
    assert answer.json()["faults"][0].startswith(SENTENCE)


@pytest.mark.parametrize(
    "command", [("run_report", "customers"), ("check_reports", "customers"), ("webhook_secret", "customers")]
)
def test_commands_say_why(without_key: RunningServer, command: tuple[str, ...]) -> None:
    run = without_key.manage(*command, check=False)
    assert run.returncode == 1
    assert SENTENCE in " ".join((run.stdout + run.stderr).split())
    assert "Traceback" not in run.stdout + run.stderr


def test_doctor_names_each_secret_that_cannot_be_read(without_key: RunningServer) -> None:
    errors = [line for line in without_key.manage("doctor", check=False).stdout.splitlines() if "secrets:" in line]
    sentence = "error    secrets: None of the data keys can read the secret of {}"
    for secret in ("data source crm of Acme Inc.", "webhook secret "):
        assert sum(sentence.format(secret) in error for error in errors) == 1, errors
    assert len(errors) == 2


def test_keys_are_rotated(keyed: RunningServer) -> None:
    """The steps of docs/operations.md: the new key with the old one as fallback, rotate, drop the fallback."""
    old = (keyed.folder / "keys" / "data_key").read_text().strip()
    new = secrets.token_urlsafe(32)
    both = {"REPORTSERVER_DATA_KEY": new, "REPORTSERVER_DATA_KEY_FALLBACKS": old}
    assert "Run manage.py rotate_keys." in keyed.manage("doctor", check=False, **both).stdout
    alone = keyed.manage("rotate_keys", check=False, REPORTSERVER_DATA_KEY=new)
    assert alone.returncode == 1
    assert "None of the data keys can read the secret of data source crm of Acme Inc." in alone.stderr
    assert keyed.manage("rotate_keys", **both).stdout.startswith("Stored secrets: 2, encrypted again: 2.")
    assert keyed.manage("rotate_keys", **both).stdout.startswith("Stored secrets: 2, encrypted again: 0.")
    assert (
        "The data key can read all stored secrets."
        in keyed.manage("doctor", check=False, REPORTSERVER_DATA_KEY=new).stdout
    )
    secret = keyed.manage("webhook_secret", "customers", REPORTSERVER_DATA_KEY=new).stdout
    assert "whsec_" in secret
