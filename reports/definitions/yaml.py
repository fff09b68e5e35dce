"""YAML for definitions: text to plain data, with the line of each part, and back.

Scalars are read by the rules of YAML 1.2, as editors with a JSON Schema read them: `no` and 2013-12-31 are texts.
PyYAML by itself reads YAML 1.1. Only merge keys (`<<: *base`) are taken from there, since all tools read them. A
duplicate key is an error: PyYAML would silently keep the last value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from common.api.numbers import read_float
from reports.definitions.errors import path_from_parts

_BOOL, _INT, _FLOAT, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null"))
_RESOLVERS: list[tuple[str, re.Pattern[str], list[str]]] = [
    (_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    (_INT, re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")),
    (
        _FLOAT,
        re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
        list("-+.0123456789"),
    ),
    (_NULL, re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
]


_MERGE = "<<"
#: Parts that aliases (*name) repeat count each time: a few lines of aliases can expand to billions of parts.
MAX_PARTS = 300_000


class InvalidYaml(ValueError):
    """A text is not YAML of the kind that is read here, or a file can't be read. `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


@dataclass(frozen=True)
class Document:
    """The data of a file, and the line of each part by its path."""

    data: Any
    lines: dict[str, int] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    # Its own, without those of YAML 1.1: loaders share the class attribute.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    parts = 0


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would read as something else, and writes text of several lines as a block."""

    # A copy of those of YAML 1.1, to which those of 1.2 are added below.
    yaml_implicit_resolvers = {first: list(rules) for first, rules in yaml.SafeDumper.yaml_implicit_resolvers.items()}

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        # Lists are indented below their key, as people write them.
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        # Equal parts are written out: nobody wants to edit &id001 and *id001.
        return True


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Loader.add_constructor(_FLOAT, lambda loader, node: read_float(node.value))
_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text.strip("\n") else None
    ),
)


def read(text: str) -> Document:
    """Read the one document in the text. Raises InvalidYaml."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        return Document(_data(loader, node, (), lines) if node else None, lines)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InvalidYaml(line, "Has a character that YAML does not allow.") from None
    except yaml.MarkedYAMLError as error:
        # Only PyYAML's own words: its whole message quotes the file.
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise InvalidYaml(mark.line + 1 if mark else 1, f"Not YAML: {problem}.") from None
    except RecursionError:
        raise InvalidYaml(1, "Lists and mappings are nested too deeply.") from None


def write(data: object) -> str:
    """Return the data as YAML that `read` reads back to equal data. Keys keep their order."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _data(loader: _Loader, node: yaml.Node, path: tuple[str | int, ...], lines: dict[str, int]) -> Any:
    lines.setdefault(path_from_parts(path), node.start_mark.line + 1)
    _count(loader, 1)
    if isinstance(node, yaml.SequenceNode):
        return [_data(loader, item, (*path, at), lines) for at, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        try:
            return loader.construct_object(node)
        except ValueError:
            raise InvalidYaml(node.start_mark.line + 1, "This value can't be read.") from None
    data: dict[str, Any] = {}
    for key, value in _fields(loader, node).values():
        # The line of the key, not of the value: a block of text starts below it.
        lines.setdefault(path_from_parts((*path, key.value)), key.start_mark.line + 1)
        data[key.value] = _data(loader, value, (*path, key.value), lines)
    return data


def _fields(loader: _Loader, node: yaml.MappingNode) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
    """Return a mapping's keys and values, with those that it merges (`<<: *base`). Its own win, then the first."""
    # Mappings that merge each other take exponential time, even if they are empty.
    _count(loader, 1)
    own: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
    merged: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise InvalidYaml(line, "A key must be a word.")
        if key.value == _MERGE and key.style is None:
            for base in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(base, yaml.MappingNode):
                    raise InvalidYaml(line, f"{_MERGE} takes a mapping, such as *name, or a list of mappings.")
                merged = _fields(loader, base) | merged
                _count(loader, len(merged))
        elif key.value in own:
            raise InvalidYaml(line, f"Duplicate key {key.value[:60]!r}.")
        else:
            own[key.value] = key, value
    return merged | own


def _count(loader: _Loader, parts: int) -> None:
    loader.parts += parts
    if loader.parts > MAX_PARTS:
        raise InvalidYaml(1, f"Has more than {MAX_PARTS:,} parts, counting what aliases (*name) repeat.")
