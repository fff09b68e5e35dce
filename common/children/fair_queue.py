"""The order in which children start: callers take turns, by tenant and within a tenant by user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar

Task = TypeVar("Task", bound=Hashable)


class Caller(NamedTuple):
    """For whom a child runs. Both are only compared."""

    tenant: str
    user: str


class Bounds:
    """How much of `slots` callers hold. One user may hold half of them, and one tenant all but one."""

    def __init__(self, slots: int) -> None:
        self._slots, self._per_tenant, self._per_user = slots, max(1, slots - 1), max(1, slots // 2)
        self._held: Counter[object] = Counter()

    def allow(self, caller: Caller) -> bool:
        """True if the caller may hold one more."""
        held = self._held
        return held[None] < self._slots and held[caller.tenant] < self._per_tenant and held[caller] < self._per_user

    def hold(self, caller: Caller) -> None:
        self._held.update((None, caller.tenant, caller))

    def release(self, caller: Caller) -> None:
        self._held.subtract((None, caller.tenant, caller))
        # Callers come and go: a count of zero must not stay for ever.
        self._held += Counter()


class FairQueue(Generic[Task]):
    """Tasks that wait for a slot."""

    def __init__(self, slots: int) -> None:
        self._bounds = Bounds(slots)
        #: Users of a tenant and tenants are in the order of their turns.
        self._waiting: dict[str, dict[Caller, list[Task]]] = {}

    def __iter__(self) -> Iterator[Task]:
        return (task for users in self._waiting.values() for tasks in users.values() for task in tasks)

    def add(self, caller: Caller, task: Task) -> None:
        self._waiting.setdefault(caller.tenant, {}).setdefault(caller, []).append(task)

    def remove(self, caller: Caller, task: Task) -> None:
        """Remove a waiting task."""
        users = self._waiting[caller.tenant]
        users[caller].remove(task)
        if not users[caller]:
            del users[caller]
        if not users:
            del self._waiting[caller.tenant]

    def take(self) -> Task | None:
        """Return the task whose turn it is, which then holds a slot until `release`; None if none may start."""
        for tenant, users in self._waiting.items():
            for caller, tasks in users.items():
                if not self._bounds.allow(caller):
                    continue
                task = tasks[0]
                # Both go to the end of their lines.
                users[caller] = users.pop(caller)
                self._waiting[tenant] = self._waiting.pop(tenant)
                self.remove(caller, task)
                self._bounds.hold(caller)
                return task
        return None

    def release(self, caller: Caller) -> None:
        """Free the slot of a task that has ended."""
        self._bounds.release(caller)
