"""Tests a connection: the work of a child, because the other side decides how long it takes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from jobs.connections.channels import chat, s3, sftp
from jobs.connections.channels.base import Access, ChannelError, SentFile
from jobs.connections.channels.chat import ChatMessage

_CONTENT = b"The report server has written this file to test its connection.\n"
_PATH = "reportserver-test.txt"


@dataclass(frozen=True)
class ConnectionTest:
    """Whether a connection works, and a sentence about that. `host_key`: of a server whose key isn't pinned yet."""

    ok: bool
    message: str
    host_key: str = ""


def check(kind: str, access: Access, name: str) -> ConnectionTest:
    """Write a small file and delete it, or post a message that names the connection."""
    try:
        return _CHECKS.get(kind, _check_chat)(kind, access, name)
    except ChannelError as error:
        return ConnectionTest(ok=False, message=error.message)


def _check_s3(_kind: str, access: Access, _name: str) -> ConnectionTest:
    s3.write(access, _file(), io.BytesIO(_CONTENT))
    return _written(lambda: s3.delete(access, _PATH))


def _check_sftp(_kind: str, access: Access, _name: str) -> ConnectionTest:
    if not access.host_key:
        found = sftp.host_key(access)
        sentence = (
            f"The server's host key is {found}. Compare it with what its operator says, then save it as host_key."
        )
        return ConnectionTest(ok=False, message=sentence, host_key=found)
    sftp.write(access, [_file()], lambda _file: io.BytesIO(_CONTENT))
    return _written(lambda: sftp.delete(access, _PATH))


def _check_chat(kind: str, access: Access, name: str) -> ConnectionTest:
    chat.send(kind, access, ChatMessage("Report server", f"The connection {name} works."))
    return ConnectionTest(ok=True, message="The connection works: a message was posted.")


def _written(delete: Callable[[], None]) -> ConnectionTest:
    with suppress(ChannelError):
        delete()
        return ConnectionTest(ok=True, message="The connection works: a file was written and deleted.")
    return ConnectionTest(ok=True, message=f"The connection works: {_PATH} was written. It can't be deleted.")


def _file() -> SentFile:
    digest = hashlib.sha256(_CONTENT).hexdigest()
    return SentFile(_PATH, len(_CONTENT), digest, sender="test", attempt="1", replaces=True)


_CHECKS: dict[str, Callable[[str, Access, str], ConnectionTest]] = {"s3": _check_s3, "sftp": _check_sftp}
