"""What the URL of a source with a driver says about it, without opening it."""

from __future__ import annotations

import re

#: What occurs in the names of drivers, and the dialect of their databases, as `placeholders.DIALECTS` names it.
_DIALECTS = (
    (("sqlite",), "sqlite"),
    (("duckdb",), "duckdb"),
    (("postgres", "psql", "redshift"), "postgresql"),
    (("mysql", "maria", "maodbc"), "mysql"),
)
#: The driver in `adbc://DRIVER?…`, in `odbc://DRIVER?…`.
_DRIVER = re.compile(r"[a-z]+://([^/?#]*)")


def dialect_of(url: str) -> str:
    """The SQL dialect of the driver's database; `standard` if the driver is unknown."""
    found = _DRIVER.match(url)
    driver = found[1].lower() if found else ""
    return next((dialect for words, dialect in _DIALECTS if any(word in driver for word in words)), "standard")
