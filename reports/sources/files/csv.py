"""CSV files: a fixed notation (RFC 4180) with a delimiter that the first line shows, and types that change no value."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from reports.sources.duckdb.engine import string_literal
from reports.sources.files.compression import beginning, compression_of
from reports.sources.files.faults import file_fault
from reports.sources.files.text_types import Facts, candidate_for, conversion, facts
from reports.sources.placeholders import identifier

#: The rows from which types are taken. Whole files are only looked at if a later value doesn't fit.
_SAMPLE_ROWS = 20_480
#: The rows from whose length DuckDB estimates their number.
_COUNTED_ROWS = 100
_DELIMITERS = ",;\t|"
#: Bytes of a line, as DuckDB's `max_line_size`.
_MAX_LINE = 2_000_000
#: A quoted field, also one whose end is missing. Quotes inside of other fields mean nothing.
_QUOTED = re.compile(r'(?:^|(?<=[,;\t| ]))"(?:[^"]|"")*(?:"|$)')
_LINE = re.compile(rf"(?:{_QUOTED.pattern}|[^\r\n])+")


@dataclass(frozen=True)
class CsvFile:
    """How a file is written: its delimiter, and the number of fields in its first line."""

    path: Path
    delimiter: str
    width: int

    def reader(self, *, header: bool, counted: bool = False) -> str:
        """SQL of all rows as texts, with the columns c0, c1 …

        `header`: without the first row. `counted`: DuckDB's planner estimates the rows. That is only for a file whose
        beginning has been read: DuckDB explains its faults less well, and would look for another notation.
        """
        columns = ", ".join(f"{column}: 'varchar'" for column in self.columns)
        options = {
            "columns": f"{{{columns}}}",
            "strict_mode": "true",
            # Without a look at the file DuckDB expects 42 rows of any file, and plans joins accordingly.
            "auto_detect": str(counted).lower(),
            **({"sample_size": str(_COUNTED_ROWS)} if counted else {}),
            "header": str(header).lower(),
            "delim": string_literal(self.delimiter),
            "quote": "'\"'",
            "escape": "'\"'",
            "comment": "''",
            "skip": "0",
            # An empty field is NULL, and "" an empty text.
            "nullstr": "''",
            "allow_quoted_nulls": "false",
            "max_line_size": str(_MAX_LINE),
            "compression": string_literal(compression_of(self.path) or "none"),
        }
        written = ", ".join(f"{name} = {value}" for name, value in options.items())
        return f"read_csv({string_literal(str(self.path))}, {written})"

    @property
    def columns(self) -> list[str]:
        return [f"c{number}" for number in range(self.width)]


def csv_view(connection: duckdb.DuckDBPyConnection, path: Path, whole_file: bool) -> str:
    """SQL of the file's rows. `whole_file`: with types that all of its values have. Raises SourceUnusable."""
    file = _inspected(path)
    [first] = connection.execute(f"from {file.reader(header=False)} limit 1").fetchall()
    sample = f"(from {file.reader(header=True)} limit {_SAMPLE_ROWS})"
    of_others = facts(connection, sample, file.columns)
    of_all = [
        a | b for a, b in zip(of_others, facts(connection, _values(first, file.columns), file.columns), strict=True)
    ]
    is_header = _is_header(of_others, of_all)
    names = column_names(first if is_header else [None] * len(first))
    found = of_others if is_header else of_all
    types = _types(file.columns, found)
    # A column that begins empty may have numbers below, and a query that adds them up.
    uncertain = [column for column, known in zip(file.columns, found, strict=True) if not known.kinds]
    if whole_file:
        uncertain, types = uncertain + list(types), {}
    if uncertain:
        types |= _types(uncertain, facts(connection, file.reader(header=is_header), uncertain))
    return converted(file.reader(header=is_header, counted=True), dict(zip(file.columns, names, strict=True)), types)


def _is_header(of_others: Sequence[Facts], of_all: Sequence[Facts]) -> bool:
    """Whether the first row is the header: facts about the other rows and about all of them.

    It is, unless all of its fields have the types of the rows below, and not all of these types are text.
    """
    has_types = any(facts.type for facts in of_others)
    fits_types = all(
        bool(others.type) == bool(all_rows.type) for others, all_rows in zip(of_others, of_all, strict=True)
    )
    return not (has_types and fits_types)


def _types(columns: Iterable[str], found: Iterable[Facts]) -> dict[str, str]:
    """DuckDB's types by column, without those that are text."""
    return {column: facts.type for column, facts in zip(columns, found, strict=True) if facts.type}


def column_names(header: Sequence[str | None]) -> list[str]:
    """Names for columns, all of them different: those of the header, and numbers for missing ones, as DuckDB does."""
    digits = len(str(len(header) - 1))
    names: list[str] = []
    uses: dict[str, int] = {}
    for number, field in enumerate(header):
        name = (field or "").strip() or f"column{number:0{digits}}"
        while name.lower() in uses:
            uses[name.lower()] += 1
            name = f"{name}_{uses[name.lower()]}"
        uses[name.lower()] = 0
        names.append(name)
    return names


def _inspected(path: Path) -> CsvFile:
    head = beginning(path, _MAX_LINE)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise file_fault(path, "it is UTF-16. Save it as UTF-8")
    # A wrong byte is reported by DuckDB, with its line.
    line = _LINE.match(head.decode("utf-8-sig", errors="replace").lstrip("\r\n"))
    if line is None:
        raise file_fault(path, "it is empty")
    unquoted = _QUOTED.sub("", line[0])
    delimiter = max(_DELIMITERS, key=unquoted.count)
    return CsvFile(path, delimiter, unquoted.count(delimiter) + 1)


def _values(row: Sequence[str | None], names: Sequence[str]) -> str:
    values = ", ".join("null::varchar" if text is None else string_literal(text) for text in row)
    return f"(values ({values})) as r({', '.join(names)})"


def converted(reader: str, names: Mapping[str, str], types: Mapping[str, str]) -> str:
    """SQL of all rows under these names, with the columns that have a type converted to it."""
    # DuckDB computes only what the query uses, so a column that it doesn't use is neither converted nor checked.
    candidates = "".join(f", {candidate_for(column, type)} as {column}_value" for column, type in types.items())
    selected = ", ".join(
        f"{conversion(column, f'{column}_value', types[column]) if column in types else column} as {identifier(name)}"
        for column, name in names.items()
    )
    return f"select {selected} from (select {', '.join(names)}{candidates} from {reader})"  # noqa: S608
