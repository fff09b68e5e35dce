"""The limits that a declaration sets to single values: length, pattern, bounds and choices."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

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


def bound(parameter: Parameter, declared: object) -> Any:
    """Return a declared minimum, maximum or choice as a typed value. Raises InvalidValue."""
    return None if declared is None else SCALARS[parameter.type].from_json(declared)


def limit_errors(parameter: Parameter, value: Any) -> list[str]:
    """Return what is wrong with a typed value that is not one of the choices, as sentences."""
    errors = []
    if isinstance(value, str):
        limit = max_length(parameter)
        if len(value) > limit:
            errors.append(f"Must be at most {limit:,} characters long; this has {len(value):,}.")
        elif parameter.pattern:
            errors += _pattern_errors(parameter, value)
    lowest, highest = bound(parameter, parameter.minimum), bound(parameter, parameter.maximum)
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
    choices = [bound(parameter, choice) for choice in parameter.choices]
    if not choices or value in choices:
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
