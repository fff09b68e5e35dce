"""What is wrong with a definition, as sentences by path ("reports[0].parameters[1].type"), all of them at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from reports.exceptions import InvalidDefinition

#: Sentences by path.
FieldErrors = dict[str, list[str]]

#: A file or body can be wrong in more places than anybody reads, and an answer should not grow with them.
MAX_ERRORS = 100
_MAX_KEY = 60
_TAGGED = "delivery"

_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field here.",
    "string_type": "Must be a text; put it in quotes if it looks like a number.",
    "string_unicode": "Must be a text of whole Unicode characters.",
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
    """Raised inside a validator: several faults, at paths below the value that was being checked."""

    def __init__(self, faults: Mapping[str, Sequence[str]]) -> None:
        super().__init__("The definition is not valid.")
        self.faults = faults


def invalid_definition(faults: Mapping[str, Sequence[str]]) -> InvalidDefinition:
    """The error to raise for these faults."""
    kept = dict(list(faults.items())[:MAX_ERRORS])
    return InvalidDefinition(fields={path: list(sentences) for path, sentences in kept.items()})


def errors_in(error: InvalidDefinition) -> FieldErrors:
    """The faults that an InvalidDefinition carries."""
    fields: Any = error.details.get("fields") or {"": [error.message]}
    return dict(fields)


def from_pydantic(error: ValidationError) -> InvalidDefinition:
    """Everything that pydantic found, in this project's words and without the values, which may be secrets."""
    faults: FieldErrors = {}
    for found in error.errors(include_url=False, include_input=False):
        for path, sentence in _sentences(found):
            faults.setdefault(path, []).append(sentence)
    return invalid_definition(faults)


def join_path(path: str, below: str) -> str:
    """The path of something inside of something: ("reports[0]", "name") is "reports[0].name"."""
    return f"{path}.{below}" if path and below and not below.startswith("[") else path + below


def duplicates(section: str, keys: Iterable[Hashable], field: str = "") -> FieldErrors:
    """Entries of a section whose key there was before, at the path of the later one."""
    seen: set[Hashable] = set()
    faults: FieldErrors = {}
    for at, key in enumerate(keys):
        if key in seen:
            path = join_path(f"{section}[{at}]", field)
            faults[path] = ["There is one like this before; it must be there once only."]
        seen.add(key)
    return faults


def path_from_parts(loc: Sequence[str | int]) -> str:
    """("reports", 0, "name") is "reports[0].name"."""
    path = ""
    for part in loc:
        path = join_path(path, f"[{part}]" if isinstance(part, int) else str(part)[:_MAX_KEY])
    return path


def _sentences(found: Any) -> Iterator[tuple[str, str]]:
    path, context = path_from_parts(_untagged(found["loc"])), found.get("ctx", {})
    if isinstance(nested := context.get("error"), InvalidFields):
        for below, sentences in nested.faults.items():
            yield from ((join_path(path, below), sentence) for sentence in sentences)
        return
    if found["type"].startswith("union_tag"):
        path = join_path(path, "kind")
    template = _SENTENCES.get(found["type"], found["msg"])
    words = {name: _listed(value) for name, value in context.items()}
    yield path, template.format(**words) if found["type"] in _SENTENCES else template


def _listed(value: object) -> str:
    """pydantic writes a list of choices as "'a', 'b' or 'c'"."""
    return str(value).replace("' or '", "', '").replace("'", "") if isinstance(value, str) else str(value)


def _untagged(loc: tuple[str | int, ...]) -> list[str | int]:
    """Without the kind that pydantic puts into the path of an entry of `delivery`."""
    return [
        part
        for at, part in enumerate(loc)
        if not (at >= 2 and isinstance(part, str) and isinstance(loc[at - 1], int) and loc[at - 2] == _TAGGED)
    ]
