"""A SeaweedFS server: storage that speaks S3, and an SFTP server in front of the same files."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import asyncssh

from jobs.connections.channels import s3
from jobs.connections.channels.urls import S3Address
from tests.ports import free_port

KEY, SECRET, READER = "reports", "se/cret+of the store", "reader"
USER, PASSWORD = "sender", "pass:word/"
#: Of a start. A busy machine takes long.
_SECONDS = 60


@dataclass
class Weed:
    """A running server. Files are in the bucket `lake` and in the user's folder."""

    home: Path
    s3_port: int = field(default_factory=free_port)
    s3_grpc_port: int = field(default_factory=free_port)
    sftp_port: int = field(default_factory=free_port)
    ports: list[int] = field(default_factory=list)
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    user_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))

    def s3_url(self, folder: str = "", *, key: str = KEY, secret: str = SECRET, bucket: str = "lake") -> str:
        return f"s3://{key}:{quote(secret, safe='')}@{bucket}/{folder}?endpoint={self.s3_endpoint}"

    def sftp_url(self, folder: str = "in", *, password: str | None = PASSWORD) -> str:
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"sftp://{USER}{secret}@127.0.0.1:{self.sftp_port}/home/{USER}/{folder}"

    @property
    def s3_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.s3_port}"

    @property
    def fingerprint(self) -> str:
        return str(self.host_key.get_fingerprint())

    @property
    def public_host_key(self) -> str:
        return str(self.host_key.export_public_key().decode().strip())

    @property
    def private_user_key(self) -> str:
        return str(self.user_key.export_private_key().decode())

    def read(self, path: str) -> bytes | None:
        """Return the object's content; None if there is none."""
        try:
            with urlopen(self._request("GET", path)) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            if error.code != 404:
                raise
            return None

    def read_file(self, path: str) -> bytes:
        """Return the content of a file of the SFTP server."""

        async def read() -> bytes:
            at = {"host": "127.0.0.1", "port": self.sftp_port, "username": USER, "password": PASSWORD}
            async with (
                asyncssh.connect(**at, known_hosts=None) as connection,
                connection.start_sftp_client() as client,
                client.open(path, "rb") as file,
            ):
                return bytes(await file.read())

        return asyncio.run(read())

    def put(self, path: str, content: bytes = b"") -> None:
        """Write an object as another program; without a path, make the bucket."""
        urlopen(self._request("PUT", path, content)).close()

    def _request(self, method: str, path: str, content: bytes = b"") -> Request:
        address = S3Address.of(self.s3_url())
        url = address.object_url(path).rstrip("/")
        digest = hashlib.sha256(content).hexdigest()
        headers = s3.signed_headers(address, method, url, {}, digest, datetime.now(UTC))
        return Request(url, content or None, headers, method=method)

    def command(self) -> list[str]:
        identities = [
            {"name": "rw", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]},
            {"name": "ro", "credentials": [{"accessKey": READER, "secretKey": READER}], "actions": ["Read", "List"]},
        ]
        (self.home / "s3.json").write_text(json.dumps({"identities": identities}))
        public = self.user_key.export_public_key().decode().strip()
        user = {"Username": USER, "Password": PASSWORD, "PublicKeys": [public], "HomeDir": f"/home/{USER}"}
        users = [user | {"Permissions": {"/": ["*"]}, "Uid": 1000, "Gid": 1000}]
        (self.home / "users.json").write_text(json.dumps(users))
        self.host_key.write_private_key(self.home / "host_key")
        (self.home / "data").mkdir()
        ports = {f"{name}.port{grpc}": free_port() for name in ("master", "volume", "filer") for grpc in ("", ".grpc")}
        self.ports = [*ports.values(), self.s3_port, self.s3_grpc_port, self.sftp_port]
        options = ports | {
            "dir": self.home / "data", "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "volume.max": 50,
            "master.volumeSizeLimitMB": 64, "s3.port": self.s3_port, "s3.port.grpc": self.s3_grpc_port,
            "s3.port.iceberg": 0, "s3.port.lance": 0, "s3.config": self.home / "s3.json",
            "s3.autoCreateBucket": "false", "sftp.port": self.sftp_port,
            "sftp.sshPrivateKey": self.home / "host_key",
            "sftp.userStoreFile": self.home / "users.json",
        }  # fmt: skip
        program = Path(sysconfig.get_path("scripts")) / "weed"
        given = [f"-{name}={value}" for name, value in options.items()]
        return [str(program), "server", "-filer", "-s3", "-sftp", *given]


def credentials(endpoint: str) -> dict[str, str]:
    """Return the environment variables of a client of S3."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def weed_server() -> Iterator[Weed]:
    weed = Weed(Path(tempfile.mkdtemp(prefix="weed-", dir="/tmp")))
    environment = {**os.environ, "HOME": str(weed.home)}
    with (weed.home / "log").open("wb") as log:
        process = subprocess.Popen(weed.command(), stdout=log, stderr=log, env=environment, cwd=weed.home)
    try:
        _wait(weed, process)
        yield weed
    finally:
        # It takes half a minute to stop by itself.
        process.kill()
        process.wait(30)
        shutil.rmtree(weed.home)
        for port in weed.ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - its own choice
                left.unlink()


def _wait(weed: Weed, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", weed.sftp_port), timeout=1).close()
            weed.put("")
            return
        time.sleep(0.1)
    raise RuntimeError((weed.home / "log").read_text()[-2000:])
