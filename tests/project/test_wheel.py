"""`pip wheel .` builds a wheel that serves everything the repository does, without the repository."""

from __future__ import annotations

import email
import json
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from tests.server import ROOT, RunningServer, prepare_server, start, stop

#: Files that are at the top of the repository and inside the package `reportserver` of the wheel.
RESOURCES = ("templates", "static", "locale", "demo/definitions.yaml", "demo/templates", "demo/data")
PACKAGES = ("reportserver", "jobs", "reports", "audit", "accounts", "common", "schedules")


def git_files(*paths: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *paths], cwd=ROOT, check=True, capture_output=True, text=True)
    return {path for path in listed.stdout.split() if (ROOT / path).exists()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("reportserver-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the demo, installed from the wheel into an empty environment and prepared, not yet started.

    Downloading and unpacking all dependencies takes minutes, so this environment borrows those of the tests' own. The
    wheel itself is installed by pip, and the tests' environment doesn't contain the repository.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=120)
    (site_packages,) = (folder / "env").glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    server = prepare_server(
        folder / "data", program=(str(folder / "env" / "bin" / "reportserver"),), cwd=folder, REPORTSERVER_DEMO="1"
    )
    start(server)
    yield server
    stop(server)


def test_the_wheel_holds_every_file_of_the_packages_and_their_resources(wheel: Path) -> None:
    expected = git_files(*PACKAGES) | {f"reportserver/resources/{path}" for path in git_files(*RESOURCES)}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held >= expected
    assert {name for name in held - expected if "__pycache__" not in name} <= set(untracked(*PACKAGES, *RESOURCES))


def untracked(*paths: str) -> Iterator[str]:
    """Files that are new in the work tree get into the wheel as well."""
    command = ["git", "ls-files", "--others", "--exclude-standard", *paths]
    for path in subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split():
        yield path
        yield f"reportserver/resources/{path}"


def test_the_wheel_names_its_dependencies_license_and_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        commands = archive.read(f"{info}/entry_points.txt").decode()
        licenses = {name.removeprefix(f"{info}/licenses/") for name in archive.namelist() if "/licenses/" in name}
    required = [line for line in (ROOT / "requirements.in").read_text().splitlines() if not line.startswith("#")]
    names = {re.split(r"[~\[ ]", line)[0] for line in required}
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {re.split(r"[~\[ ]", line)[0] for line in needed} == names
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"LICENSE", "NOTICE", "reports/rendering/fonts/OFL.txt"} <= licenses
    assert "reportserver = reportserver.__main__:main" in commands


def test_an_installed_server_uses_no_file_of_the_repository(installed: RunningServer) -> None:
    code = "from django.conf import settings as s; print(s.BASE_DIR, s.RESOURCES_DIR, s.DATA_DIR)"
    python = Path(installed.program[0]).parent / "python"
    shown = subprocess.run([python, "-c", code], cwd=installed.cwd, env=installed.env, capture_output=True, text=True)
    assert str(ROOT) not in shown.stdout
    assert shown.stdout.count(str(installed.cwd)) == 3


def test_an_installed_server_keeps_its_data_in_the_users_home_by_default(
    installed: RunningServer, tmp_path: Path
) -> None:
    env = {name: value for name, value in installed.env.items() if name != "REPORTSERVER_DATA_DIR"}
    code = "from django.conf import settings; print(settings.DATA_DIR)"
    python = Path(installed.program[0]).parent / "python"
    for extra, folder in (
        ({"HOME": str(tmp_path), "XDG_DATA_HOME": ""}, tmp_path / ".local" / "share" / "reportserver"),
        ({"XDG_DATA_HOME": str(tmp_path / "xdg")}, tmp_path / "xdg" / "reportserver"),
    ):
        shown = subprocess.run([python, "-c", code], cwd="/", env={**env, **extra}, capture_output=True, text=True)
        assert shown.stdout.strip() == str(folder), shown.stderr


def test_an_installed_server_shows_its_pages_with_their_styles_and_scripts(installed: RunningServer) -> None:
    with httpx.Client(base_url=installed.url, follow_redirects=True, timeout=60) as browser:
        sign_in(browser, installed)
        for page in ("/", "/jobs", "/reports", "/reports/busiest-routes", "/audit", "/admin/", "/api/docs"):
            answer = browser.get(page)
            assert answer.status_code == 200, page
            elements = Elements(answer.text).found
            assets = {str(attributes.get("src") or attributes.get("href")) for _, attributes in elements}
            assets = {asset for asset in assets if asset.startswith("/static/")}
            assert assets, page
            for asset in assets:
                assert browser.get(asset).status_code == 200, asset


class Elements(HTMLParser):
    """The elements of a page: their names and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def sign_in(browser: httpx.Client, server: RunningServer) -> None:
    inputs = [attributes for tag, attributes in Elements(browser.get("/login").text).found if tag == "input"]
    fields = {str(field["name"]): field.get("value") or "" for field in inputs}
    fields |= {"username": "admin", "password": demo_password(server, "admin")}
    answer = browser.post("/login", data=fields, headers={"Referer": f"{server.url}/login"})
    assert answer.status_code == 200 and answer.url.path == "/"


def demo_password(server: RunningServer, username: str) -> str:
    return str(json.loads((server.folder / "demo-passwords.json").read_text())[username])


@pytest.mark.parametrize(
    ("report", "format_", "start_of_file"),
    [
        ("busiest-routes", "csv", b"place,origin,dest,"),
        # With a chart, a table and the fonts of the package.
        ("airport-months", "pdf", b"%PDF-"),
        # Designed by a template of the demo, which imports the package's library.
        ("airport-month", "pdf", b"%PDF-"),
    ],
)
def test_an_installed_server_runs_reports(
    installed: RunningServer, report: str, format_: str, start_of_file: bytes
) -> None:
    client = installed.client("analyst", demo_password(installed, "analyst"))
    job = client.wait(client.generate(report, format=format_))
    assert job["status"] == "Succeeded", job
    assert client.get(f"/jobs/{job['jobId']}/result").content.startswith(start_of_file)
