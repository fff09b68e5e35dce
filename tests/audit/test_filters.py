"""The filter over audit entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from accounts.models import User
from audit import actions
from audit.filters import AuditFilter
from audit.models import Action, AuditLog

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


@pytest.fixture
def entries(people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sequence numbers of entries at 12:00, 12:10, 12:20 …, the third of them written by a clock that is slow."""
    numbers = []
    for at in (NOON, NOON + timedelta(minutes=10), NOON - timedelta(minutes=30), NOON + timedelta(minutes=30)):
        monkeypatch.setattr("django.utils.timezone.now", lambda at=at: at)
        with transaction.atomic():
            entry = actions.record(Action.SIGN_IN, actor="bob", tenant_id=None, target=("user", 1))
        numbers.append(entry.sequence)
    return numbers


def filtered(**parameters: str) -> list[int]:
    entries = AuditFilter(parameters, queryset=AuditLog.objects.all())
    assert entries.is_valid(), entries.errors
    return sorted(entries.qs.values_list("sequence", flat=True))


def test_times_are_compared_although_clocks_disagree(entries: list[int]) -> None:
    first, second, slow, last = entries
    assert filtered(since=(NOON + timedelta(minutes=5)).isoformat()) == [second, last]
    assert filtered(until=(NOON + timedelta(minutes=5)).isoformat()) == [first, slow]
    assert filtered(since=(NOON - timedelta(minutes=45)).isoformat(), until=NOON.isoformat()) == [slow]


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("since", "0001-01-01T00:30:00Z", 4),
        ("until", "0001-01-01T00:30:00Z", 0),
        ("since", "9999-12-31T23:30:00Z", 0),
        ("until", "9999-12-31T23:30:00Z", 4),
    ],
)
def test_the_first_and_the_last_hour_can_be_filtered_by(entries: list[int], name: str, value: str, count: int) -> None:
    assert len(filtered(**{name: value})) == count


def test_other_filters_match_exactly(entries: list[int]) -> None:
    assert filtered(actor="bob", action="Sign In", target="1") == entries
    assert filtered(actor="bo") == filtered(action="Sign Out") == filtered(target="11") == []
