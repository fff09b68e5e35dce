"""The order in which children start."""

from __future__ import annotations

from common.children.fair_queue import Caller, FairQueue

ANN, BEN, CAT = Caller("acme", "ann"), Caller("acme", "ben"), Caller("globex", "cat")


def test_tenants_and_their_users_take_turns() -> None:
    queue: FairQueue[str] = FairQueue(slots=100)
    for number in range(4):
        queue.add(ANN, f"ann {number}")
    queue.add(BEN, "ben")
    queue.add(CAT, "cat")
    assert [queue.take() for _ in range(7)] == ["ann 0", "cat", "ben", "ann 1", "ann 2", "ann 3", None]


def test_one_user_has_half_of_the_slots_and_one_tenant_all_but_one() -> None:
    queue: FairQueue[str] = FairQueue(slots=4)
    for number in range(4):
        queue.add(ANN, f"ann {number}")
        queue.add(BEN, f"ben {number}")
    assert [queue.take() for _ in range(4)] == ["ann 0", "ben 0", "ann 1", None]
    queue.add(CAT, "cat")
    assert queue.take() == "cat"
    queue.release(ANN)
    assert queue.take() == "ben 1"


def test_a_removed_task_never_starts() -> None:
    queue: FairQueue[str] = FairQueue(slots=1)
    queue.add(ANN, "gone")
    queue.add(ANN, "stays")
    queue.remove(ANN, "gone")
    assert (queue.take(), list(queue)) == ("stays", [])
