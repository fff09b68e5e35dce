"""The client of an object store: obstore, which speaks the protocols of S3, Google Cloud Storage and Azure.

It is imported where it is used: without an object store, no process needs it. Its threads don't survive a fork, so a
process that is forked later must not use it before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from jobs.exceptions import ResultMissing, StorageUnavailable
from jobs.results.stores.problems import NO_BUCKET, error_of

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Client

#: Threads with which obstore waits for the network.
_THREADS = "2"
#: Variables that name another server than the provider's.
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")


class Patience(NamedTuple):
    """How long a request may take, and for how long it is repeated while the store doesn't answer, in seconds."""

    request: int
    retries: int


#: Somebody waits for the answer.
SHORT = Patience(request=10, retries=5)
#: A report has run for minutes, and its result is to be stored.
LONG = Patience(request=120, retries=60)


@cache
def client(url: str, patience: Patience) -> Client:
    """Return the client of a bucket and a prefix in it. Raises ValueError if its settings can't be used."""
    preload()
    from obstore.store import from_url

    endpoint = next(filter(None, map(os.environ.get, _ENDPOINTS)), "")
    options: Any = {
        "connect_timeout": timedelta(seconds=2),
        "timeout": timedelta(seconds=patience.request),
        # Only where the operator asked for it.
        "allow_http": endpoint.startswith("http://"),
    }
    retries: Any = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retries),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    return from_url(url, client_options=options, retry_config=retries)


def preload() -> None:
    """Import obstore, without using it: processes that are forked from this one needn't do it again."""
    os.environ.setdefault("TOKIO_WORKER_THREADS", _THREADS)
    import obstore.store  # noqa: F401


@contextlib.contextmanager
def writing_errors() -> Iterator[None]:
    """As `store_errors`, for requests that need no object: if nothing is there, it is the bucket that is missing."""
    try:
        with store_errors():
            yield
    except ResultMissing:
        raise StorageUnavailable(*NO_BUCKET) from None


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Turn the errors of obstore into ResultMissing if the object isn't there or is another one.

    Else into StorageUnavailable, or OSError with ENOSPC if the store is full. obstore's AlreadyExistsError stays.
    """
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

    try:
        yield
    except AlreadyExistsError:
        raise
    except (FileNotFoundError, PreconditionError):
        raise ResultMissing from None
    except (BaseError, ValueError) as error:
        # Not chained: the answer of a store may repeat the access key and what was signed with it.
        raise error_of(error) from None
