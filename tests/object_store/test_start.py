"""A wrong URL, bucket, region or key stops the start with a sentence that names the setting and the cure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.results.stores.client import client
from reportserver.operations import object_store
from tests.object_store.conftest import URL
from tests.object_store.proxy import Fault, StoreProxy
from tests.ports import free_port
from tests.server import ROOT, RunningServer, environment
from tests.weed import SECRET, Weed, credentials

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "key": ({"AWS_ACCESS_KEY_ID": "nobody"}, "AWS_ACCESS_KEY_ID"),
    "secret": ({"AWS_SECRET_ACCESS_KEY": "hush-hush"}, "AWS_SECRET_ACCESS_KEY"),
    "bucket": ({"REPORTSERVER_ARTIFACTS_URL": "s3://nowhere/x"}, "The bucket doesn't exist"),
    "address": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "AWS_ENDPOINT_URL"),
    "protocol": ({"AWS_ENDPOINT_URL": "https://127.0.0.1:{port}"}, "AWS_ENDPOINT_URL"),
}
REFUSED = {
    "region": (Fault(400, "AuthorizationHeaderMalformed"), "AWS_REGION"),
    "redirect": (Fault(301, "PermanentRedirect"), "AWS_REGION"),
    "rights": (Fault(403, "AccessDenied"), "Give it the rights"),
    "clock": (Fault(403, "RequestTimeTooSkewed"), "Synchronize both clocks"),
    "session": (Fault(400, "ExpiredToken"), "AWS_SESSION_TOKEN"),
    "something else": (Fault(400, "Unheard"), "(Unheard)"),
}


def problem(monkeypatch: pytest.MonkeyPatch, settings: Any, variables: dict[str, str]) -> str:
    settings.ARTIFACTS_URL = variables.pop("REPORTSERVER_ARTIFACTS_URL", URL)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    try:
        return object_store.find_problem()
    finally:
        client.cache_clear()


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting_is_named_with_its_cure(
    weed: Weed, monkeypatch: pytest.MonkeyPatch, settings: Any, case: str
) -> None:
    changes, cure = WRONG[case]
    changed = {name: value.format(port=weed.s3_port) for name, value in changes.items()}
    sentence = problem(monkeypatch, settings, credentials(weed.s3_endpoint) | changed)
    assert sentence.startswith("REPORTSERVER_ARTIFACTS_URL can't be used: ") and sentence.endswith(".")
    assert cure in sentence and "hush" not in sentence


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_of_the_store_is_named_with_its_cure(
    proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch, settings: Any, case: str
) -> None:
    fault, cure = REFUSED[case]
    with proxy.failing(fault):
        assert cure in problem(monkeypatch, settings, credentials(proxy.url))


def test_a_full_store_does_not_stop_the_start(
    proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    with proxy.failing(Fault(507, "InsufficientStorage", concerns=lambda method, path: method == "PUT")):
        assert problem(monkeypatch, settings, credentials(proxy.url)) == ""


@pytest.mark.parametrize("command", ["serve", "jobserver", "prepare"])
def test_the_commands_end_with_that_sentence(server: RunningServer, command: str) -> None:
    ended = server.manage(command, check=False, AWS_SECRET_ACCESS_KEY="hush-hush", PORT=str(free_port()))
    last = ended.stderr.rstrip().splitlines()[-1]
    assert ended.returncode == 1
    assert "REPORTSERVER_ARTIFACTS_URL" in last and "Correct AWS_SECRET_ACCESS_KEY." in last
    assert not re.search(f"hush|{re.escape(SECRET)}|Traceback", ended.stdout + ended.stderr)


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://key:hush@bucket/x",
        "s3://bucket/../x",
        "s3://bucket?x=hush",
        "s3://Bucket",
        "ftp://bucket/x",
    ],
)
def test_a_url_of_no_bucket_stops_the_start(tmp_path: Path, url: str) -> None:
    code = "import reportserver.settings"
    env = environment(tmp_path, 8000, REPORTSERVER_ARTIFACTS_URL=url)
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert "REPORTSERVER_ARTIFACTS_URL" in ended.stderr.splitlines()[-1]
    assert "hush" not in ended.stderr


def test_doctor_finds_the_store_in_order(server: RunningServer) -> None:
    found = server.manage("doctor", check=False).stdout
    assert "Objects can be written, read, listed and deleted, and the clocks agree." in found
    assert "The store of results is the one that this installation uses." in found


def test_without_an_object_store_its_client_is_never_loaded(tmp_path: Path) -> None:
    code = (
        "import sys, django; django.setup()\n"
        "import jobs.execution.worker, reportserver.wsgi, reportserver.urls, jobs.execution.supervisor\n"
        "assert not any(name.startswith('obstore') for name in sys.modules)"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= environment(tmp_path, 8000)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True)
