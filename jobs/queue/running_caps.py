"""How many jobs of one user, and of one tenant, run at once: fewer than there are slots, so that others find one."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet

from accounts.models import Tenant, User
from jobs.models import WorkerHost

#: Seconds for which a process relies on the number of slots.
_SECONDS = 5


class Caps(NamedTuple):
    """The most running jobs of a user and of a tenant, in all of the installation; None: as many as there are slots."""

    user: int | None
    tenant: int | None

    def __bool__(self) -> bool:
        return self != (None, None)


def current() -> Caps:
    """Return the caps by the settings. Unless they are set, they leave one slot for others, if there are others."""
    return cast(Caps, cache.get_or_set("jobs.queue.running-caps", _read, _SECONDS))


def _read() -> Caps:
    slots = WorkerHost.objects.alive().total_slots()
    users = User.objects.filter(is_active=True)
    return Caps(
        _cap(settings.MAX_RUNNING_PER_USER, slots, users),
        _cap(settings.MAX_RUNNING_PER_TENANT, slots, Tenant.objects.all()),
    )


def _cap(setting: int | None, slots: int, sharers: QuerySet[Any]) -> int | None:
    if setting is not None:
        return setting
    # A single slot can't be divided.
    return slots - 1 if slots > 1 and sharers[:2].count() > 1 else None
