"""A client that openapi-python-client generates from the OpenAPI document works."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.acceptance import openapi
from tests.server import RunningServer

PACKAGE = "generated_client"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a package with the client. A warning would mean that a call or a type was left out."""
    folder = tmp_path_factory.mktemp("generated")
    document, config = folder / "openapi.json", folder / "config.yaml"
    document.write_text(json.dumps(openapi.document()))
    config.write_text("post_hooks: []")
    options = ["--path", str(document), "--config", str(config), "--output-path", str(folder / PACKAGE)]
    command = [
        sys.executable,
        "-m",
        "openapi_python_client",
        "generate",
        "--meta",
        "none",
        "--fail-on-warning",
        *options,
    ]
    generated = subprocess.run(command, capture_output=True, text=True)
    assert generated.returncode == 0, generated.stdout[-3000:]
    sys.path.insert(0, str(folder))
    yield PACKAGE
    sys.path.remove(str(folder))


@pytest.fixture
def call(package: str, server: RunningServer) -> Iterator[Any]:
    """Call an operation by its module's name, as Alice."""
    client_module = importlib.import_module(f"{package}.client")
    token = server.client("alice").http.headers["Authorization"].removeprefix("Bearer ")
    client = client_module.AuthenticatedClient(base_url=server.url, token=token)

    def call(operation: str, *args: object, **options: object) -> Any:
        return importlib.import_module(f"{package}.api.{operation}").sync(*args, client=client, **options)

    yield call
    client.get_httpx_client().close()


def test_every_operation_is_generated(package: str) -> None:
    folder = Path(importlib.import_module(package).__path__[0]) / "api"
    generated = {path.stem for path in folder.glob("*/*.py")} - {"__init__"}
    operations = {o["operationId"] for methods in openapi.document()["paths"].values() for o in methods.values()}
    assert generated == operations


def test_a_report_is_requested_and_downloaded(package: str, call: Any) -> None:
    models: ModuleType = importlib.import_module(f"{package}.models")
    body = models.GenerateRequest.from_dict({"parameters": {"region": "north"}, "format": "pdf"})
    accepted = call("reports.generate", "sales-by-region", body=body)
    deadline = time.monotonic() + 60
    while (job := call("jobs.job_status", accepted.job_id)).status not in ("Succeeded", "Failed"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert job.status == "Succeeded"
    assert call("jobs.job_result", accepted.job_id).payload.read().startswith(b"%PDF-")
    assert accepted.job_id in [listed.job_id for listed in call("jobs.jobs_list").results]
    assert call("audit.audit_list").results


def test_a_report_is_created_checked_changed_and_deleted(package: str, call: Any) -> None:
    models: ModuleType = importlib.import_module(f"{package}.models")
    fields = {"slug": "generated", "name": "Generated", "data_source": "sales", "formats": ["csv"]}
    definition = models.ReportDefinitionRequest.from_dict({**fields, "query": "select 1 as n"})
    assert call("reports.reports_create", body=definition).slug == "generated"
    try:
        assert call("reports.validate", "generated", body=models.CheckRequest()).valid
        definition.name = "Changed"
        assert call("reports.reports_update", "generated", body=definition).name == "Changed"
    finally:
        call("reports.reports_destroy", "generated")
