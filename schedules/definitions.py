"""A schedule as the API and the definitions file write it: the meaning, limits and default of each field."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from django.utils import timezone
from pydantic import AfterValidator, Field, ValidationError, create_model, model_validator

from jobs.delivery import brace_fields
from jobs.delivery.texts import KEY_FIELD
from reports.definitions.base import Definition
from reports.definitions.errors import FieldErrors, InvalidFields, duplicates, from_pydantic
from reports.definitions.field_types import (
    Duration,
    Format,
    Principal,
    SectionName,
    TenantSlug,
    ThingSlug,
    TimeZone,
    user_of,
)
from schedules import cron
from schedules.bursting.definitions import Recipients
from schedules.deliveries.definitions import Notify, ScheduledDelivery

_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _check_cron(expression: str) -> str:
    if sentence := cron.error(expression, timezone.now()):
        raise ValueError(sentence)
    return expression


def _check_day(text: str) -> str:
    try:
        # Python also reads 20261231 and 2026-W53-4.
        if re.fullmatch(_DAY, text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise ValueError("Must be a date like 2026-12-31.")


def _check_owner(principal: str) -> str:
    if not user_of(principal):
        raise ValueError("Must name one user, like user:bob.")
    return principal


Owner = Annotated[Principal, AfterValidator(_check_owner)]
Day = Annotated[str, Field(json_schema_extra={"pattern": _DAY}), AfterValidator(_check_day)]


class ScheduleDefinition(Definition):
    """When a report runs by itself, with which values, and as whom."""

    slug: ThingSlug = Field(description="Unique in the tenant; any except new and preview.")
    tenant: TenantSlug = Field(description="The slug of the tenant.")
    report: ThingSlug = Field(description="The slug of the report.")
    cron: Annotated[str, AfterValidator(_check_cron)] = Field(
        description="Minute, hour, day of month, month, day of week. L and LW are the last day and the last weekday "
        "of a month, and 0 7 * * MON#1 is its first Monday."
    )
    time_zone: TimeZone | None = Field(
        default=None, description="For its times and relative dates. By default the report's, else the tenant's."
    )
    parameters: dict[str, Any] = Field(
        default={}, description="As for generate. Relative dates are resolved against the time of each slot."
    )
    formats: list[Format] = Field(
        default=[], description="The formats of its results, from one read. By default the report's first."
    )
    section: SectionName | None = Field(
        default=None,
        description="Which section of the report csv, ndjson and parquet files have. By default, the first.",
    )
    run_as: Owner | None = Field(
        default=None, description='The owner, like "user:bob". By default, who creates the schedule.'
    )
    missed: Literal["last", "all", "none"] = Field(
        default="last", description="Which times are made up for that passed while no server ran."
    )
    missed_within: Duration = Field(
        default="24h", description="How far back times are made up for, like 90m, 24h or 7d."
    )
    overlap: Literal["queue", "skip"] = Field(
        default="queue", description="Whether one job waits for an unfinished one, or the time is skipped."
    )
    start_on: Day | None = Field(default=None, description="The first day, in the time zone.")
    end_on: Day | None = Field(default=None, description="The last day, in the time zone.")
    deliveries: list[ScheduledDelivery] = Field(
        default=[], max_length=20, description="What is sent to whom when a job succeeds. By default, nothing."
    )
    recipients: Recipients | None = Field(
        default=None, description="Whom it runs for, each with values of their own. By default, it runs once."
    )
    notify: Notify | None = Field(default=None, description="Who is told of trouble by e-mail. By default, nobody.")
    subscribable: bool = Field(
        default=False,
        description="Whether people with the view right on the report can get its results by e-mail, too. Not if the "
        "report depends on who runs it.",
    )
    paused: bool = Field(default=False, description="Whether it is paused.")

    #: Stored with the schedule, not with its versions.
    UNVERSIONED: ClassVar[frozenset[str]] = frozenset({"slug", "tenant", "paused"})

    @model_validator(mode="after")
    def _check_consistency(self) -> ScheduleDefinition:
        errors = duplicates("deliveries", [delivery.name for delivery in self.deliveries], "name")
        if self.notify:
            errors |= {
                f"notify.on[{at}]": ["Is already named."]
                for at, event in enumerate(self.notify.on)
                if event in self.notify.on[:at]
            }
        if self.start_on and date.fromisoformat(self.start_on) > (timezone.now() + cron.HORIZON).date():
            errors["start_on"] = ["Must be at most five years ahead."]
        if self.start_on and self.end_on and self.end_on < self.start_on:
            errors["end_on"] = ["Must not be before start_on."]
        if self.slug in ("new", "preview"):
            errors["slug"] = ["This name is reserved. Choose another."]
        if self.subscribable and self.recipients:
            errors["subscribable"] = ["Each recipient gets a result of their own, so there is none for others."]
        errors |= _recipients_errors(self)
        if errors:
            raise InvalidFields(errors)
        return self

    def entry(self) -> dict[str, Any]:
        """Return it with all defaults written out; `parse_schedule` reads it back."""
        return self.model_dump(mode="json")

    def versioned(self) -> dict[str, Any]:
        """Return what a version stores."""
        return self.model_dump(mode="json", exclude=set(self.UNVERSIONED))


def _recipients_errors(definition: ScheduleDefinition) -> FieldErrors:
    """Return what doesn't fit together between the recipients and what is sent to them."""
    errors: FieldErrors = {}
    recipients = definition.recipients
    for at, delivery in enumerate(definition.deliveries):
        path, addresses = f"deliveries[{at}]", getattr(delivery, "to", None)
        if addresses is not None and recipients is None and not addresses:
            errors[f"{path}.to"] = ["This field is required."]
        elif addresses and recipients is not None:
            errors[f"{path}.to"] = ["Leave it out: the recipients' query has the addresses."]
        if recipients is not None and hasattr(delivery, "path") and not _names_key(delivery):
            errors[f"{path}.path"] = ["Must have {recipient.key}: recipients would get each other's files."]
    sends_mail = any(delivery.kind == "email" for delivery in definition.deliveries)
    if recipients is not None and sends_mail and recipients.to is None:
        errors["recipients.to"] = ["Name the column with the e-mail addresses."]
    if recipients is not None and recipients.split_by is not None and recipients.parameters:
        errors["recipients.parameters"] = ["Leave it out: with split_by, one read is for all recipients."]
    return errors


def _names_key(delivery: object) -> bool:
    texts = [getattr(delivery, name, None) for name in ("path", "file_name")]
    return any(KEY_FIELD in brace_fields.names(text) for text in texts if text)


def _optional(name: str, info: Any) -> tuple[Any, Any]:
    return (info.rebuild_annotation() | None, Field(default=None, description=info.description))


#: What a PATCH of a schedule takes: some of the fields. null resets one to its default.
ScheduleChanges: type[Definition] = create_model(  # type: ignore[call-overload] # the fields aren't known here
    "ScheduleChanges",
    __base__=Definition,
    __doc__="Fields of a schedule to change, by a JSON merge patch (RFC 7396). null resets one to its default.",
    **{name: _optional(name, info) for name, info in ScheduleDefinition.model_fields.items() if name != "tenant"},
)


class FileSchedule(ScheduleDefinition):
    """A schedule in the definitions file, where nobody is at hand who could be the owner."""

    run_as: Owner = Field(description='The owner, like "user:bob": as whom its jobs run.')


def parse_schedule(entry: object) -> ScheduleDefinition:
    """Raises InvalidDefinition with all errors by path."""
    try:
        return ScheduleDefinition.model_validate(entry)
    except ValidationError as error:
        raise from_pydantic(error) from None
