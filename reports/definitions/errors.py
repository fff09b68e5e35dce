"""Errors of definitions: sentences by path, for example "reports[0].parameters[1].type", all of them at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from reports.exceptions import InvalidDefinition

#: Sentences by path.
FieldErrors = dict[str, list[str]]

#: A file can be wrong in more places than anybody reads, and an answer shouldn't grow with them.
MAX_ERRORS = 100
_MAX_KEY = 60
#: The fields whose entries are of several types: pydantic adds the type to the path of an entry's error.
_UNION_FIELDS = ("delivery", "deliveries")

#: By pydantic's type of error. https://docs.pydantic.dev/latest/errors/validation_errors/
_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "Unknown field.",
    "string_type": "Must be text. Put it in quotes if it looks like a number.",
    "string_unicode": "Must be valid Unicode text.",
    "string_too_short": "Must not be empty.",
    "string_too_long": "Must be at most {max_length} characters long.",
    "int_type": "Must be a whole number.",
    "int_parsing_size": "Must be a smaller number.",
    "bool_type": "Must be true or false.",
    "list_type": "Must be a list.",
    "too_short": "Must have at least one entry.",
    "too_long": "Must have at most {max_length} entries.",
    "model_type": "Must be a mapping of fields to values.",
    "model_attributes_type": "Must be a mapping of fields to values.",
    "dict_type": "Must be a mapping of fields to values.",
    "literal_error": "Must be one of: {expected}.",
    "greater_than_equal": "Must be {ge} or more.",
    "less_than_equal": "Must be {le} or less.",
    "union_tag_not_found": "This field is required.",
    "union_tag_invalid": "Must be one of: {expected_tags}.",
    "value_error": "{error}",
}


class InvalidFields(ValueError):
    """Raised by a validator for several errors, at paths below the value that it checks."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__("The definition is not valid.")
        self.errors = errors


def invalid_definition(errors: Mapping[str, Sequence[str]]) -> InvalidDefinition:
    """Return the exception to raise for these errors."""
    first = list(errors.items())[:MAX_ERRORS]
    return InvalidDefinition(fields={path: list(sentences) for path, sentences in first})


def errors_in(error: InvalidDefinition) -> FieldErrors:
    """Return the errors that the exception carries."""
    fields: Any = error.details.get("fields") or {"": [error.message]}
    return dict(fields)


def from_pydantic(error: ValidationError) -> InvalidDefinition:
    """Return pydantic's errors in our words, and without the values: somebody may have put a password there."""
    errors: FieldErrors = {}
    for details in error.errors(include_url=False, include_input=False):
        for path, sentence in _sentences(details):
            errors.setdefault(path, []).append(sentence)
    return invalid_definition(errors)


def join_path(path: str, below: str) -> str:
    """Return the path of a part of a part: ("reports[0]", "name") gives "reports[0].name"."""
    return f"{path}.{below}" if path and below and not below.startswith("[") else path + below


def path_from_parts(parts: Sequence[str | int]) -> str:
    """Return the path as text: ("reports", 0, "name") gives "reports[0].name"."""
    path = ""
    for part in parts:
        path = join_path(path, f"[{part}]" if isinstance(part, int) else str(part)[:_MAX_KEY])
    return path


def duplicates(section: str, keys: Iterable[Hashable], field: str = "") -> FieldErrors:
    """Return an error for each entry of a section whose key an earlier entry has. `field` is where the key is."""
    seen: set[Hashable] = set()
    errors: FieldErrors = {}
    for at, key in enumerate(keys):
        if key in seen:
            errors[join_path(f"{section}[{at}]", field)] = ["Duplicate of an earlier entry."]
        seen.add(key)
    return errors


def _sentences(details: Any) -> Iterator[tuple[str, str]]:
    path = path_from_parts(_without_union_types(details["loc"]))
    context = details.get("ctx", {})
    if isinstance(nested := context.get("error"), InvalidFields):
        for below, sentences in nested.errors.items():
            yield from ((join_path(path, below), sentence) for sentence in sentences)
        return
    if details["type"].startswith("union_tag"):
        path = join_path(path, "kind")
    template = _SENTENCES.get(details["type"])
    if template is None:
        yield path, details["msg"]
        return
    # pydantic lists choices as "'a', 'b' or 'c'".
    words = {
        name: value.replace("' or '", "', '").replace("'", "") if isinstance(value, str) else value
        for name, value in context.items()
    }
    yield path, template.format(**words)


def _without_union_types(parts: tuple[str | int, ...]) -> list[str | int]:
    """("reports", 0, "delivery", 1, "email", "to") without "email"."""
    return [
        part
        for at, part in enumerate(parts)
        if not (at >= 2 and isinstance(part, str) and isinstance(parts[at - 1], int) and parts[at - 2] in _UNION_FIELDS)
    ]
