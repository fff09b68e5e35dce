"""The types that texts of a file can be converted to without losing anything.

DuckDB converts more than it should: '99.5' becomes the integer 100, '00071' 71, '1_000' 1000, '01/02/2024' a date. Here
a text has a type only if the value says all that the text says: `1.50` and `1.5` are the same number, but `00071` is
more than 71. A type that is found in some of the texts is checked again whenever a text is converted.

`facts` and `Facts` find the type, `conversion` converts. Both use the same conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

import duckdb

from common.api.numbers import DECIMAL_DIGITS, FLOAT_DIGITS
from reports.sources.duckdb.engine import string_literal

#: Message of the error that a conversion raises for a text that is not of its type.
DEVIATION = "A text of the file is not of the type of the texts before it."
#: The most digits of DuckDB's decimal that is stored as a 64-bit integer.
_SHORT_DECIMAL = 18
#: `-0` says more than a number does.
_INTEGER = "0|-?[1-9][0-9]*"
_NUMBER = rf"({_INTEGER}|-?(0|[1-9][0-9]*)?\.[0-9]+)"
_EXPONENT = r"[eE][+-]?[0-9]{1,3}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
#: The year 0 isn't one of PostgreSQL, Python or Excel.
_DATE = r"([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-[0-9]{2}-[0-9]{2}"
_PATTERNS = {
    "boolean": "true|false|True|False|TRUE|FALSE",
    "time": _CLOCK,
    "timestamp": f"{_DATE}[T ]{_CLOCK}",
    "timestamptz": f"{_DATE}[T ]{_CLOCK}(Z|[+-][0-9]{{2}}(:[0-9]{{2}})?)",
}
_SPECIAL_NUMBER = "(?i)nan|-?inf(inity)?"
#: Other texts than those that begin like this can't have a type. This saves the other conditions for names and words.
_BEGINNING, _LETTERS = "^[-.0-9tTfFnNiI]", "^[a-zA-Z]"
#: The length of a date.
_DATE_LENGTH = 10


class TextKind(IntFlag):
    """What a single text is. Numbers are of the first kind that fits."""

    INTEGER = 1
    #: Any other number without an exponent, also an integer of more than 64 bits.
    DECIMAL = 2
    EXPONENT = 4
    #: NaN or an infinity.
    SPECIAL = 8
    DATE = 16
    TIMESTAMP = 32
    INSTANT = 64
    TIME = 128
    BOOLEAN = 256
    TEXT = 512


_EXACT_NUMBERS = TextKind.INTEGER | TextKind.DECIMAL
_ALL_NUMBERS = _EXACT_NUMBERS | TextKind.EXPONENT | TextKind.SPECIAL
_OTHER_TYPES = {
    TextKind.DATE: "date",
    TextKind.TIMESTAMP: "timestamp",
    TextKind.INSTANT: "timestamptz",
    TextKind.TIME: "time",
    TextKind.BOOLEAN: "boolean",
}


@dataclass(frozen=True)
class Facts:
    """What the texts of a column have in common, apart from NULL and the empty text, which have any type."""

    kinds: TextKind
    #: The most digits before and after the point of numbers without an exponent.
    whole_digits: int
    fraction_digits: int
    #: True if a double holds every number, so that it is written with the same digits.
    double_is_exact: bool

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> Facts:
        """From a row of `_facts_sql`."""
        kinds, whole_digits, fraction_digits, double_is_exact = row
        return cls(TextKind(kinds or 0), whole_digits or 0, fraction_digits or 0, double_is_exact is not False)

    def __or__(self, other: Facts) -> Facts:
        """The facts about the texts of both."""
        return Facts(
            self.kinds | other.kinds,
            max(self.whole_digits, other.whole_digits),
            max(self.fraction_digits, other.fraction_digits),
            self.double_is_exact and other.double_is_exact,
        )

    @property
    def type(self) -> str | None:
        """DuckDB's narrowest type for all of the texts; None if they can only be text."""
        if self.kinds == TextKind.INTEGER:
            return "bigint"
        if self.kinds and not self.kinds & ~_EXACT_NUMBERS:
            digits = self.whole_digits + self.fraction_digits
            width = _SHORT_DECIMAL if digits <= _SHORT_DECIMAL else DECIMAL_DIGITS
            return f"decimal({width},{self.fraction_digits})" if digits <= width else None
        if not self.kinds & ~_ALL_NUMBERS and self.kinds & ~TextKind.SPECIAL and self.double_is_exact:
            return "double"
        return _OTHER_TYPES.get(self.kinds)


def facts(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> list[Facts]:
    """The facts about each of these text columns of a table expression. The names of columns must be plain."""
    rows = connection.execute(_facts_sql(table, columns)).fetchall()
    # A table without rows has no facts.
    return [Facts.from_row(row) for row in rows] or [Facts(TextKind(0), 0, 0, True)] * len(columns)


def _facts_sql(table: str, columns: Sequence[str]) -> str:
    # Stacked upon each other, so that DuckDB plans the many conditions once and not for each column.
    numbers, texts = ", ".join(map(str, range(len(columns)))), ", ".join(columns)
    stacked = f"select unnest([{numbers}]) as number, unnest([{texts}]) as text from {table}"  # noqa: S608
    kinds = f"select *, {_kind_of('text')} as kind from ({stacked})"  # noqa: S608
    return f"select {_AGGREGATES} from ({kinds}) group by number order by number"  # noqa: S608


def candidate_for(text: str, type: str) -> str:
    """SQL of the value that DuckDB makes of a text, whether or not the value says the same; NULL if it makes none."""
    value = f"try_cast({text} as {type})"
    # A comparison takes a third of the time of this cast.
    return f"case {text} when 'true' then true when 'false' then false else {value} end" if type == "boolean" else value


def conversion(column: str, candidate: str, type: str) -> str:
    """SQL of the value of a text as this type; NULL for NULL and the empty text. Raises DEVIATION for another text.

    `candidate` is the name of a column that holds `candidate_for(column, type)`. It is computed once and used in
    several places, which DuckDB doesn't see by itself.
    """
    first, *others = _conditions(column, candidate, type)
    # The first condition holds for nearly all texts, so the others cost next to nothing.
    return (
        f"case when {first} then {candidate} when {column} is null or {column} = '' then null "
        + "".join(f"when {condition} then {candidate} " for condition in others)
        + f"else error({string_literal(DEVIATION)}) end"
    )


def _kind_of(text: str) -> str:
    """SQL of the kind of a text; NULL for NULL and the empty text."""
    # Cheap conditions come first: a fiftieth of a second for each column would be noticed in a short report.
    special = {_is_special(text): TextKind.SPECIAL}
    numbers = {
        _fits(text, "bigint"): TextKind.INTEGER,
        f"regexp_full_match({text}, '{_NUMBER}')": TextKind.DECIMAL,
        f"regexp_full_match({text}, '{_NUMBER}{_EXPONENT}')": TextKind.EXPONENT,
    }
    cases = {
        f"{text} is null or {text} = ''": "null",
        f"not regexp_matches({text}, '{_BEGINNING}')": str(int(TextKind.TEXT)),
        # 1.2e-05 has a minus there, too.
        f"{text}[5] = '-' and {text}[4] between '0' and '9'": _case(
            {f"strlen({text}) = {_DATE_LENGTH} and {_fits(text, 'date')}": TextKind.DATE}
            | _conditions_of(text, TextKind.TIMESTAMP, TextKind.INSTANT)
        ),
        f"{text}[3] = ':'": _case(_conditions_of(text, TextKind.TIME)),
        f"regexp_matches({text}, '{_LETTERS}')": _case(_conditions_of(text, TextKind.BOOLEAN) | special),
    }
    branches = " ".join(f"when {condition} then {kind}" for condition, kind in cases.items())
    return f"case {branches} else {_case(numbers | special)} end"


def _case(kinds: Mapping[str, TextKind]) -> str:
    """SQL of the first kind whose condition holds, otherwise TEXT."""
    branches = " ".join(f"when {condition} then {int(kind)}" for condition, kind in kinds.items())
    return f"case {branches} else {int(TextKind.TEXT)} end"


def _conditions_of(text: str, *kinds: TextKind) -> dict[str, TextKind]:
    """SQL of the conditions for kinds that have one type."""
    return {_fits(text, _OTHER_TYPES[kind]): kind for kind in kinds}


def _fits(text: str, type: str) -> str:
    """SQL of whether a text is of a type."""
    conditions = " or ".join(_conditions(text, candidate_for(text, type), type))
    return f"coalesce({conditions}, false)"


def _conditions(text: str, value: str, type: str) -> list[str]:
    """SQL of conditions, one of which holds if and only if `value` says the same as `text`; the likeliest comes first.

    Most compare the text with DuckDB's text of the value, which costs less than a regular expression. None is an IN:
    with more than a few constants, DuckDB joins a table of them, even for a column that the query doesn't use.
    """
    unchanged = f"cast({value} as varchar) = {text}"
    if type == "date":
        # DuckDB writes others in its own way: 'infinity', '0044-03-15 (BC)'.
        return [f"{value} between date '0001-01-01' and date '9999-12-31' and {unchanged}"]
    if type == "timestamp":
        with_space = f"cast({value} as varchar) = replace({text}, 'T', ' ')"
        usual = f"{value} between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'"
        return [f"{usual} and {unchanged}", f"{usual} and {with_space}", _matches(text, value, type)]
    if type in ("time", "boolean"):
        return [unchanged, _matches(text, value, type)]
    if type == "timestamptz":
        return [_matches(text, value, type)]
    if type == "double":
        return [unchanged, _is_short_double(text, value), _is_special(text)]
    if type.endswith(",0)") or type == "bigint":
        return [unchanged]
    return [unchanged, _matches(text, value, type)]


def _matches(text: str, value: str, type: str) -> str:
    """SQL of whether a text is written in the notation of a type, of which it has a value."""
    pattern = _PATTERNS.get(type) or _NUMBER.replace("+)", f"{{1,{type.rstrip(')').split(',')[1]}}})")
    return f"{value} is not null and regexp_full_match({text}, '{pattern}')"


def _is_special(text: str) -> str:
    return f"regexp_full_match({text}, '{_SPECIAL_NUMBER}')"


def _is_short_double(text: str, value: str) -> str:
    """SQL of whether a text is a number of few enough digits, and not so small or large that a double loses some."""
    digits = f"regexp_replace({text}, '[eE].*|[-.]', '', 'g')"
    return (
        f"regexp_full_match({text}, '{_NUMBER}({_EXPONENT})?') and strlen({digits}) <= {FLOAT_DIGITS} "
        f"and (abs({value}) between 1e-290 and 1e290 or trim({digits}, '0') = '')"
    )


#: SQL of a number's digits before and after the point.
_WHOLE_DIGITS = (
    "case when contains(text, '.') then strpos(text, '.') - 1 else strlen(text) end - starts_with(text, '-')::integer"
)
_FRACTION_DIGITS = "case when contains(text, '.') then strlen(text) - strpos(text, '.') else 0 end"
#: SQL of the fields of Facts, about texts and their kinds.
_AGGREGATES = (
    f"bit_or(kind), max({_WHOLE_DIGITS}) filter (kind <= {int(_EXACT_NUMBERS)}), "
    f"max({_FRACTION_DIGITS}) filter (kind <= {int(_EXACT_NUMBERS)}), "
    f"bool_and(case when kind <= {int(_EXACT_NUMBERS)} and strlen(text) <= {FLOAT_DIGITS} then true "
    f"when kind <= {int(_ALL_NUMBERS)} then {_fits('text', 'double')} end)"
)
