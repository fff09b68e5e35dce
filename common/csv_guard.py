"""The guard against CSV injection: cells that spreadsheets would run as formulas.

See OWASP, "CSV Injection": https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re

#: Matches text that Excel, LibreOffice or Google Sheets take for a formula, full-width characters included.
#: Written for Python's `re` and for RE2 alike, which requires NUL to be escaped.
FORMULA_PATTERN = "^[-=+@\t\r\n\\x00\uff1d\uff0b\uff0d\uff20]"
#: Each dangerous text contains one of these bytes in UTF-8. Searching for them is far cheaper than the pattern.
FORMULA_BYTES = "-=+@\t\r\n\x00\xef"
#: Matches those of them that no spreadsheet runs: a number, a time (a minus before digits, colons and points), and
#: PostgreSQL's text of an interval, `-1 days +02:00:00`.
HARMLESS_PATTERN = r"^-[0-9:.]+( (years?|mons?|days?)( [-+]?[0-9:.]+)?)*$"
#: Put before a dangerous text, this makes spreadsheets read it as text.
PREFIX = "'"

_FORMULA = re.compile(FORMULA_PATTERN)
_HARMLESS = re.compile(HARMLESS_PATTERN)


def guarded(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would run it."""
    return f"{PREFIX}{text}" if _FORMULA.match(text) and not _HARMLESS.fullmatch(text) else text
