"""Definitions files: several are read as one, and each error is reported with file, line and field."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.definitions import yaml
from reports.definitions.errors import FieldErrors, errors_in, invalid_definition
from reports.definitions.file_schema import Definitions, file_type, parse
from reports.definitions.yaml import InvalidYaml
from reports.exceptions import InvalidDefinition

MAX_BYTES = 2 * 1_048_576
_MAX_SECTION = 60
_LAST_PART = re.compile(r"(?:\.?[^.\[\]]+|\[\d+\])$")


@dataclass(frozen=True)
class _Location:
    """The origin of a part of the data: its file, the lines of that file's parts by path, and its path there."""

    file: str
    lines: dict[str, int]
    path: str

    def __str__(self) -> str:
        """As errors name it: "file:line: field"."""
        # A missing field has no line; the nearest part around it has one.
        path = self.path
        while path not in self.lines and (last_part := _LAST_PART.search(path)):
            path = path[: last_part.start()]
        return f"{self.file}:{self.lines.get(path, 1)}: {self.path}"


@dataclass
class _Combined:
    """The input read so far: the data of all files, the origin of each entry ("reports[2]"), and the errors."""

    data: dict[str, list[Any]] = field(default_factory=lambda: {section: [] for section in file_type().model_fields})
    locations: dict[str, _Location] = field(default_factory=dict)
    errors: FieldErrors = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedDefinitions:
    """The definitions of some files, and where each entry comes from."""

    definitions: Definitions
    locations: Mapping[str, _Location]

    def located(self, error: InvalidDefinition) -> list[str]:
        """Return the errors about these definitions, each as "file:line: field: sentence"."""
        return sentences(_with_locations(error, self.locations))


def load(paths: Iterable[str | Path]) -> LoadedDefinitions:
    """Read the files as one. Raises InvalidDefinition, whose `fields` are by "file:line: field"; see `sentences`."""
    combined = _Combined()
    for path in paths:
        _add_file(combined, str(path))
    if combined.errors:
        raise invalid_definition(combined.errors)
    try:
        return LoadedDefinitions(parse(combined.data), combined.locations)
    except InvalidDefinition as error:
        raise _with_locations(error, combined.locations) from None


def sentences(error: InvalidDefinition) -> list[str]:
    """Return the errors of `load`, one line each."""
    return [f"{location}: {sentence}" for location, messages in errors_in(error).items() for sentence in messages]


def missing_paths(definitions: Definitions) -> list[str]:
    """Return warnings about data sources whose file or folder does not exist now. It may be mounted later."""
    return [
        f"data source {source.slug} in {source.tenant}: {source.location} does not exist."
        for source in definitions.data_sources
        if source.location and not Path(source.location).exists()
    ]


def _add_file(combined: _Combined, file: str) -> None:
    try:
        document = yaml.read(_read_text(file))
    except InvalidYaml as error:
        combined.errors[f"{file}:{error.line}"] = [error.message]
        return
    if not isinstance(document.data, dict):
        combined.errors[f"{file}:1"] = [f"Must be a mapping with some of: {', '.join(combined.data)}."]
        return
    for section, entries in document.data.items():
        location = _Location(file, document.lines, section[:_MAX_SECTION])
        if section not in combined.data:
            combined.errors[str(location)] = ["Unknown field."]
        elif isinstance(entries, list):
            for at, entry in enumerate(entries):
                _add_entry(combined, section, _Location(file, document.lines, f"{section}[{at}]"), entry)
        elif entries is not None:
            combined.errors[str(location)] = ["Must be a list."]


def _add_entry(combined: _Combined, section: str, location: _Location, entry: Any) -> None:
    if isinstance(entry, dict):
        folder = Path(location.file).parent
        if section == "reports" and "template_file" in entry:
            entry = _with_template(combined, location, folder, entry)
        path = entry.get("location")
        if isinstance(path, str) and path and "://" not in path:
            entry = entry | {"location": os.path.abspath(folder / path)}  # noqa: PTH100 -- resolve() would follow links
    together = combined.data[section]
    combined.locations[f"{section}[{len(together)}]"] = location
    together.append(entry)


def _with_template(combined: _Combined, location: _Location, folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """Replace `template_file` by the text of that file, as `template`."""
    field_location = _Location(location.file, location.lines, f"{location.path}.template_file")
    # Errors of the template are reported at the line that names its file.
    location.lines[f"{location.path}.template"] = location.lines.get(field_location.path, 1)
    name = entry["template_file"]
    rest = {key: value for key, value in entry.items() if key != "template_file"}
    if "template" in rest or not isinstance(name, str) or not name or "\0" in name:
        combined.errors[str(field_location)] = ["Must be the path of a file. It can't be combined with template."]
        return rest
    try:
        return rest | {"template": _read_text(str(folder / name))}
    except InvalidYaml as error:
        combined.errors[str(field_location)] = [f"{name}: {error.message}"]
        return rest


def _read_text(file: str) -> str:
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
        raise InvalidYaml(content.count(b"\n", 0, error.start) + 1, "Has a character that is not UTF-8.") from None


def _with_locations(error: InvalidDefinition, locations: Mapping[str, _Location]) -> InvalidDefinition:
    """Return the error with "file:line: field" in place of the paths in the combined data."""
    errors: FieldErrors = {}
    for path, messages in errors_in(error).items():
        head = re.match(r"\w+\[\d+\]", path)
        entry = locations.get(head.group()) if head else None
        if head and entry:
            path = str(_Location(entry.file, entry.lines, entry.path + path[head.end() :]))
        errors[path] = messages
    return InvalidDefinition(fields=errors)
