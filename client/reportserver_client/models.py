"""What the server answers with. Each object keeps the whole answer as `raw`, also fields that are newer than this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


def _time(text: Any) -> datetime | None:
    # Before Python 3.11, fromisoformat doesn't know Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _raw() -> Any:
    return field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True)
class Report:
    """A report that the caller can see. `parameters` is the JSON Schema of the values that it takes."""

    id: str
    slug: str
    name: str
    description: str
    version: int
    parameters: Mapping[str, Any]
    #: The first is the default.
    formats: tuple[str, ...]
    #: What the caller may do: `view`, `generate`, `administer`.
    rights: tuple[str, ...]
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Report:
        return cls(
            id=body["id"],
            slug=body["slug"],
            name=body["name"],
            description=body["description"],
            version=body["version"],
            parameters=body["parameters"],
            formats=tuple(body["formats"]),
            rights=tuple(body["rights"]),
            raw=body,
        )


@dataclass(frozen=True)
class ResultFile:
    """One of the files of a result. `size` is in bytes, `sha256` hexadecimal."""

    format: str
    filename: str
    content_type: str
    size: int
    sha256: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> ResultFile:
        return cls(body["format"], body["filename"], body["contentType"], body["size"], body["sha256"])


@dataclass(frozen=True)
class JobError:
    """Why a job failed. `retryable`: the same request may succeed later."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True)
class Job:
    """One run of a report: its status when it was read."""

    id: str
    #: Queued, Running, Succeeded or Failed.
    status: str
    report: str
    report_name: str
    formats: tuple[str, ...]
    #: The values that the job runs with; relative dates are resolved.
    parameters: Mapping[str, Any]
    created_by: str
    attempt: int
    queued_at: datetime | None
    #: When the last attempt started; while Queued, when the job was accepted.
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    #: 0 to 100; None if unknown.
    percent: int | None
    #: Rows so far, or of the result.
    rows: int
    #: Why rows are missing, as a sentence; None if none are.
    truncated: str | None
    error: JobError | None
    files: tuple[ResultFile, ...]
    raw: Mapping[str, Any] = _raw()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Job:
        error, result = body["errorDetails"], body["result"] or {}
        return cls(
            id=body["jobId"],
            status=body["status"],
            report=body["report"]["slug"],
            report_name=body["report"]["name"],
            formats=tuple(body.get("formats") or [body["format"]]),
            parameters=body["parameters"],
            created_by=body["createdBy"],
            attempt=body["attempt"],
            queued_at=_time(body["queuedTime"]),
            started_at=_time(body["startTime"]),
            ended_at=_time(body["endTime"]),
            expires_at=_time(body["expiresAt"]),
            percent=body["progress"]["percent"],
            rows=result.get("rows", body["progress"]["rows"]),
            truncated=(result.get("truncatedReason") or "Rows are missing.") if result.get("truncated") else None,
            error=JobError(error["code"], error["message"], error["retryable"]) if error else None,
            files=tuple(ResultFile.of(file) for file in body.get("results", ())),
            raw=body,
        )

    @property
    def ended(self) -> bool:
        return self.status in ("Succeeded", "Failed")

    def file(self, format: str | None = None) -> ResultFile | None:
        """The file in this format, by default the first; None if the result has none."""
        return next((file for file in self.files if format in (None, file.format)), None)


@dataclass(frozen=True)
class Column:
    """A column of kept rows. `label` is its heading for people.

    `type`: integer, float, decimal, boolean, date, time, timestamp, duration, interval, text, json, uuid, binary,
    nested or null.
    """

    name: str
    label: str
    type: str


@dataclass(frozen=True)
class RowsPage:
    """Some of the kept rows of a result. `total` counts all of them, or all that the search found.

    Values are as in the json format: dates and times are texts in ISO 8601. Decimals are Decimals, with all digits.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    #: Whether the result itself lacks rows.
    truncated: bool

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> RowsPage:
        """`body` is parsed with Decimals for floats."""
        columns = tuple(Column(column["name"], column["label"], column["type"]) for column in body["columns"])
        read = [_decimal if column.type == "decimal" else _with_floats for column in columns]
        rows = tuple(tuple(read_value(value) for read_value, value in zip(read, row)) for row in body["rows"])
        return cls(columns, rows, body["total"], body["truncated"])

    def dicts(self) -> list[dict[str, Any]]:
        """The rows as dicts by the names of columns."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row)) for row in self.rows]


def _decimal(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _with_floats(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_with_floats(item) for item in value]
    if isinstance(value, dict):
        return {name: _with_floats(item) for name, item in value.items()}
    return value


@dataclass(frozen=True)
class Choice:
    """A value that a parameter can have, and what people see in its place."""

    value: Any
    label: str


@dataclass(frozen=True)
class Choices:
    """The first choices that match. `more`: there are others; search for them."""

    choices: tuple[Choice, ...]
    more: bool

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Choices:
        return cls(tuple(Choice(each["value"], each["label"]) for each in body["choices"]), body["more"])


@dataclass(frozen=True)
class Key:
    """The API key that calls are made with. `reports`: slugs; None for all reports."""

    id: str
    name: str
    rights: tuple[str, ...]
    reports: tuple[str, ...] | None
    expires: datetime | None


@dataclass(frozen=True)
class Caller:
    """Who makes the calls. `key` is None for an access token."""

    username: str
    tenant: str | None
    administrator: bool
    key: Key | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Caller:
        key = body["key"]
        reports = key and key["reports"]
        return cls(
            username=body["username"],
            tenant=body["tenant"],
            administrator=body["administrator"],
            key=key
            and Key(
                id=key["id"],
                name=key["name"],
                rights=tuple(key["rights"]),
                reports=None if reports is None else tuple(reports),
                expires=_time(key["expires"]),
            ),
        )
