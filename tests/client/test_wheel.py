"""The client's wheel works in an empty environment of the oldest Python that it supports and this machine has."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.client.conftest import rs_environment
from tests.server import ROOT, RunningServer

FOLDER = ROOT / "client"
#: Oldest first.
VERSIONS = ("3.9", "3.10", "3.11")


def oldest_python() -> str:
    """The interpreter. pyenv's commands need a variable that says which one is meant."""
    for version in VERSIONS:
        command = [f"python{version}", "-c", "import sys, ensurepip; print(sys.executable)"]
        env = {**os.environ, "PYENV_VERSION": version}
        try:
            return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            continue
    return sys.executable


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("client-wheel")
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(FOLDER)]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("reportserver_client-*.whl")
    return path


def test_the_wheel_has_the_package_and_its_types_and_nothing_of_the_server(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        assert b"Apache License" in archive.read(f"{info}/licenses/LICENSE")
    modules = {str(path.relative_to(FOLDER)) for path in FOLDER.glob("reportserver_client/**/*.py")}
    assert names == modules | {"reportserver_client/py.typed"}
    assert metadata["Requires-Python"] == ">=3.9"
    required = [text for text in metadata.get_all("Requires-Dist", []) if "extra ==" not in text]
    assert {text.split("<")[0].split(">")[0] for text in required} == {"anyio", "httpx", "tqdm"}


def test_the_wheel_runs_a_report_in_an_empty_environment(
    wheel: Path, server: RunningServer, key: str, tmp_path: Path
) -> None:
    subprocess.run([oldest_python(), "-m", "venv", str(tmp_path / "env")], check=True, timeout=120)
    programs = tmp_path / "env" / "bin"
    install = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    installed = subprocess.run(install, capture_output=True, text=True, timeout=300)
    assert installed.returncode == 0, installed.stderr
    env = {**rs_environment(server.url, key), "PYTHONPATH": ""}

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    done = run(programs / "rs", "run", "sales-by-region", "-p", "region=north", "-f", "csv", "-o", "-")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["north,100,14850"]), done.stderr
    code = """if True:
        import asyncio, os
        from reportserver_client import AsyncClient, MissingPackageError
        async def use():
            async with AsyncClient(os.environ["RS_URL"], os.environ["RS_KEY"]) as client:
                result = await client.run("days")
                print(result.job.queued_at.tzinfo, [row async for row in result.rows()][0]["at"])
                try:
                    await result.to_arrow()
                except MissingPackageError as error:
                    print(error)
        asyncio.run(use())
    """
    done = run(programs / "python", "-c", code)
    sentence = "Install pyarrow: pip install 'reportserver-client[arrow]'"
    assert done.stdout.splitlines() == ["UTC None", sentence], done.stderr
    without = run(programs / "rs", "mcp")
    assert without.returncode == 2 and "reportserver-client[mcp]" in without.stderr
