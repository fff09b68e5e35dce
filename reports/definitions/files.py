"""Definitions from files: one or several are read as one, and each fault is told with file, line and field."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.definitions import yaml
from reports.definitions.errors import errors_in, invalid_definition
from reports.definitions.file_schema import Definitions, parse
from reports.definitions.yaml import InvalidYaml
from reports.exceptions import InvalidDefinition

MAX_BYTES = 2 * 1_048_576
_SECTIONS = tuple(Definitions.model_fields)
_LAST_PART = re.compile(r"(?:\.?[^.\[\]]+|\[\d+\])$")


@dataclass(frozen=True)
class _Entry:
    """Where an entry of the whole is: its file, the file's lines by path, and its path in that file."""

    file: str
    lines: dict[str, int]
    path: str


@dataclass
class _Whole:
    data: dict[str, list[Any]] = field(default_factory=lambda: {section: [] for section in _SECTIONS})
    entries: dict[str, _Entry] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedDefinitions:
    """What the files say, and where each part of it stands."""

    definitions: Definitions
    entries: Mapping[str, _Entry]

    def located(self, error: InvalidDefinition) -> list[str]:
        """The faults of an error about these definitions, each as "file:line: field: sentence"."""
        return _located(self.entries, errors_in(error))


def load(paths: Iterable[str | Path]) -> LoadedDefinitions:
    """Read the files as one. Raises InvalidDefinition whose `fields` are by "file:line: field"; see sentences()."""
    whole = _Whole()
    for path in paths:
        _add_file(whole, str(path))
    if whole.faults:
        raise invalid_definition(whole.faults)
    try:
        return LoadedDefinitions(parse(whole.data), whole.entries)
    except InvalidDefinition as error:
        raise invalid_definition(_placed(whole.entries, errors_in(error))) from None


def sentences(error: InvalidDefinition) -> list[str]:
    """The faults of load(), a line for each."""
    return [f"{place}: {sentence}" for place, many in errors_in(error).items() for sentence in many]


def missing_paths(found: Definitions) -> list[str]:
    """Warnings for data sources whose file or folder is not there now; it may be mounted later."""
    return [
        f"data source {source.slug} in {source.tenant}: {source.location} is not there."
        for source in found.data_sources
        if source.location and not Path(source.location).exists()
    ]


def _add_file(whole: _Whole, file: str) -> None:
    try:
        document = yaml.read(_text(file))
    except InvalidYaml as error:
        whole.faults[f"{file}:{error.line}"] = [error.sentence]
        return
    if not isinstance(document.data, dict):
        whole.faults[f"{file}:1"] = [f"Must be a mapping with some of: {', '.join(_SECTIONS)}."]
        return
    for section, entries in document.data.items():
        _add_section(whole, _Entry(file, document.lines, section), entries)


def _add_section(whole: _Whole, place: _Entry, entries: Any) -> None:
    line = place.lines.get(place.path, 1)
    if place.path not in _SECTIONS:
        whole.faults[f"{place.file}:{line}: {place.path[:60]}"] = ["There is no such field here."]
    elif entries is not None and not isinstance(entries, list):
        whole.faults[f"{place.file}:{line}: {place.path}"] = ["Must be a list."]
    for at, entry in enumerate(entries if isinstance(entries, list) and place.path in _SECTIONS else []):
        together = whole.data[place.path]
        whole.entries[f"{place.path}[{len(together)}]"] = _Entry(place.file, place.lines, f"{place.path}[{at}]")
        together.append(_with_files(whole, place, at, entry))


def _with_files(whole: _Whole, place: _Entry, at: int, entry: Any) -> Any:
    """The entry with its paths relative to its file; of a report's template_file, with what stands in it."""
    folder = Path(place.file).parent
    if place.path != "reports" or not isinstance(entry, dict) or "template_file" not in entry:
        return _from_folder(folder, entry)
    name, path = entry["template_file"], f"{place.path}[{at}].template_file"
    line = place.lines.get(path, 1)
    # Faults of the template are shown where the file names it.
    place.lines[path.removesuffix("_file")] = line
    rest = {key: value for key, value in entry.items() if key != "template_file"}
    if "template" in rest or not isinstance(name, str) or not name or "\0" in name:
        sentence = "Must be the path of a file with the template; without template beside it."
        whole.faults[f"{place.file}:{line}: {path}"] = [sentence]
        return rest
    try:
        return rest | {"template": _text(str(folder / name))}
    except InvalidYaml as error:
        whole.faults[f"{place.file}:{line}: {path}"] = [f"{name}: {error.sentence}"]
        return rest


def _from_folder(folder: Path, entry: Any) -> Any:
    """A data source's path is relative to its file."""
    location = entry.get("location") if isinstance(entry, dict) else None
    if not isinstance(location, str) or not location or "://" in location:
        return entry
    return entry | {"location": os.path.abspath(folder / location)}  # noqa: PTH100 -- resolve() would follow links


def _text(file: str) -> str:
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidYaml(1, f"Can't be read: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise InvalidYaml(1, f"Is larger than {MAX_BYTES // 1_048_576} MiB.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidYaml(line, "There is a character here that is not UTF-8.") from None


def _located(entries: Mapping[str, _Entry], faults: Mapping[str, list[str]]) -> list[str]:
    return [f"{place}: {sentence}" for place, many in _placed(entries, faults).items() for sentence in many]


def _placed(entries: Mapping[str, _Entry], faults: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The faults by "file:line: field" instead of by path."""
    return {_place(entries, path): sentences for path, sentences in faults.items()}


def _place(entries: Mapping[str, _Entry], path: str) -> str:
    head = re.match(r"\w+\[\d+\]", path)
    entry = entries.get(head.group()) if head else None
    if head is None or entry is None:
        return path
    local = entry.path + path[head.end() :]
    return f"{entry.file}:{_line(entry.lines, local)}: {local}"


def _line(lines: Mapping[str, int], path: str) -> int:
    """The line of a part, or of the nearest part around it: a missing field has no line of its own."""
    while path not in lines and (last := _LAST_PART.search(path)):
        path = path[: last.start()]
    return lines.get(path, 1)
