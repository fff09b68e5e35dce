"""A temporary Redis server for tests, without persistence. It can be killed and stopped."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests.ports import free_port


@dataclass
class RedisServer:
    """A server on a loopback port. It loses its data when it is killed."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, "--dir", str(self.home)], stdout=log, stderr=log)
        for _ in range(300):
            with suppress(redis.RedisError):
                self.call("PING")
                return
            time.sleep(0.05)
        raise RuntimeError((self.home / "log").read_text())

    def call(self, *command: str) -> object:
        """Run a command and return its reply."""
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.process
        self.process.wait(30)

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer(Path(tempfile.mkdtemp(prefix="redis-", dir="/tmp")))
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.home, ignore_errors=True)
