"""Whether a form shows all of a value: what a browser would send back must be the same value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.http import QueryDict
from pydantic import TypeAdapter, ValidationError

from reports.definitions import ReportDefinition
from reports.editing.builders.named_rows import plain
from reports.editing.controls import Control, field_control
from reports.editing.submission import Submission

_ONE_LINE = ("text", "number", "hidden", "select")


def is_shown_in_full(name: str, value: Any) -> bool:
    """Whether the form would return this value of the report's field as it is. False for one that isn't valid."""
    if not value:
        return True
    info = ReportDefinition.model_fields[name]
    adapter = _adapter(name)
    try:
        wanted = adapter.validate_python(plain(value))
        data = QueryDict(mutable=True)
        for path, text in _sent(field_control(info, name, value, {}, built=True)):
            data.appendlist(path, text)
        sent = Submission(data, frozenset({name}))
        return bool(adapter.validate_python(plain(sent.value(name, info))) == wanted) and not sent.row_errors
    except (ValidationError, AttributeError, TypeError, ValueError):
        # The value has another shape than the form.
        return False


@lru_cache
def _adapter(name: str) -> TypeAdapter[Any]:
    annotation: Any = ReportDefinition.model_fields[name].annotation
    return TypeAdapter(annotation)


def _sent(control: Control) -> Iterator[tuple[str, str]]:
    """Yield what a browser sends for the control."""
    if control.kind == "row":
        yield control.path.rpartition("[")[0], control.value
    elif control.kind in ("check", "checks"):
        yield from ((control.path, value) for value in control.chosen)
    elif control.kind in _ONE_LINE:
        yield control.path, re.sub(r"[\r\n]", "", control.value)
    elif not control.parts and control.kind not in ("list", "named"):
        yield control.path, re.sub(r"\r\n|\r|\n", "\r\n", control.value)
    for part in control.parts:
        yield from _sent(part)
