"""The form that chooses the range of a backfill, and shows what it would run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import User
from common.exceptions import DomainError
from schedules import actions
from schedules.models import Schedule, Slot


@dataclass
class BackfillForm:
    """Texts of the first and the last day, in the schedule's time zone, with their errors, and the times in between."""

    schedule: Schedule
    first: str
    last: str
    asked: bool
    times: list[datetime] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    #: Why the form as a whole was refused.
    error: str = ""

    @classmethod
    def of(cls, schedule: Schedule, data: QueryDict) -> BackfillForm:
        today = timezone.now().astimezone(schedule.zone).date()
        first, last = data.get("from", str(today - timedelta(days=7))), data.get("to", str(today))
        form = cls(schedule, first.strip(), last.strip(), asked="from" in data)
        if form.asked:
            form._find_times()
        return form

    @property
    def is_valid(self) -> bool:
        return self.asked and not self.errors and not self.error

    @property
    def first_errors(self) -> list[str]:
        return [self.errors["first"]] if "first" in self.errors else []

    @property
    def last_errors(self) -> list[str]:
        return [self.errors["last"]] if "last" in self.errors else []

    def run(self, actor: User) -> list[Slot] | None:
        """Run the backfill. Returns the slots; None after setting `error`."""
        first, last = self._range()
        try:
            return actions.backfill(schedule=self.schedule, first=first, last=last, actor=actor)
        except DomainError as error:
            self.error = gettext(error.message)
            return None

    def _find_times(self) -> None:
        for name in ("first", "last"):
            try:
                datetime.fromisoformat(getattr(self, name))
            except ValueError:
                self.errors[name] = gettext("Must be a date like 2026-12-31.")
        if self.errors:
            return
        first, last = self._range()
        if last < first:
            self.errors["last"] = gettext("Must not be before the first day.")
            return
        try:
            actions.check_can_run(self.schedule)
            self.times = actions.backfill_times(schedule=self.schedule, first=first, last=last)
        except DomainError as error:
            self.error = gettext(error.message)

    def _range(self) -> tuple[datetime, datetime]:
        """The first moment of the first day and the last moment of the last one."""
        zone = self.schedule.zone
        days = [datetime.fromisoformat(text).date() for text in (self.first, self.last)]
        return datetime.combine(days[0], time(), zone), datetime.combine(days[1], time.max, zone)
