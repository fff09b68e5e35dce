"""Errors of schedules. Each docstring is the default message; each code is stable."""

from __future__ import annotations

from common.exceptions import DomainError


class ScheduleNotFound(DomainError):
    """No such schedule."""

    code = "schedule_not_found"


class AmbiguousSchedule(DomainError):
    """Several tenants have a schedule with this slug. Use the schedule's id, a UUID, instead."""

    code = "ambiguous_schedule"


class ScheduleReportMissing(DomainError):
    """The schedule's report was deleted."""

    code = "report_configuration_missing"


class OwnerMayNotRun(DomainError):
    """The owner's account is not active, or has no right to run the report."""

    code = "owner_may_not_run"


class ScheduleHasOwner(DomainError):
    """The schedule has an owner who is active, so it can't be taken over."""

    code = "schedule_has_owner"


class NotSubscribable(DomainError):
    """The owner of this schedule doesn't let others subscribe to it."""

    code = "not_subscribable"


class ScheduleChanged(DomainError):
    """Somebody else changed or deleted the schedule in the meantime."""

    code = "schedule_changed"


class TooManySlots(DomainError):
    """A backfill creates at most 100 slots. Choose a shorter range."""

    code = "too_many_slots"


class RecipientsUnusable(DomainError):
    """The recipients can't be used as the query returns them."""

    code = "recipients_unusable"


class RecipientsUnreadable(RecipientsUnusable):
    """The recipients' query failed."""

    retryable = True


class NoRecipientsQuery(DomainError):
    """The schedule has no recipients' query."""

    code = "no_recipients_query"


class NothingToRetry(DomainError):
    """Nothing of this slot has failed."""

    code = "nothing_to_retry"


class SlotNotFound(DomainError):
    """The schedule has no such slot."""

    code = "slot_not_found"
