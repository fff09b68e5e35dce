"""Files on SSH servers (SFTP). The server is known by its host key, which the connection pins.

A file is written under a temporary name and renamed, so nobody sees half of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

import asyncssh
from asyncssh import SFTPClient, SSHKey

from common.outbound.connecting import connect
from jobs.connections.channels.base import Access, ChannelError, FileExists, SentFile, sentences, upload_seconds
from jobs.connections.channels.urls import SftpAddress

#: A write of this size is sent in many requests at once.
_CHUNK = 4 << 20
_SECONDS = 20
_FINGERPRINT = "SHA256:"
#: Signatures of RSA keys; the kind that has the name of the key uses SHA-1.
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_NO_HOST_KEY = "The connection has no host key, so its server can't be told from an impostor. "
_WRONG_HOST_KEY = "The server has another host key than the connection. Its key is {key}."
# Otherwise it logs each user name and address.
asyncssh.set_log_level("WARNING")
#: Anything that counts as false would stand for the known_hosts of this account, whose keys asyncssh accepts unasked.
_NO_HOSTS: tuple[list[str], list[str], list[str]] = ([], [], [])
_Open = Callable[[SentFile], BinaryIO]
_Work = Callable[[SFTPClient], Coroutine[None, None, None]]


def host_key_error(text: str) -> str | None:
    """Return what is wrong with a host key: a fingerprint, or a line of a public key file."""
    if text.startswith(_FINGERPRINT) and len(text) == len(_FINGERPRINT) + 43 and text.isascii() and text.isprintable():
        return None
    try:
        asyncssh.import_public_key(text)
    except (asyncssh.KeyImportError, ValueError):
        return "Must be a fingerprint like SHA256:… or a public key like ssh-ed25519 AAAA…."
    return None


def private_key_error(text: str) -> str | None:
    try:
        asyncssh.import_private_key(text)
    except asyncssh.KeyEncryptionError:
        return "Must be a private key without a passphrase: nobody is there to enter one."
    except (asyncssh.KeyImportError, ValueError):
        return "Must be a private key in OpenSSH's format or PEM."
    return None


def host_key(access: Access) -> str:
    """Return the fingerprint of the server's host key. Nobody signs in. Raises ChannelError."""
    address = SftpAddress.of(access.url)
    with _sentences():
        return asyncio.run(asyncio.wait_for(_host_key(access, address), _SECONDS))


async def _host_key(access: Access, address: SftpAddress) -> str:
    found = await asyncssh.get_server_host_key(
        address.host, address.port, sock=connect(address.host, address.port, access.rules), config=None
    )
    return found.get_fingerprint() if found else ""


def write(access: Access, files: Sequence[SentFile], open_file: _Open) -> None:
    """Write all files, and rename them once all of them are complete. Raises ChannelError; FileExists if a file of
    another sender has a name and isn't to be replaced."""
    seconds = upload_seconds(sum(file.size for file in files))
    folder = SftpAddress.of(access.url).folder
    _run(access, lambda client: _write(client, folder, files, open_file), seconds)


def delete(access: Access, path: str) -> None:
    folder = SftpAddress.of(access.url).folder
    _run(access, lambda client: client.remove(f"{folder}/{path}"), _SECONDS)


async def _write(client: SFTPClient, folder: str, files: Sequence[SentFile], open_file: _Open) -> None:
    # Each with where it goes.
    drafts = [(file, placed := replace(file, path=f"{folder}/{file.path}"), _draft(placed)) for file in files]
    try:
        for file, placed, draft in drafts:
            await _make_folder(client, placed.path)
            with open_file(file) as content:
                await _copy(client, content, draft)
        for _file, placed, draft in drafts:
            await _publish(client, draft, placed)
    finally:
        for _file, _placed, draft in drafts:
            # The connection may be broken, which is the error to tell.
            with contextlib.suppress(asyncssh.Error, OSError):
                await client.remove(draft)


def _draft(file: SentFile) -> str:
    folder, slash, name = file.path.rpartition("/")
    return f"{folder}{slash}.{file.sender}.{file.attempt}.{name[-20:]}.part"


async def _make_folder(client: SFTPClient, path: str) -> None:
    folder = path.rpartition("/")[0]
    if await client.isdir(folder):
        return
    try:
        await client.makedirs(folder, exist_ok=True)
    except asyncssh.SFTPError as error:
        raise ChannelError("The server has no such folder, and refused to make it.") from error


async def _copy(client: SFTPClient, content: BinaryIO, path: str) -> None:
    async with client.open(path, "wb") as file:
        while chunk := content.read(_CHUNK):
            await file.write(chunk)
        with contextlib.suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()


async def _publish(client: SFTPClient, draft: str, file: SentFile) -> None:
    if file.replaces:
        try:
            await client.posix_rename(draft, file.path)
        except asyncssh.SFTPOpUnsupported:
            # The old protocol can't replace a file by a rename.
            with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                await client.remove(file.path)
            await client.rename(draft, file.path)
        return
    if not await client.exists(file.path):
        with contextlib.suppress(asyncssh.SFTPFileAlreadyExists, asyncssh.SFTPFailure):
            # By the protocol, it fails if somebody writes a file of this name at this moment.
            await client.rename(draft, file.path)
            return
    # An earlier attempt may have written it and died before that was recorded.
    if not await _is_same(client, file):
        raise FileExists


async def _is_same(client: SFTPClient, file: SentFile) -> bool:
    try:
        if (await client.stat(file.path)).size != file.size:
            return False
        digest = hashlib.sha256()
        async with client.open(file.path, "rb") as existing:
            while chunk := await existing.read(_CHUNK):
                digest.update(bytes(chunk))  # type: ignore[arg-type] # a file opened as bytes
    except asyncssh.SFTPNoSuchFile as error:
        raise ChannelError("The server refused to rename the file.") from error
    return digest.hexdigest() == file.sha256


def _run(access: Access, work: _Work, seconds: float) -> None:
    if not access.host_key:
        raise ChannelError(_NO_HOST_KEY + "Test the connection to see the server's key.", permanent=True)

    async def run() -> None:
        async with _connected(access) as client:
            await work(client)

    with _sentences():
        asyncio.run(asyncio.wait_for(run(), seconds))


class _PinnedHost(asyncssh.SSHClient):
    """Accepts one host key only. `seen` is the fingerprint of another one that the server had."""

    def __init__(self, pinned: str) -> None:
        self.pinned = pinned
        self.seen = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
        if key.get_fingerprint() == self.pinned:
            return True
        self.seen = key.get_fingerprint()
        return False


@contextlib.asynccontextmanager
async def _connected(access: Access) -> AsyncIterator[SFTPClient]:
    address = SftpAddress.of(access.url)
    key = None if access.host_key.startswith(_FINGERPRINT) else asyncssh.import_public_key(access.host_key)
    pinned = _PinnedHost(key.get_fingerprint() if key else access.host_key)
    try:
        connection = await asyncssh.connect(
            address.host,
            address.port,
            sock=connect(address.host, address.port, access.rules),
            client_factory=lambda: pinned,
            username=address.user,
            password=address.password,
            client_keys=[asyncssh.import_private_key(access.private_key)] if access.private_key else None,
            # Nothing that is the host's own: neither its files nor its agent.
            known_hosts=_NO_HOSTS,
            config=None,
            agent_path=None,
            gss_auth=False,
            server_host_key_algs=_algorithms(key),
            login_timeout=_SECONDS,
            keepalive_interval=_SECONDS,
        )
    except asyncssh.HostKeyNotVerifiable as error:
        raise ChannelError(_WRONG_HOST_KEY.format(key=pinned.seen or "of another kind")) from error
    async with connection, connection.start_sftp_client() as client:
        yield client


def _algorithms(key: SSHKey | None) -> Sequence[str]:
    """What a server that also has keys of other kinds is to sign with; nothing for asyncssh's own choice."""
    if key is None:
        return ()
    algorithm = key.get_algorithm()
    return _RSA if algorithm == "ssh-rsa" else (algorithm,)


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    with sentences("server"):
        try:
            yield
        except asyncssh.PermissionDenied as error:
            raise ChannelError("The server refused the user name, the password or the key.") from error
        except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect) as error:
            raise ChannelError("The user may not write to this folder.") from error
        except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded) as error:
            raise ChannelError("The server has no space left.") from error
        except asyncssh.SFTPError as error:
            raise ChannelError("The server refused to write the file.") from error
        except (asyncssh.Error, asyncio.IncompleteReadError) as error:
            raise ChannelError("The server is not responding as an SSH server does.") from error
