"""Rows of processes that know an older schema."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import timezone

from schedules.models import Schedule, Slot
from tests.schedules.conftest import MakeSchedule

pytestmark = pytest.mark.django_db


def test_a_process_of_an_earlier_version_can_insert_slots_and_schedules(make_schedule: MakeSchedule) -> None:
    """During a rolling upgrade it names only the columns that it knows."""
    schedule = make_schedule()
    now = timezone.now()
    with connection.cursor() as cursor:
        columns = "schedule_id, time, state, created_at"
        values = f"select schedule_id, {'%s'}, 'Missed', {'%s'} from schedules_scheduleversion"
        cursor.execute(f"insert into schedules_slot ({columns}) {values}", [now, now])
        columns = "id, slug, created_at, tenant_id"
        values = "select report_id, 'older', created_at, tenant_id from schedules_schedule"
        cursor.execute(f"insert into schedules_schedule ({columns}) {values}")
    slot, older = Slot.objects.get(), Schedule.objects.exclude(pk=schedule.pk).get()
    assert (slot.kind, slot.reason, slot.waits, slot.unfinished) == ("cron", "", False, False)
    assert (older.paused, older.paused_reason, older.next_zone) == (False, "", "")
