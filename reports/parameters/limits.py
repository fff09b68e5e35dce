"""The limits that a declaration sets to single values: length, pattern, bounds and choices."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reports.parameters import date_math
from reports.parameters.date_math import DATE_TYPES, Moment, is_relative
from reports.parameters.patterns import TooSlow, matcher
from reports.parameters.scalars import SCALARS, quoted

if TYPE_CHECKING:
    from reports.parameters.declarations import Parameter

DEFAULT_MAX_LENGTH = 10_000
#: Applies to any value with a pattern: versions that were stored long ago may have one that takes long to match.
MAX_LENGTH_WITH_PATTERN = 1_000
_MAX_LISTED_CHOICES = 20


def max_length(parameter: Parameter) -> int:
    limit = parameter.max_length or DEFAULT_MAX_LENGTH
    return min(limit, MAX_LENGTH_WITH_PATTERN) if parameter.pattern else limit


def read(type: str, raw: object, moment: Moment | None, *, from_text: bool = False) -> Any:
    """Return a raw value with its type; a relative date as it is at the moment. Raises InvalidValue.

    Without a moment, as in a declaration, a relative date is only checked, and None stands for it.
    """
    if type in DATE_TYPES and isinstance(raw, str) and is_relative(raw):
        if moment is None:
            return date_math.check(raw)
        return date_math.resolve(type, raw, moment)
    scalar = SCALARS[type]
    return scalar.from_text(raw) if from_text and isinstance(raw, str) else scalar.from_json(raw)


def bound(parameter: Parameter, declared: object, moment: Moment | None = None) -> Any:
    """Return a declared minimum, maximum or choice as a typed value; None for none, and as `read`.

    Raises InvalidValue.
    """
    return None if declared is None else read(parameter.type, declared, moment)


def limit_errors(parameter: Parameter, value: Any, moment: Moment | None = None) -> list[str]:
    """Return what is wrong with a typed value that is not one of the choices, as sentences.

    Without a moment, values and bounds that are relative dates aren't compared.
    """
    if value is None:
        return []
    errors = []
    if isinstance(value, str):
        limit = max_length(parameter)
        if len(value) > limit:
            errors.append(f"Must be at most {limit:,} characters long; this has {len(value):,}.")
        elif parameter.pattern:
            errors += _pattern_errors(parameter, value)
    lowest, highest = bound(parameter, parameter.minimum, moment), bound(parameter, parameter.maximum, moment)
    if lowest is not None and value < lowest:
        errors.append(f"Must be {text_of(lowest)} or {'later' if isinstance(lowest, date) else 'more'}.")
    if highest is not None and value > highest:
        errors.append(f"Must be {text_of(highest)} or {'earlier' if isinstance(highest, date) else 'less'}.")
    return errors


def _pattern_errors(parameter: Parameter, value: str) -> list[str]:
    try:
        if matcher(parameter.pattern)(value):
            return []
    except TooSlow:
        return ["Checking this value took too long. Ask the report's author to simplify the pattern."]
    # People understand the author's hint, not the pattern.
    hint = f"Not in the expected format. {parameter.help}" if parameter.help else ""
    return [hint or f"Must match the pattern {parameter.pattern}."]


def choice_errors(parameter: Parameter, value: object) -> list[str]:
    choices = [SCALARS[parameter.type].from_json(choice) for choice in parameter.choices]
    if not choices or value is None or value in choices:
        return []
    listed = ", ".join(quoted(text_of(choice)) for choice in choices[:_MAX_LISTED_CHOICES])
    unlisted = len(choices) - _MAX_LISTED_CHOICES
    return [f"Must be one of: {listed}{f' or one of {unlisted:,} more' if unlisted > 0 else ''}."]


def text_of(value: object) -> str:
    """Return a typed value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')} UTC"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
