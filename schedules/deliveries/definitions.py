"""What a schedule sends, and to whom: the meaning, limits and default of each field."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from reports.definitions.base import Definition
from reports.definitions.field_types import (
    Duration,
    Email,
    SharePath,
    Slug,
    Text,
    ThingSlug,
    WebAddress,
    duration,
    is_relative_path,
)

_FIELDS = "Fields in braces are filled in: {report.name}, {parameter.start}, {rows}, {slot:%Y-%m-%d}"
_EXISTS = (
    "What happens to a file of this name: new writes another one, whose name ends with the delivery's id; replace "
    "replaces it; fail fails."
)
#: The longest life of a link.
_LONGEST = timedelta(days=90)
Exists = Literal["new", "replace", "fail"]
FileName = Annotated[Text, Field(min_length=1, max_length=200)]


def _check_path(path: str) -> str:
    if not is_relative_path(path):
        raise ValueError("Must be a path below the connection's folder: not absolute, without .. and backslashes.")
    return path


ConnectionPath = Annotated[Text, Field(min_length=1, max_length=500), AfterValidator(_check_path)]


class HoldIf(Definition):
    """When a delivery waits for an Administrator."""

    rows_change: int = Field(
        ge=1,
        le=1_000_000,
        description="If the number of rows differs from that of the last delivery by at least this percentage.",
    )


class Notify(Definition):
    """Who is told of trouble, and of what. Each streak of trouble is told once, and its end."""

    to: list[Email] = Field(min_length=1, max_length=20, description="Addresses. Each gets its own message.")
    on: list[Literal["failure", "delivery", "missed", "recovery"]] = Field(
        default=["failure", "delivery", "missed", "recovery"],
        min_length=1,
        description="failure: a job has failed for good, or could not be created. delivery: a delivery was given up. "
        "missed: a time was missed, or its job could not be created. recovery: it works again.",
    )


def _check_lifetime(text: str) -> str:
    if duration(text) > _LONGEST:
        raise ValueError(f"Must be at most {_LONGEST.days}d.")
    return text


class Link(Definition):
    """A link that downloads the result without an account."""

    expires: Annotated[Duration, AfterValidator(_check_lifetime)] = Field(
        description="How long it works, like 24h or 7d; never longer than the result is kept."
    )


class _Rules(Definition):
    name: Slug = Field(description="Unique in the schedule. Deliveries are compared with earlier ones of this name.")
    when: Literal["always", "rows", "no_rows", "changed"] = Field(
        default="always",
        description="rows: only if there are rows. no_rows: only if there are none. changed: only if columns or rows, "
        "in any order, differ from those last delivered.",
    )
    truncated: Literal["send"] | None = Field(
        default=None,
        description="send: also send results that lack rows because of a limit. They are skipped otherwise.",
    )
    held: bool = Field(default=False, description="Whether it waits until an Administrator releases it.")
    hold_if: HoldIf | None = Field(default=None, description="When it waits for an Administrator.")


class ScheduledEmail(_Rules):
    """The result is sent by e-mail: attached, or as a link to the job's page if it is too large."""

    kind: Literal["email"]
    to: list[Email] = Field(
        default=[],
        max_length=50,
        description="Addresses. Each gets its own message. Left out, and only then, if the schedule has recipients.",
    )
    subject: Text | None = Field(
        default=None, min_length=1, max_length=200, description=f"{_FIELDS}. By default, the report's name."
    )
    body: Text | None = Field(default=None, min_length=1, max_length=10_000, description=f"{_FIELDS}, {{file_name}}.")
    file_name: FileName | None = Field(default=None, description=f"Without an extension. {_FIELDS}.")
    preview: bool = Field(
        default=True, description="Whether the mail shows the first rows and the totals, unless it has a link."
    )
    link: Link | None = Field(
        default=None,
        description="Instead of the files, send a link that downloads them without an account. Only an Administrator "
        "can save it for a report that depends on who runs it.",
    )


class ScheduledWebhook(_Rules):
    """A URL is called when the result is ready. Only Administrators can save it."""

    kind: Literal["webhook"]
    url: WebAddress = Field(description="http or https, without a password in it.")


class ScheduledFile(_Rules):
    """The result is copied to the file share. Only Administrators can save it."""

    kind: Literal["file_share"]
    path: SharePath = Field(description=f"A path inside the file share. {_FIELDS}, {{file_name}}.")
    file_name: FileName | None = Field(default=None, description=f"Without an extension. {_FIELDS}.")
    exists: Exists = Field(default="new", description=_EXISTS)


class _ToConnection(_Rules):
    connection: ThingSlug = Field(description="The slug of a connection that the owner may use.")


class ScheduledUpload(_ToConnection):
    """The result is written to a bucket or an SFTP server."""

    kind: Literal["s3", "sftp"]
    path: ConnectionPath = Field(
        default="{file_name}", description=f"A path below the connection's folder. {_FIELDS}, {{file_name}}."
    )
    file_name: FileName | None = Field(default=None, description=f"Without an extension. {_FIELDS}.")
    exists: Exists = Field(default="new", description=_EXISTS)


class ScheduledMessage(_ToConnection):
    """A message with a link to the job's page is posted to a channel."""

    kind: Literal["slack", "teams"]
    subject: Text | None = Field(
        default=None, min_length=1, max_length=200, description=f"{_FIELDS}. By default, the report's name."
    )
    body: Text | None = Field(default=None, min_length=1, max_length=10_000, description=f"{_FIELDS}, {{file_name}}.")


AnyDelivery = ScheduledEmail | ScheduledWebhook | ScheduledFile | ScheduledUpload | ScheduledMessage
ScheduledDelivery = Annotated[AnyDelivery, Field(discriminator="kind")]
DELIVERY_KINDS: dict[str, type[AnyDelivery]] = {
    "email": ScheduledEmail,
    "webhook": ScheduledWebhook,
    "file_share": ScheduledFile,
    "s3": ScheduledUpload,
    "sftp": ScheduledUpload,
    "slack": ScheduledMessage,
    "teams": ScheduledMessage,
}


def stored_notify(entry: dict[str, Any] | None) -> Notify | None:
    """Return the field `notify` as a version has it; not validated again."""
    return Notify.model_construct(None, **entry) if entry else None


def stored_delivery(entry: dict[str, object]) -> AnyDelivery:
    """Return a delivery as a version has it; not validated again."""
    fields = dict(entry)
    for name, kind in (("hold_if", HoldIf), ("link", Link)):
        if isinstance(value := entry.get(name), dict):
            fields[name] = kind.model_construct(None, **value)
    return DELIVERY_KINDS[str(entry["kind"])].model_construct(None, **fields)
