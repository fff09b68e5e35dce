"""The objects of a lake: read-only, and only those below the folder in its URL."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from common.outbound import http_client
from common.outbound.connecting import AddressRules
from reports.exceptions import RunError, SourceUnavailable, SourceUnusable
from reports.sources.errors import run_error
from reports.sources.lake.url import LakeUrl

#: Variables from which obstore takes what a URL doesn't say. They are those of the server's own store.
_ENVIRONMENT = ("AWS_", "AZURE_", "GOOGLE_", "OBJECT_STORE_")
#: Seconds that one request may take, and for which it is repeated while the store doesn't answer.
_REQUEST_SECONDS, _RETRY_SECONDS = 60, 5
_MAX_OBJECTS = 200_000
_DENIED = (
    "accessdenied",
    "access denied",
    "forbidden",
    "invalidaccesskeyid",
    "signaturedoesnotmatch",
    "unauthorized",
    "403",
    "401",
)


class Object(NamedTuple):
    """An object by its path below the lake's folder."""

    path: str
    size: int


class Store(Protocol):
    """The objects below a folder. Paths are relative to it. All methods raise RunErrors."""

    def folders_and_files(self, folder: str) -> tuple[list[str], list[Object]]:
        """Return what lies directly in a folder: paths of folders, and objects."""
        ...

    def objects(self, folder: str) -> list[Object]:
        """Return all objects below a folder."""
        ...

    def size(self, path: str) -> int | None:
        """Return the size of an object; None if there is none."""
        ...

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return the bytes of an object from `start` to before `end`."""
        ...


def whole(store: Store, path: str, most: int) -> bytes | None:
    """Return an object of at most so many bytes; None if there is none. Raises RunError."""
    size = store.size(path)
    if size is None:
        return None
    if size > most:
        raise SourceUnusable(f"A file of the data source's metadata is larger than {most >> 20} MB.")
    return store.read(path, 0, size) if size else b""


def checked(path: str) -> str:
    """The path, if it can't lead out of the folder. Raises SourceUnusable."""
    if path.startswith("/") or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise run_error(SourceUnusable, "A table of the data source refers to files outside of its folder.", path)
    return path


def open_store(url: LakeUrl, addresses: AddressRules) -> Store:
    """`addresses`: where an HTTP server may be."""
    return HttpStore(url, addresses) if url.is_http else ObjectStore(url)


class ObjectStore:
    """A folder of a bucket, through obstore."""

    def __init__(self, url: LakeUrl) -> None:
        self._store = _client(url)

    def folders_and_files(self, folder: str) -> tuple[list[str], list[Object]]:
        import obstore

        with _translated_errors():
            found = obstore.list_with_delimiter(self._store, folder or None)
        return list(found["common_prefixes"]), [Object(each["path"], each["size"]) for each in found["objects"]]

    def objects(self, folder: str) -> list[Object]:
        import obstore

        found: list[Object] = []
        with _translated_errors():
            for chunk in obstore.list(self._store, folder or None, chunk_size=1000):
                found += [Object(each["path"], each["size"]) for each in chunk]
                if len(found) > _MAX_OBJECTS:
                    raise SourceUnusable(f"A table of the data source has more than {_MAX_OBJECTS:,} files.")
        return found

    def size(self, path: str) -> int | None:
        import obstore

        try:
            with _translated_errors():
                return int(obstore.head(self._store, checked(path))["size"])
        except FileNotFoundError:
            return None

    def read(self, path: str, start: int, end: int) -> bytes:
        import obstore

        with _translated_errors():
            return bytes(obstore.get_range(self._store, checked(path), start=start, end=end))


class HttpStore:
    """A folder on an HTTP server, without redirects. The URL says what is directly in it; nothing else is listed."""

    def __init__(self, url: LakeUrl, addresses: AddressRules) -> None:
        self._root = f"{url.scheme}://{url.host}/{quote(url.folder)}".rstrip("/")
        self._tables = url.tables
        self._addresses = addresses
        plain = f"{url.key}:{url.secret}".encode()
        self._headers = {"Authorization": f"Basic {b64encode(plain).decode()}"} if url.key else {}

    def folders_and_files(self, folder: str) -> tuple[list[str], list[Object]]:
        if folder:
            raise SourceUnusable(
                "An HTTP server lists no files, so a folder there must be a Delta or an Iceberg table."
            )
        files = [Object(name, self.size(name) or 0) for name in self._tables if name.endswith(".parquet")]
        return [name for name in self._tables if not name.endswith(".parquet")], files

    def objects(self, folder: str) -> list[Object]:
        return self.folders_and_files(folder)[1]

    def size(self, path: str) -> int | None:
        answer = self._request("HEAD", path, {})
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        self._check(answer, HTTPStatus.OK)
        return int(answer.headers.get("content-length", 0))

    def read(self, path: str, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        answer = self._request("GET", path, {"Range": f"bytes={start}-{end - 1}"}, end)
        if answer.status == HTTPStatus.OK:
            # A server that knows no ranges sends all of it.
            return answer.body[start:end]
        self._check(answer, HTTPStatus.PARTIAL_CONTENT)
        return answer.body

    def _request(self, method: str, path: str, headers: dict[str, str], most: int = 0) -> http_client.Response:
        url = f"{self._root}/{quote(checked(path))}"
        try:
            return http_client.request(
                method, url, None, self._headers | headers, self._addresses, timeout=_REQUEST_SECONDS, max_body=most
            )
        except http_client.AddressNotAllowed as error:
            raise run_error(
                SourceUnusable, "The data source's host is not at an address that is allowed.", error
            ) from None
        except (OSError, http_client.HTTPException) as error:
            raise run_error(SourceUnavailable, None, error) from None

    @staticmethod
    def _check(answer: http_client.Response, expected: HTTPStatus) -> None:
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise run_error(SourceUnusable, "The data source denied access to the report server.", answer.status)
        if answer.status != expected:
            raise run_error(SourceUnavailable, None, f"HTTP status {answer.status}")


# ---- obstore


def _client(url: LakeUrl) -> Any:
    from obstore.store import AzureStore, GCSStore, S3Store

    endpoint = url.options.get("endpoint", "").rstrip("/")
    common: dict[str, Any] = {
        "prefix": url.folder or None,
        "client_options": {
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=_REQUEST_SECONDS),
            "allow_http": endpoint.startswith("http://"),
        },
        "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
    }
    with _without_servers_environment():
        try:
            if url.scheme == "s3":
                place: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
                keys: dict[str, Any] = {"access_key_id": url.key, "secret_access_key": url.secret}
                unsigned = {"skip_signature": True}
                region = url.options.get("region", "us-east-1")
                return S3Store(url.host, region=region, **place, **(keys if url.key else unsigned), **common)
            if url.scheme == "gs":
                account = url.options.get("service_account")
                given: dict[str, Any] = {"service_account_key": account} if account else {"skip_signature": True}
                return GCSStore(url.host, **given, **common)
            place = {"endpoint": endpoint} if endpoint else {}
            return AzureStore(url.host, account_name=url.key, account_key=url.secret, **place, **common)
        except Exception:  # noqa: BLE001 -- of several kinds; what they say may contain the key
            raise SourceUnusable("The data source's URL has a key or an option that can't be used.") from None


@contextmanager
def _without_servers_environment() -> Iterator[None]:
    """Hide the variables of the server's own store, which would complete a URL that lacks a key."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_ENVIRONMENT)}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise SourceUnavailable or SourceUnusable; FileNotFoundError stays."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (FileNotFoundError, RunError):
        raise
    except (BaseError, OSError, ValueError) as error:
        # Not chained, and without the text: a store's answer may repeat the access key and what was signed with it.
        is_denied = any(word in str(error).lower() for word in _DENIED)
        if is_denied:
            raise SourceUnusable("The data source denied access to the report server.") from None
        raise SourceUnavailable from None
