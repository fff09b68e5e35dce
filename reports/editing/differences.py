"""Differences between two definitions of a report: field by field, and line by line where a field has several lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from reports.definitions import yaml

#: Unchanged lines that are shown around a change.
_CONTEXT_LINES = 3


@dataclass(frozen=True)
class Line:
    """A line of a comparison, with its number on either side. `kind`: same, added, removed, or gap for lines left
    out."""

    kind: str
    text: str = ""
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True)
class Difference:
    """A field that differs. `lines` is empty if neither side has more than one."""

    path: str
    before: str
    after: str
    lines: list[Line] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.path.replace("_", " ")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Compare two entries of the definitions file. The differences are in the order of the fields."""
    old, new = dict(_flatten(before)), dict(_flatten(after))
    found = []
    for path in [*new, *(path for path in old if path not in new)]:
        if old.get(path) == new.get(path):
            continue
        one, other = old.get(path, ""), new.get(path, "")
        has_lines = path.endswith("query") or "\n" in one.strip() or "\n" in other.strip()
        lines = list(_compare(one.splitlines(), other.splitlines())) if has_lines else []
        found.append(Difference(path, one, other, lines))
    return found


def changed_fields(differences: Iterable[Difference]) -> list[str]:
    """Return the titles of the fields, each once; those of one parameter or section count as one."""
    return list(dict.fromkeys(difference.title.partition(":")[0] for difference in differences))


def _flatten(entry: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each field with its value as text.

    Parameters and sections are identified by their names, so that an added one doesn't make all later ones differ.
    """
    for name, value in entry.items():
        if name in ("parameters", "sections") and not prefix and isinstance(value, list):
            yield name, ", ".join(str(part.get("name", "")) for part in value)
            for part in value:
                fields = {key: field for key, field in part.items() if key != "name"}
                yield from _flatten(fields, f"{name.removesuffix('s')} {part.get('name', '')}: ")
        elif isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}: ")
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        is_flat = not any(isinstance(item, Mapping | list) for item in value)
        return ", ".join(map(_text, value)) if is_flat else yaml.write(value)
    return str(value)


def _compare(before: list[str], after: list[str]) -> Iterator[Line]:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    end = 0
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        if group[0][1] > end:
            yield Line("gap")
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                for offset, text in enumerate(before[old_start:old_end]):
                    yield Line("same", text, old_start + offset + 1, new_start + offset + 1)
            else:
                for number, text in enumerate(before[old_start:old_end], old_start + 1):
                    yield Line("removed", text, old=number)
                for number, text in enumerate(after[new_start:new_end], new_start + 1):
                    yield Line("added", text, new=number)
        end = group[-1][2]
    if end < len(before):
        yield Line("gap")
