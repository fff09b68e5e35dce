"""Subjects, bodies, file names and paths of deliveries: texts with fields in braces (jobs.delivery.brace_fields)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from jobs.delivery import brace_fields
from jobs.delivery.brace_fields import BraceField
from reports.rendering import RENDERERS

#: Of strftime, those that give digits in every language.
_DATE_PARTS = re.compile(r"(?:%[YmdHMSjyVGu]|[^%])+")
_SLOT_FORMAT = "%Y-%m-%d %H:%M"
#: Never in a part of a path, besides "..".
_NOT_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f]|\.\.")
_MAX_NAME_BYTES = 150
_MAX_SUBJECT = 250
#: Of a folder's or file's name, and of a whole path in the database.
_MAX_PART_BYTES, _MAX_PATH = 200, 1000
#: What tells the files of a burst's recipients apart, and how much of it fits a name.
KEY_FIELD = "recipient.key"
_MAX_KEY_BYTES = 60
_RECIPIENT = "recipient."
_EXTENSIONS = tuple(f".{renderer.extension}" for renderer in RENDERERS.values())


def error(text: str, *, parameters: Collection[str], has_file_name: bool, bursts: bool = False) -> str | None:
    """Return what is wrong with a text, as a sentence; None if all of its fields are known.

    `bursts`: it may have columns of the recipients' query, such as {recipient.name}, which are known when that has run.
    """
    try:
        for part in brace_fields.parse(text):
            if isinstance(part, BraceField) and (sentence := _field_error(part, parameters, has_file_name, bursts)):
                return sentence
    except ValueError as invalid:
        return str(invalid)
    return None


def recipient_columns(text: str) -> set[str]:
    """Return the columns of the recipients' query that a text uses."""
    used = {name for name in brace_fields.names(text) if name.startswith(_RECIPIENT)}
    return {name.removeprefix(_RECIPIENT) for name in used - {KEY_FIELD}}


def _field_error(field: BraceField, parameters: Collection[str], has_file_name: bool, bursts: bool) -> str | None:
    known = ["report.name", "rows", "slot", *(f"parameter.{name}" for name in parameters)]
    known += ["file_name"] if has_file_name else []
    known += [KEY_FIELD, f"{_RECIPIENT}<column>"] if bursts else []
    if field.name not in known and not (bursts and field.name.startswith(_RECIPIENT)):
        return f"There is no field {{{field.name}}}. The fields are {', '.join(known[:12])}."
    if field.format and field.name != "slot":
        return f"{{{field.name}}} takes no format."
    if field.format and not _DATE_PARTS.fullmatch(field.format):
        return "A format of slot has %Y, %m, %d, %H, %M, %S, %j, %y, %V, %G, %u and other characters than %."
    return None


@dataclass(frozen=True)
class TextFields:
    """The values of the fields for one job. `slot` is in the time zone of the schedule."""

    report_name: str
    rows: int
    parameters: Mapping[str, object]
    slot: datetime
    file_name: str = ""
    #: Of a burst: the row of the recipient, with its key.
    recipient: Mapping[str, str] = field(default_factory=dict)

    def value(self, field: BraceField) -> str:
        # PostgreSQL stores no NUL.
        return self._value(field).replace("\0", "")

    def _value(self, field: BraceField) -> str:
        kind, _, name = field.name.partition(".")
        if kind == "parameter":
            return _plain(self.parameters.get(name))
        if kind == "recipient":
            return self.recipient.get(name, "")
        if kind == "slot":
            return self.slot.strftime(field.format or _SLOT_FORMAT)
        return {"report.name": self.report_name, "rows": str(self.rows), "file_name": self.file_name}[field.name]

    def name_part(self, field: BraceField) -> str:
        """Return the value for a path or a file name: it can't lead to another folder."""
        value = self.value(field)
        if field.name == KEY_FIELD:
            return key_part(value)
        # The format of a slot is the author's, like the text around it: it may make folders.
        return value if field.name == "slot" else _NOT_IN_NAMES.sub("_", value)


def key_part(key: str) -> str:
    """Return a recipient's key as a part of a name. Different keys give different parts."""
    part = _NOT_IN_NAMES.sub("_", key)
    is_cut = part != part.strip(" .") or part.endswith(_EXTENSIONS) or len(part.encode()) > _MAX_KEY_BYTES
    if part == key and not is_cut:
        return part
    return f"{_shortened(part, _MAX_KEY_BYTES)}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def zoned(slot: datetime, zone: str) -> datetime:
    return slot.astimezone(ZoneInfo(zone or "UTC"))


def subject(text: str, fields: TextFields) -> str:
    """Return the subject in one line, which can't become another header."""
    return " ".join(brace_fields.fill(text, fields.value).split())[:_MAX_SUBJECT]


def body(text: str, fields: TextFields) -> str:
    return brace_fields.fill(text, fields.value)


def file_stem(text: str, fields: TextFields, extension: str) -> str:
    """Return a file name without its extension, and without parts of a path."""
    filled = _NOT_IN_NAMES.sub("_", brace_fields.fill(text, fields.name_part)).strip(" .") or "result"
    return _shortened(filled.removesuffix(f".{extension}"), _MAX_NAME_BYTES)


def path(text: str, fields: TextFields) -> str:
    """Return the path of a file below a folder, without the extension. Without {file_name} it is the folder's path."""
    filled = brace_fields.fill(text, fields.name_part)
    if not any(isinstance(part, BraceField) and part.name == "file_name" for part in brace_fields.parse(text)):
        filled = f"{filled.rstrip('/')}/{fields.file_name}"
    parts = [_shortened(_NOT_IN_NAMES.sub("_", part), _MAX_PART_BYTES) for part in filled.split("/")]
    path = "/".join(part for part in parts if part not in ("", "."))
    if len(path) > _MAX_PATH:
        raise ValueError("The path is too long.")
    return path


def _shortened(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
