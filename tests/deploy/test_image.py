"""The container image is built from a Debian that is made here of packages, and its server runs, without a registry."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.server import ROOT

# It downloads Debian's and Python's packages: about five minutes.
pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("buildah", "mmdebstrap"))),
        reason="needs root, buildah and mmdebstrap",
    ),
]
IMAGE, BASE = "localhost/reportserver", "localhost/base"


class Buildah:
    """buildah with storage of its own. Steps run in a chroot, which needs no rights that a container lacks."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.options = ["--root", str(home / "root"), "--runroot", str(home / "run"), "--storage-driver", "vfs"]

    def __call__(self, *command: str) -> str:
        done = subprocess.run(
            ["buildah", *self.options, *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"buildah {command[0]}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def run(self, container: str, *command: str, **env: str) -> str:
        """Run a command in a container as its user."""
        variables = [f"--env={name}={value}" for name, value in env.items()]
        return self("run", "--isolation", "chroot", *variables, container, "--", *command)


def network_settings(home: Path) -> list[str]:
    """This machine's ways to the packages of Debian and Python, for steps that download."""
    pip = ConfigParser()
    pip.read("/etc/pip.conf")
    given = pip["global"] if pip.has_section("global") else {}
    pip["global"] = {**given, "cert": "/certificates/ca-certificates.crt"}
    with (home / "pip.conf").open("w") as file:
        pip.write(file)
    mounts = [f"{home}/pip.conf:/etc/pip.conf:ro", "/etc/ssl/certs:/certificates:ro"]
    files = ["/etc/apt/sources.list", "/etc/apt/sources.list.d", "/etc/apt/apt.conf.d"]
    mounts += [f"{file}:{file}:ro" for file in files if Path(file).exists()]
    return [option for mount in mounts for option in ("--volume", mount)]


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    home = tmp_path_factory.mktemp("buildah")
    buildah, archive = Buildah(home), home / "base.tar"
    subprocess.run(["mmdebstrap", "--variant=minbase", "bookworm", str(archive)], check=True, capture_output=True)
    base = buildah("from", "scratch")
    buildah("add", base, str(archive), "/")
    buildah("commit", "--quiet", base, BASE)
    build = ["bud", "--isolation", "chroot", "--network", "host", "--build-arg", f"BASE={BASE}"]
    buildah(*build, *network_settings(home), "--file", "deploy/Containerfile", "--tag", IMAGE, ".")
    yield buildah
    buildah("rmi", "--all", "--force")


@pytest.fixture
def container(buildah: Buildah) -> Iterator[str]:
    name = buildah("from", IMAGE)
    yield name
    buildah("rm", name)


def test_the_image_runs_as_nobody_and_has_no_sources_of_ours(buildah: Buildah, container: str) -> None:
    assert buildah.run(container, "id", "-u") == "10001"
    assert buildah.run(container, "sh", "-c", "ls -d /src /wheels /opt/reportserver 2>/dev/null || true") == (
        "/opt/reportserver"
    )
    assert "deploy" in buildah.run(container, "reportserver", "help")


def test_its_server_gets_ready_and_its_health_check_passes(buildah: Buildah, container: str) -> None:
    port = str(free_port())
    # In one step, since buildah forgets what a step writes to a volume.
    script = """
        reportserver prepare || exit 1
        tini -s -- reportserver serve & server=$!
        asks="import urllib.request; urllib.request.urlopen('http://127.0.0.1:$PORT/readyz')"
        for i in $(seq 300); do
            python3 -c "$asks" 2>/dev/null && ready=1 && break
            sleep 1
        done
        eval "$HEALTH_CHECK" && healthy=1
        kill $server; wait $server; echo "ready=$ready healthy=$healthy exit=$?"
    """
    line = next(line for line in (ROOT / "deploy/Containerfile").read_text().splitlines() if '"-c"' in line)
    check = shlex.join(json.loads(line[line.index("[") :]))
    output = buildah.run(container, "sh", "-c", script, HOST="127.0.0.1", PORT=port, HEALTH_CHECK=check)
    assert output.splitlines()[-1] == "ready=1 healthy=1 exit=0", output
