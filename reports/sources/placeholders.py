"""Find the placeholders `:name` in SQL, but not in strings, identifiers or comments.

A mistake here can make a query fail but never lets a value into the SQL: a placeholder is replaced by an engine's own
parameter. A colon before a letter always starts a placeholder, so a slice to a column is written `a[1: n]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from reports.exceptions import QueryFailed

DIALECTS = ("sqlite", "duckdb", "postgresql", "mysql", "standard")

_LETTER = r"A-Za-z_\x80-\U0010ffff"
_TEXT_REST = r"(?:[^']++|'')*+(?:'|\Z)"
_ESCAPED_REST = r"(?:[^'\\]++|\\(?:.|\Z)|'')*+(?:'|\Z)"
# E'…' continues, with its backslashes, in a following '…' if only a line break and comments are between them
# (PostgreSQL manual, 4.1.2.2).
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
#: For databases we don't know: what the SQL standard has, and `…`, which has no other meaning in it.
_STANDARD = [
    ("quoted", r"`(?:[^`]++|``)*+(?:`|\Z)"),
    ("comment", r"--[^\r\n]*"),
    ("comment", r"/\*.*?(?:\*/|\Z)"),
]
_RULES = {"sqlite": _SQLITE, "duckdb": _POSTGRESQL, "postgresql": _POSTGRESQL, "mysql": _MYSQL, "standard": _STANDARD}
_COMMENT_MARK = re.compile(r"/\*|\*/")


class Context(StrEnum):
    """The syntax that the engine expects in place of a placeholder."""

    VALUE = "value"
    #: `in :names`
    IN = "in"
    #: `in (:names)`
    IN_LIST = "in list"
    #: `in (:names, 'x')`
    IN_MIXED_LIST = "in mixed list"


class Token(NamedTuple):
    """`kind` is one of the names in the rules above; a nested comment is a comment."""

    kind: str
    text: str


@dataclass(frozen=True)
class Piece:
    """A part of the query. `name` is the name of a placeholder, and None for everything else."""

    text: str
    name: str | None = None
    context: Context = Context.VALUE


def names(query: str, dialect: str) -> list[str]:
    """The names of the placeholders, each once, in order of appearance."""
    return list(dict.fromkeys(piece.name for piece in pieces(query, dialect) if piece.name))


def words(query: str, dialect: str) -> list[str]:
    """The bare words of the SQL in lower case, in order; nothing in quotes or comments."""
    return [text.lower() for kind, text in _tokens(query, dialect) if kind == "word"]


def called_names(query: str, dialect: str) -> set[str]:
    """The names before an opening parenthesis, in lower case and without quotes. Functions are among them.

    In MySQL, a function can be called by its name in quotes. With `"…"` that takes another sql_mode than our sessions
    have, but other databases may take any quotes for those of a name.
    """
    code = [token for token in _tokens(query, dialect) if token.kind not in ("space", "comment")]
    return {
        before.text.strip("`\"'[]").lower()
        for before, after in pairwise(code)
        if after.text == "(" and before.kind in ("word", "quoted")
    }


def comments(query: str, dialect: str) -> list[str]:
    return [text for kind, text in _tokens(query, dialect) if kind == "comment"]


def substitute(query: str, dialect: str, replace: Callable[[Piece], str]) -> str:
    """The query with `replace(piece)` in place of each placeholder."""
    return "".join(replace(piece) if piece.name else piece.text for piece in pieces(query, dialect))


def single_statement(query: str, dialect: str) -> str:
    """The query's only statement, without anything after it. Raises QueryFailed if there is none, or a second one."""
    if "\0" in query:
        raise QueryFailed("The query contains a NUL character.")
    tokens = list(_tokens(query, dialect))
    # A comment at the end has to go too: the PostgreSQL driver puts the query in parentheses.
    while tokens and tokens[-1].kind in ("space", "comment", "semicolon"):
        tokens.pop()
    kinds = [kind for kind, _ in tokens if kind not in ("space", "comment")]
    if not kinds:
        raise QueryFailed("The query is empty.")
    if "semicolon" in kinds:
        raise QueryFailed("The query has more than one statement. A report must have exactly one.")
    return "".join(text for _, text in tokens)


def preload() -> None:
    """Compile the pattern of each dialect. It takes longer than a small report; forked children inherit it."""
    for dialect in DIALECTS:
        _scanner(dialect)


def pieces(query: str, dialect: str) -> list[Piece]:
    """The query, cut at its placeholders. The texts of the pieces add up to the query."""
    tokens = list(_tokens(query, dialect))
    code = [token for token in tokens if token.kind not in ("space", "comment")]
    found = []
    position = 0
    for token in tokens:
        if token.kind == "placeholder":
            before = [earlier.text.lower() for earlier in code[max(0, position - 2) : position]]
            after = code[position + 1].text if position + 1 < len(code) else ""
            found.append(Piece(token.text, token.text[1:], _context(before, after)))
        else:
            found.append(Piece(token.text))
        if token.kind not in ("space", "comment"):
            position += 1
    return found


def _context(before: list[str], after: str) -> Context:
    """From the two tokens of code before a placeholder and the one after it."""
    if before[-1:] == ["in"]:
        return Context.IN
    if before == ["in", "("]:
        return Context.IN_LIST if after == ")" else Context.IN_MIXED_LIST
    return Context.VALUE


@cache
def _scanner(dialect: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """The pattern of one token, and the kind of token by the group that matched."""
    if dialect not in DIALECTS:
        raise ValueError(f"Unknown SQL dialect: {dialect}")
    rules = {f"rule{number}": rule for number, rule in enumerate(_RULES[dialect] + _COMMON)}
    pattern = "|".join(f"(?P<{group}>{rule})" for group, (_, rule) in rules.items())
    return re.compile(pattern, re.DOTALL), {group: kind for group, (kind, _) in rules.items()}


def _tokens(query: str, dialect: str) -> Iterator[Token]:
    """All tokens. The last rule matches any character, so nothing is skipped."""
    pattern, kinds = _scanner(dialect)
    start = 0
    while match := pattern.match(query, start):
        kind, end = kinds[match.lastgroup or ""], match.end()
        if kind == "nested":
            kind, end = "comment", _end_of_nested_comment(query, start)
        yield Token(kind, query[start:end])
        start = end


def _end_of_nested_comment(query: str, start: int) -> int:
    depth = 0
    for mark in _COMMENT_MARK.finditer(query, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(query)


def identifier(name: str) -> str:
    """The name in the quotes of standard SQL."""
    return '"' + name.replace('"', '""') + '"'
