"""Whether the object store of the settings can be used, and what is wrong with it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.management.base import CommandError

from common.processes import call_in_fork
from jobs.exceptions import ResultMissing, StorageUnavailable
from jobs.results.stores.abandoned_uploads import can_be_found
from jobs.results.stores.objects import ObjectStore
from jobs.results.stores.problems import Problem

#: Clocks that differ by more than this let leases of requests and ages of objects go wrong. S3 refuses 15 minutes.
_MAX_SKEW = timedelta(seconds=60)
_START_SECONDS = 40
_SLOW_SECONDS = 1.0


def require_usable() -> None:
    """Raise CommandError if the object store can't be used: no report could succeed."""
    if settings.ARTIFACTS_URL:
        # A process that uses the store's client can't fork others later, as the jobserver does.
        problem = call_in_fork(find_problem, _START_SECONDS)
        if problem is None:
            raise CommandError(sentence(StorageUnavailable("The object store doesn't answer.")))
        if problem:
            raise CommandError(problem)


def sentence(error: StorageUnavailable) -> str:
    """Return what is wrong, the setting and the cure."""
    return f"REPORTSERVER_ARTIFACTS_URL can't be used: {error.reason} {error.remedy}".strip()


def find_problem() -> str:
    """Return a sentence that says what keeps the object store from being used; empty if nothing does."""
    store = ObjectStore(settings.ARTIFACTS_URL)
    try:
        store.read_marker()
        store.try_writing()
    except StorageUnavailable as error:
        return sentence(error)
    except OSError:
        return ""  # A full store can still be read from.
    return ""


def problems() -> Iterator[Problem]:
    """Yield what is wrong with reach, rights, speed and clock. Writes an object, and deletes it if all works."""
    store = ObjectStore(settings.ARTIFACTS_URL)
    name = f"store-probe-{uuid.uuid4().hex}"
    steps: list[tuple[str, Callable[[], object]]] = [
        ("written", lambda: store.write_parts(name, b"probe")),
        ("read", lambda: store.open(name).read()),
        ("listed", lambda: list(store.find(name))),
        ("deleted", lambda: store.delete([name])),
    ]
    started_at = time.monotonic()
    for what, step in steps:
        try:
            step()
        except StorageUnavailable as error:
            yield Problem(f"Objects can't be {what}. {error.reason}", error.remedy)
            return
        except ResultMissing:
            yield Problem("An object that was just written can't be read.", "Use a store with strong consistency.")
            return
        except OSError as error:
            yield Problem(f"Objects can't be {what}: {error.strerror}.", "Free space in the object store.")
            return
        if what == "read":
            yield from _skew(store.head(name)["last_modified"])
    if time.monotonic() - started_at > _SLOW_SECONDS * len(steps):
        yield Problem("The object store answers slowly.", "Use one that is near this host.")


def hints() -> Iterator[Problem]:
    """Yield what an operator should know."""
    if settings.ARTIFACTS_URL.startswith(("s3:", "gs:")) and not can_be_found(settings.ARTIFACTS_URL):
        yield Problem(
            "Unfinished uploads can't be found without AWS_ACCESS_KEY_ID.",
            "Give the bucket a lifecycle rule that aborts incomplete uploads after a day.",
        )


def _skew(written_at: datetime) -> Iterator[Problem]:
    skew = abs(datetime.now(UTC) - written_at)
    if skew > _MAX_SKEW:
        yield Problem(
            f"The clocks of this host and of the object store differ by {skew.total_seconds():.0f} s.",
            "Synchronize both, for example with chrony.",
        )
