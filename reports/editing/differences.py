"""What tells two definitions of a report apart: field by field, and line by line where a field has lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.definitions import yaml

_CONTEXT = 3


@dataclass(frozen=True)
class Line:
    """One line of a comparison, with its number on either side. `kind`: same, added, removed, or gap for left out."""

    kind: str
    text: str = ""
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True)
class Difference:
    """A field that is not the same. `lines` only where either side has several."""

    path: str
    before: str
    after: str
    lines: list[Line] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The field's name for people."""
        return self.path.replace("_", " ")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """From one entry of the definitions file to the other, in the order of the fields."""
    old, new = dict(_flat(before)), dict(_flat(after))
    paths = [*new, *(path for path in old if path not in new)]
    return [_difference(path, old.get(path, ""), new.get(path, "")) for path in paths if old.get(path) != new.get(path)]


def names(found: Iterable[Difference]) -> list[str]:
    """The fields, each once: all of a parameter's under its name."""
    return list(dict.fromkeys(one.title.partition(":")[0] for one in found))


def _flat(entry: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Each field with its value as text. Parameters go by their names, so that an added one does not shift the rest."""
    for name, value in entry.items():
        path = f"{prefix}{name}"
        if name == "parameters" and not prefix:
            yield "parameters", ", ".join(str(parameter.get("name", "")) for parameter in value)
            for parameter in value:
                yield from _flat(_without_name(parameter), f"parameter {parameter.get('name', '')}: ")
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{path}: ")
        else:
            yield path, _text(value)


def _without_name(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameter.items() if key != "name"}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        plain = not any(isinstance(item, (Mapping, list)) for item in value)
        return ", ".join(map(_text, value)) if plain else yaml.write(value)
    return str(value)


def _difference(path: str, before: str, after: str) -> Difference:
    several = path == "query" or "\n" in before.strip() or "\n" in after.strip()
    return Difference(path, before, after, _lines(before.splitlines(), after.splitlines()) if several else [])


def _lines(before: list[str], after: list[str]) -> list[Line]:
    found: list[Line] = []
    end = 0
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_CONTEXT):
        if group[0][1] > end:
            found.append(Line("gap"))
        for step in group:
            found += _step(*step, before, after)
        end = group[-1][2]
    return [*found, Line("gap")] if end < len(before) else found


def _step(tag: str, i: int, j: int, k: int, m: int, before: list[str], after: list[str]) -> list[Line]:
    if tag == "equal":
        return [Line("same", before[i + at], i + at + 1, k + at + 1) for at in range(j - i)]
    removed = [Line("removed", before[at], old=at + 1) for at in range(i, j)]
    return removed + [Line("added", after[at], new=at + 1) for at in range(k, m)]
