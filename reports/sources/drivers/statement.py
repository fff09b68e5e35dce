"""Queries for databases that can't be made read-only, or not for certain: what they may say, and how values get in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources import errors
from reports.sources.placeholders import Context, Piece, called_names, comments, pieces, words

_FIRST_WORDS = {"select", "with", "values", "table"}
_WRITING_WORDS = {
    "into", "insert", "update", "delete", "merge", "create", "drop", "alter", "call", "exec", "execute", "grant",
    "revoke", "outfile", "dumpfile",
}  # fmt: skip
#: Functions that read files, or call other servers, which no read-only transaction prevents.
_FORBIDDEN_FUNCTIONS = {
    "load_file", "openrowset", "opendatasource", "openquery", "sys_eval", "sys_exec", "httpuritype",
}  # fmt: skip
#: A list without values: a subquery without rows, so that neither `in` nor `not in` is NULL.
_EMPTY_LIST = "select null from (select 1 x) e where 1 = 0"

Bound = dict[str, object] | tuple[object, ...] | None


def check_select(query: str, dialect: str) -> None:
    """Raises QueryFailed for anything but a query. On databases without a read-only session it is the only guard."""
    found = words(query, dialect)
    used = set(found)
    writes = used & _WRITING_WORDS
    calls = (used | called_names(query, dialect)) & _FORBIDDEN_FUNCTIONS
    runs_comments = dialect == "mysql" and any(text.startswith(("/*!", "/*M!")) for text in comments(query, dialect))
    if not found or found[0] not in _FIRST_WORDS or writes or calls or runs_comments:
        raise QueryFailed(errors.NOT_READ_ONLY)


def bind(query: str, values: Mapping[str, TypedValue], dialect: str, style: str) -> tuple[str, Bound]:
    """The query with placeholders in the driver's style (PEP 249), and their values: one for each item of a list."""
    query_pieces = pieces(query, dialect)
    if not any(piece.name for piece in query_pieces):
        return query, None
    escapes_percent = style in ("format", "pyformat")
    bound: dict[str, object] = {}
    sql = []
    for piece in query_pieces:
        if piece.name:
            sql.append(_placeholders(piece, values[piece.name].value, style, bound))
        else:
            sql.append(piece.text.replace("%", "%%") if escapes_percent else piece.text)
    return "".join(sql), bound if style in ("named", "pyformat") else tuple(bound.values())


def _placeholders(piece: Piece, value: object, style: str, bound: dict[str, object]) -> str:
    """The placeholders for one value, which is added to `bound`."""

    def placeholder(item: object) -> str:
        number = len(bound) + 1
        name = f"p{number}"
        bound[name] = _to_driver(item)
        styles = {
            "qmark": "?",
            "format": "%s",
            "numeric": f":{number}",
            "numeric_dollar": f"${number}",
            "pyformat": f"%({name})s",
        }
        return styles.get(style, f":{name}")

    if not isinstance(value, tuple):
        sql = placeholder(value)
    elif piece.context is Context.VALUE:
        raise QueryFailed("With this kind of data source, a list can only be used as “in :names”.")
    else:
        sql = ", ".join(map(placeholder, value)) or _EMPTY_LIST
    return f"({sql})" if piece.context is Context.IN else sql


def _to_driver(value: object) -> object:
    """A datetime in UTC without a zone, as most databases store it; a number without an exponent, or it is a double."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return Decimal(format(value, "f")) if isinstance(value, Decimal) else value
