"""Converts the sheets of a workbook to Parquet, with exact values: a column has a type if all of its cells have it.

The first row with a value has the names of the columns. Numbers are doubles, as in the workbook; a column of whole
numbers has whole numbers. Formulas have the values that the workbook keeps of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine

_MAX_SHEETS = 50
_MAX_COLUMNS = 2_000
#: Larger whole numbers aren't exact in a workbook.
_MAX_WHOLE = 2**53
Cell = Any


class WorkbookFault(Exception):
    """The workbook can't be used. The message is a sentence."""


@dataclass(frozen=True)
class Sheet:
    """A sheet that was written to a file."""

    title: str
    path: Path


def convert_sheets(path: Path, folder: Path) -> list[Sheet]:
    """Write each sheet that has rows to a file in the folder. Raises WorkbookFault."""
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(path)
    except (python_calamine.CalamineError, OSError):
        raise WorkbookFault("The file is not a workbook in the format XLSX, or is damaged or protected.") from None
    with workbook:
        if len(workbook.sheet_names) > _MAX_SHEETS:
            raise WorkbookFault(f"The workbook has more than {_MAX_SHEETS} sheets. Split it.")
        found = []
        for number, title in enumerate(workbook.sheet_names, start=1):
            table = _table(workbook, title)
            if table is not None:
                found.append(Sheet(title, folder / f"sheet{number}.parquet"))
                pq.write_table(table, found[-1].path, compression="zstd")
    if not found:
        raise WorkbookFault("The workbook has no sheet with a row of names and values below it.")
    return found


def _table(workbook: python_calamine.CalamineWorkbook, title: str) -> pa.Table | None:
    """The sheet's rows in columns; None if there is nothing below the names."""
    try:
        rows = iter(workbook.get_sheet_by_name(title).to_python(skip_empty_area=True))
    except (python_calamine.CalamineError, ValueError):
        # A sheet of charts, for example.
        return None
    names = next((row for row in rows if any(cell != "" for cell in row)), None)
    below = [row for row in rows if any(cell != "" for cell in row)]
    if names is None or not below:
        return None
    if len(names) > _MAX_COLUMNS:
        raise WorkbookFault(f"Sheet “{title}” has more than {_MAX_COLUMNS:,} columns.")
    arrays = [_array([None if cell == "" else cell for cell in column]) for column in zip(*below, strict=True)]
    return pa.table(arrays, names=_unique_names(names))


def _unique_names(cells: Sequence[Cell]) -> list[str]:
    """A name for each column: as written, and different without regard to case."""
    taken: Counter[str] = Counter()
    names = []
    for number, cell in enumerate(cells, start=1):
        name = _text(cell).strip() or f"column{number}"
        taken[name.lower()] += 1
        while taken[name.lower()] > 1:
            name = f"{name}_{number}"
            taken[name.lower()] += 1
        names.append(name)
    return names


def _array(cells: list[Cell]) -> pa.Array:
    given = [cell for cell in cells if cell is not None]
    if not given:
        return pa.nulls(len(cells), pa.string())
    if _all(given, bool):
        return pa.array(cells, pa.bool_())
    if _all(given, int, float):
        is_whole = all(float(cell).is_integer() and abs(cell) <= _MAX_WHOLE for cell in given)
        return _converted(cells, pa.int64(), int) if is_whole else _converted(cells, pa.float64(), float)
    if all(type(cell) is date for cell in given):
        return pa.array(cells, pa.date32())
    if all(isinstance(cell, date) for cell in given):
        return _converted(cells, pa.timestamp("us"), _moment)
    if _all(given, time):
        return pa.array(cells, pa.time64("us"))
    return _converted(cells, pa.string(), _text)


def _all(cells: Iterable[Cell], *types: type) -> bool:
    """Whether all cells have one of these types; a truth value is no number."""
    return all(type(cell) in types for cell in cells)


def _converted(cells: list[Cell], type: pa.DataType, convert: Callable[[Cell], object]) -> pa.Array:
    return pa.array([None if cell is None else convert(cell) for cell in cells], type)


def _moment(cell: date) -> datetime:
    return cell if isinstance(cell, datetime) else datetime.combine(cell, time())


def _text(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= _MAX_WHOLE:
        return str(int(cell))
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return str(cell)
