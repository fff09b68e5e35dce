"""nginx and Caddy as deploy/ configures them, with the ports, certificate and short waiting times of a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.helpers import wait_until
from tests.certificates import Authority
from tests.ports import free_port
from tests.server import ROOT

_PATH = f"{os.environ['PATH']}:/usr/sbin"
#: What the configurations say, and what tests say in its place.
_UPSTREAM, _SITE, _STALLED = "127.0.0.1:8000", "reports.example.com", "30s"
STALLED_SECONDS = 3
_BODIES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass
class Proxy:
    """A running proxy: its name, port, and the certificate authority that clients must trust."""

    name: str
    port: int
    authority: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


def installed(name: str) -> bool:
    return shutil.which(name, path=_PATH) is not None


@contextmanager
def proxy(name: str, folder: Path, upstream_port: int) -> Iterator[Proxy]:
    """Run nginx or Caddy in front of a port of this machine."""
    authority, port = Authority(folder), free_port()
    authority.server("localhost")
    command = _COMMANDS[name](folder, port, upstream_port, folder / "server.pem")
    with (folder / "log").open("wb") as log:
        variables = {
            **{"PATH": _PATH, "HOME": str(folder), "XDG_DATA_HOME": str(folder)},
            **{"REPORTSERVER_SITE": f"localhost:{port}", "REPORTSERVER_UPSTREAM": f"127.0.0.1:{upstream_port}"},
        }
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, (folder / "log").read_text()
        yield Proxy(name, port, authority.file)
    finally:
        process.terminate()
        process.wait(30)


def _nginx(folder: Path, port: int, upstream_port: int, certificate: Path) -> list[str]:
    site = _replaced(
        (ROOT / "deploy/nginx/reportserver.conf").read_text(),
        {
            _UPSTREAM: f"127.0.0.1:{upstream_port}",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
            f"/etc/ssl/{_SITE}.pem": str(certificate),
            f"/etc/ssl/private/{_SITE}.key": str(certificate),
            # Only this one: on a busy machine, a test's upload may itself stall for that long.
            f"client_header_timeout {_STALLED}": f"client_header_timeout {STALLED_SECONDS}s",
        },
    )
    bodies = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in _BODIES)
    # Its processes may run as another user, who can't reach the folder of bodies.
    user = "user root;\n" if os.geteuid() == 0 else ""
    main = f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n"
    (folder / "nginx.conf").write_text(f"{main}{bodies}{site}}}\n")
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, port: int, upstream_port: int, certificate: Path) -> list[str]:
    site = _replaced(
        (ROOT / "deploy/caddy/Caddyfile").read_text(),
        {
            f"# tls /etc/ssl/{_SITE}.pem /etc/ssl/private/{_SITE}.key": f"tls {certificate} {certificate}",
            "{\n\tservers {": f"{{\n\tadmin off\n\thttp_port {free_port()}\n\tskip_install_trust\n\tservers {{",
            f"read_header {_STALLED}": f"read_header {STALLED_SECONDS}s",
        },
    )
    (folder / "Caddyfile").write_text(site)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


_COMMANDS: dict[str, Callable[[Path, int, int, Path], list[str]]] = {"nginx": _nginx, "caddy": _caddy}
PROXIES = tuple(_COMMANDS)


def _replaced(text: str, values: dict[str, str]) -> str:
    for old, new in values.items():
        assert old in text, f"{old} is no longer in the configuration"
        text = text.replace(old, new)
    return text


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
