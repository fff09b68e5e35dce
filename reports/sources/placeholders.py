"""Finds `:name` in SQL where the engine would read it as SQL, and nowhere else: not in text, identifiers or comments.

A mistake here could make a query fail, never let a value in: what replaces a placeholder is an engine's own parameter.
A colon before a letter is always a placeholder, so a slice to a column is written `a[1: n]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from reports.exceptions import QueryFailed

DIALECTS = ("sqlite", "duckdb", "postgresql", "mysql", "standard")

_LETTER = r"A-Za-z_\x80-\U0010ffff"
_TEXT_REST = r"(?:[^']++|'')*+(?:'|\Z)"
_ESCAPED_REST = r"(?:[^'\\]++|\\(?:.|\Z)|'')*+(?:'|\Z)"
# E'…' goes on, with its backslashes, in a following '…' when only a line break and comments are between.
_CONTINUED = rf"(?:(?:[ \t\f\v]++|--[^\r\n]*+)*+[\r\n](?:\s++|--[^\r\n]*+(?:[\r\n]|\Z))*+'{_ESCAPED_REST})*"

_COMMON = [
    ("quoted", rf"'{_TEXT_REST}"),
    ("quoted", r'"(?:[^"]++|"")*+(?:"|\Z)'),
    ("space", r"\s+"),
    ("word", rf"[{_LETTER}][{_LETTER}0-9$]*"),
    ("number", r"[0-9][A-Za-z0-9_.]*"),
    ("other", r"::|:="),
    ("placeholder", rf":[{_LETTER}][{_LETTER}0-9]*"),
    ("semicolon", r";"),
    ("other", r"."),
]
_SQLITE = [
    ("quoted", r"`(?:[^`]++|``)*+(?:`|\Z)"),
    ("quoted", r"\[[^\]]*+(?:\]|\Z)"),
    ("comment", r"--[^\n]*"),
    ("comment", r"/\*.*?(?:\*/|\Z)"),
]
_POSTGRESQL = [
    ("quoted", rf"[eE]'{_ESCAPED_REST}{_CONTINUED}"),
    ("quoted", rf"\$(?P<tag>(?:[{_LETTER}][{_LETTER}0-9]*)?)\$.*?(?:\$(?P=tag)\$|\Z)"),
    ("comment", r"--[^\r\n]*"),
    ("nested", r"/\*"),
]
_MYSQL = [
    ("quoted", rf"'{_ESCAPED_REST}"),
    ("quoted", r'"(?:[^"\\]++|\\(?:.|\Z)|"")*+(?:"|\Z)'),
    ("quoted", r"`(?:[^`]++|``)*+(?:`|\Z)"),
    ("comment", r"--(?=[\s\x00-\x1f]|\Z)[^\n]*"),
    ("comment", r"#[^\n]*"),
    ("comment", r"/\*.*?(?:\*/|\Z)"),
]
#: Of databases that this program does not know: what the standard has, and `…`, which it has nothing else for.
_STANDARD = [
    ("quoted", r"`(?:[^`]++|``)*+(?:`|\Z)"),
    ("comment", r"--[^\r\n]*"),
    ("comment", r"/\*.*?(?:\*/|\Z)"),
]
_RULES = {"sqlite": _SQLITE, "duckdb": _POSTGRESQL, "postgresql": _POSTGRESQL, "mysql": _MYSQL, "standard": _STANDARD}
_NESTING = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Piece:
    """A stretch of the query. `name` is set when it is a placeholder; `place` says what the engine expects there:
    "value", "in" (`in :names`), "in list" (`in (:names)`) or "in mixed" (`in (:names, 'x')`)."""

    text: str
    name: str | None = None
    place: str = "value"


def names(query: str, dialect: str) -> list[str]:
    """The placeholders' names, each once, in order of appearance."""
    return list(dict.fromkeys(piece.name for piece in pieces(query, dialect) if piece.name))


def words(query: str, dialect: str) -> list[str]:
    """The bare words of the code in small letters, in order; not what is in quotes or comments."""
    return [text.lower() for kind, text in _tokens(query, dialect) if kind == "word"]


def comments(query: str, dialect: str) -> list[str]:
    return [text for kind, text in _tokens(query, dialect) if kind == "comment"]


def substitute(query: str, dialect: str, replace: Callable[[Piece], str]) -> str:
    """The query with each placeholder replaced by what `replace` gives for its piece."""
    return "".join(replace(piece) if piece.name else piece.text for piece in pieces(query, dialect))


def single_statement(query: str, dialect: str) -> str:
    """The query without what follows its statement. Raises QueryFailed when there is none, or a second one."""
    if "\0" in query:
        raise QueryFailed("The query holds a NUL character.")
    tokens = list(_tokens(query, dialect))
    # A comment at the end has to go too: the PostgreSQL driver puts the query in parentheses.
    while tokens and tokens[-1][0] in ("space", "comment", "semicolon"):
        tokens.pop()
    kinds = [kind for kind, _ in tokens if kind not in ("space", "comment")]
    if not kinds:
        raise QueryFailed("The query is empty.")
    if "semicolon" in kinds:
        raise QueryFailed("The query holds more than one statement; a report has exactly one.")
    return "".join(text for _, text in tokens)


def preload() -> None:
    """Compile each dialect's pattern, which takes longer than a small report and which each forked child would do."""
    for dialect in DIALECTS:
        _scanner(dialect)


def pieces(query: str, dialect: str) -> list[Piece]:
    """The whole query, cut at its placeholders; the pieces' texts joined are the query."""
    tokens = list(_tokens(query, dialect))
    code = [at for at, (kind, _) in enumerate(tokens) if kind not in ("space", "comment")]
    found = {code[i]: _place([tokens[at][1].lower() for at in code[max(0, i - 2) : i]], _next(tokens, code, i))
             for i in range(len(code)) if tokens[code[i]][0] == "placeholder"}  # fmt: skip
    return [Piece(text, text[1:], found[at]) if at in found else Piece(text) for at, (_, text) in enumerate(tokens)]


def _next(tokens: list[tuple[str, str]], code: list[int], i: int) -> str:
    return tokens[code[i + 1]][1] if i + 1 < len(code) else ""


def _place(before: list[str], after: str) -> str:
    if before[-1:] == ["in"]:
        return "in"
    if before[-2:] == ["in", "("]:
        return "in list" if after == ")" else "in mixed"
    return "value"


@cache
def _scanner(dialect: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """The pattern of one token, and the kind of token by the group that matched."""
    if dialect not in DIALECTS:
        raise ValueError(f"no such SQL dialect: {dialect}")
    rules = _RULES[dialect] + _COMMON
    groups = {f"rule{number}": rule for number, rule in enumerate(rules)}
    pattern = "|".join(f"(?P<{group}>{rule})" for group, (_, rule) in groups.items())
    return re.compile(pattern, re.DOTALL), {group: kind for group, (kind, _) in groups.items()}


def _tokens(query: str, dialect: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of each token; the last rule matches any character, so nothing is skipped."""
    pattern, kinds = _scanner(dialect)
    at = 0
    while match := pattern.match(query, at):
        kind, end = kinds[match.lastgroup or ""], match.end()
        if kind == "nested":
            kind, end = "comment", _nested_end(query, at)
        yield kind, query[at:end]
        at = end


def _nested_end(query: str, start: int) -> int:
    depth = 0
    for mark in _NESTING.finditer(query, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(query)


def identifier(name: str) -> str:
    """The name in standard SQL's quotes."""
    return '"' + name.replace('"', '""') + '"'
