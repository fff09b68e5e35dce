"""YAML for definitions: plain data with the line of each part, and back.

Scalars are read as YAML 1.2 does, as editors with a JSON Schema do too: `no` and 2013-12-31 are texts. A key that is
there twice is refused, since YAML would silently keep the last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

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


#: Of a file, each as often as aliases (*name) repeat it: a few lines of aliases can stand for billions.
MAX_PARTS = 300_000


class InvalidYaml(ValueError):
    """The text can't be read; `line` counts from 1."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line, self.sentence = line, sentence


@dataclass(frozen=True)
class Document:
    """The data of a file, and the line of each part of it by path."""

    data: Any
    lines: dict[str, int] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    # A copy: the class attribute is shared by all loaders.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    parts = 0


class _Dumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or 1.2 would not read as a text; a text of several lines is a block."""

    # A copy, as above, to which those of 1.2 are added below.
    yaml_implicit_resolvers = {first: list(found) for first, found in yaml.SafeDumper.yaml_implicit_resolvers.items()}

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text.strip("\n") else None
    ),
)


def read(text: str) -> Document:
    """The one document in the text. Raises InvalidYaml."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        return Document(_plain(loader, node, (), lines) if node else None, lines)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InvalidYaml(line, "There is a character here that YAML does not allow.") from None
    except yaml.MarkedYAMLError as error:
        # Only pyyaml's own words: its whole message quotes the file.
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise InvalidYaml(mark.line + 1 if mark else 1, f"Not YAML: {problem}.") from None
    except RecursionError:
        raise InvalidYaml(1, "Lists and mappings are nested too deeply.") from None


def write(data: object) -> str:
    """The data as YAML that `read` reads back to equal data; keys keep their order."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _plain(loader: _Loader, node: yaml.Node, loc: tuple[str | int, ...], lines: dict[str, int]) -> Any:
    lines.setdefault(path_from_parts(loc), node.start_mark.line + 1)
    loader.parts += 1
    if loader.parts > MAX_PARTS:
        raise InvalidYaml(1, f"Has more than {MAX_PARTS:,} parts, with those that aliases (*name) repeat.")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, item, (*loc, at), lines) for at, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, loc, lines)
    try:
        return loader.construct_object(node)
    except ValueError:
        raise InvalidYaml(node.start_mark.line + 1, "This value can't be read.") from None


def _mapping(loader: _Loader, node: yaml.MappingNode, loc: tuple[str | int, ...], lines: dict[str, int]) -> Any:
    plain: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise InvalidYaml(line, "A key must be a word.")
        if key.value in plain:
            raise InvalidYaml(line, f"The key {key.value[:60]!r} is there twice.")
        # The key's line, not the value's: a block of text begins below it.
        lines.setdefault(path_from_parts((*loc, key.value)), line)
        plain[key.value] = _plain(loader, value, (*loc, key.value), lines)
    return plain
