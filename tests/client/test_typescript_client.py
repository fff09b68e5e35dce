"""A client that openapi-typescript generates from the OpenAPI document has its types, and works."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance import openapi
from tests.server import RunningServer

FOLDER = Path(__file__).parent / "typescript"


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the program and the installed packages, which package-lock.json pins."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    installed = FOLDER / "node_modules" / ".installed"
    lock = (FOLDER / "package-lock.json").read_text()
    if not installed.exists() or installed.read_text() != lock:
        run("npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", cwd=FOLDER)
        installed.write_text(lock)
    for name in ("program.ts", "tsconfig.json", "package.json"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    (tmp_path / "openapi.json").write_text(json.dumps(openapi.document()))
    return tmp_path


def test_a_generated_client_has_the_types_of_the_document_and_runs_a_report(
    project: Path, server: RunningServer, key: str
) -> None:
    # By default it takes fields with a default for required ones, in requests as well.
    options = ("--output", "schema.d.ts", "--default-non-nullable=false")
    run("node_modules/.bin/openapi-typescript", "openapi.json", *options, cwd=project)
    run("node_modules/.bin/tsc", cwd=project)
    printed = run("node", "program.js", server.url, key, cwd=project)
    assert printed.split() == ["Succeeded", "region,sales,total", "north,100,14850", "invalid_parameters", "1"]
