"""The units of systemd are valid, and leave the server few rights."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.server import ROOT

UNITS = ("reportserver-serve", "reportserver-web", "reportserver-jobs", "reportserver-prepare")
#: Tenths of systemd's scale, on which 100 is a service without any protection.
MAX_EXPOSURE = 20
pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units, with a program that exists."""
    folder = tmp_path_factory.mktemp("systemd")
    shutil.copytree(ROOT / "deploy/systemd", folder, dirs_exist_ok=True)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/reportserver/bin/reportserver", shutil.which("true") or ""))
    return folder


def analyze(units: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:/lib/systemd/system", "SYSTEMD_PAGER": ""}
    return subprocess.run(
        ["systemd-analyze", *command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_units_are_valid(units: Path) -> None:
    files = sorted(units.glob("*.service"))
    assert sorted(file.stem for file in files) == sorted(UNITS)
    checked = analyze(units, "verify", "--man=no", *map(str, files))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_gives_few_rights(units: Path, unit: str) -> None:
    checked = analyze(
        units, "security", "--offline=true", f"--threshold={MAX_EXPOSURE}", str(units / f"{unit}.service")
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # Without the settings that all units share, the exposure would be 96.
    assert "NoNewPrivileges=" in checked.stdout
