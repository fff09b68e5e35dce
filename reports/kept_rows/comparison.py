"""Two files of kept rows compared: runs in children only, because the rows are an author's.

DuckDB compares digests of rows, which it writes to disk if there are too many. The rows themselves are read batch by
batch, and those of the page that is asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from reports.kept_rows.file import open_part
from reports.kept_rows.page import rows_at, shortened
from reports.rendering.column_json import to_json
from reports.rendering.column_kinds import NUMBERS, ColumnKind, kind_of, unwrapped
from reports.rendering.columns.options import ColumnOptions
from reports.rendering.columns.views import ColumnView
from reports.rendering.text_arrays import TEXT, join_rows

_SETTINGS: dict[str, str | int] = {"memory_limit": "256MB", "threads": 2, "preserve_insertion_order": False}
_DIGESTS = pa.schema([("place", pa.int64()), ("key", TEXT), ("rest", TEXT)])
_DIGEST = """
    create temp table {side} as
    select *, row_number() over (partition by key, rest order by place) as number
    from (select place, md5_number(key) as key, md5_number(rest) as rest from {side}_rows)
"""
#: Rows of one side without an equal one on the other, numbered among those with the same key.
_UNMATCHED = """
    create temp table {side}_unmatched as
    select place, key, row_number() over (partition by key order by place) as number from {side} mine
    where not exists (
        select 1 from {other} theirs
        where theirs.key = mine.key and theirs.rest = mine.rest and theirs.number = mine.number
    )
"""
_DIFFERENCES = """
    create temp table difference as
    select
        case
            when earlier.place is null then 'added' when later.place is null then 'removed' else 'changed'
        end as change,
        later.place as later_place, earlier.place as earlier_place
    from later_unmatched later full join earlier_unmatched earlier
    on later.key = earlier.key and later.number = earlier.number
"""
_PAGE = """
    select change, later_place, earlier_place from difference where ? in ('', change)
    order by coalesce(later_place, earlier_place), change desc limit ? offset ?
"""


class Change(StrEnum):
    """What happened to a row between the earlier result and the later one."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class CompareQuery:
    """Which files to compare, and which differences to return. `keys`: columns that identify a row; none: all do.

    `change`: only differences of this kind; "" for all. `options` and `locale`: how values are shown; without a
    locale, they are returned as JSON.
    """

    later: str
    earlier: str
    section: str | None = None
    keys: tuple[str, ...] = ()
    change: str = ""
    offset: int = 0
    limit: int = 25
    options: Mapping[str, ColumnOptions] = field(default_factory=dict)
    locale: str = ""


@dataclass(frozen=True)
class ComparedColumn:
    """A column that both results have."""

    name: str
    is_number: bool
    is_key: bool


@dataclass(frozen=True)
class Difference:
    """A row that differs, with its values in each result that has it. `changed`: positions of columns that differ."""

    change: Change
    later: list[str | None] | None
    earlier: list[str | None] | None
    changed: list[int]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs. Columns that only one result has aren't compared. `keys` are empty if rows are compared as a whole,
    and `missing_keys` the columns because of which that is so."""

    columns: list[ComparedColumn]
    keys: list[str]
    missing_keys: list[str]
    only_later: list[str]
    only_earlier: list[str]
    added: int
    removed: int
    changed: int
    unchanged: int
    differences: list[Difference]


def compare(query: CompareQuery) -> Comparison:
    """Return how the later result differs from the earlier one."""
    with (
        _opened(query.later, query.section) as later,
        _opened(query.earlier, query.section) as earlier,
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(config={**_SETTINGS, "temp_directory": folder}) as database,
    ):
        names = [name for name in dict.fromkeys(later.schema.names) if name in earlier.schema.names]
        missing = [key for key in query.keys if key not in names]
        keys = [] if missing else list(query.keys)
        for side, file in (("later", later), ("earlier", earlier)):
            _store_digests(database, side, file, keys, names)
        _find_differences(database)
        counts = dict(database.execute("select change, count(*) from difference group by change").fetchall())
        (total,) = database.execute("select count(*) from later").fetchone() or (0,)
        added, changed = counts.get(Change.ADDED, 0), counts.get(Change.CHANGED, 0)
        page = database.execute(_PAGE, [query.change, query.limit, query.offset]).fetchall()
        return Comparison(
            columns=[_column(later.schema.field(later.schema.names.index(name)), keys) for name in names],
            keys=keys,
            missing_keys=missing,
            only_later=[name for name in later.schema.names if name not in names],
            only_earlier=[name for name in earlier.schema.names if name not in names],
            added=added,
            removed=counts.get(Change.REMOVED, 0),
            changed=changed,
            unchanged=total - added - changed,
            differences=_differences(page, later, earlier, names, query),
        )


@contextmanager
def _opened(path: str, section: str | None) -> Iterator[pa.RecordBatchFileReader]:
    with pa.memory_map(path) as data, open_part(data, section) as file:
        yield file


def _store_digests(
    database: duckdb.DuckDBPyConnection,
    side: str,
    file: pa.RecordBatchFileReader,
    keys: Sequence[str],
    names: Sequence[str],
) -> None:
    """Make a table with position, digest of the key and digest of the other columns of each row."""
    reader = pa.RecordBatchReader.from_batches(_DIGESTS, _digest_batches(file, keys or names, names))
    database.register(f"{side}_rows", reader)
    # The name is one of two words.
    database.execute(_DIGEST.format(side=side))


def _digest_batches(
    file: pa.RecordBatchFileReader, keys: Sequence[str], names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    others = [name for name in names if name not in keys]
    start = 0
    for number in range(file.num_record_batches):
        batch = file.get_batch(number)
        positions = pa.array(range(start, start + batch.num_rows), pa.int64())
        start += batch.num_rows
        texts = [_row_texts(batch, part) for part in (keys, others)]
        yield pa.record_batch([positions, *texts], schema=_DIGESTS)


def _row_texts(batch: pa.RecordBatch, names: Sequence[str]) -> pa.Array:
    """A text for each row that is equal for equal values, and only for them."""
    if not names:
        return pa.repeat(pa.scalar("", TEXT), batch.num_rows)
    return join_rows([_comparable(_first(batch, name)) for name in names], "", "\n", "")


def _first(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The first column with this name: a query can return several."""
    return batch.column(batch.schema.names.index(name))


def _comparable(column: pa.Array) -> pa.Array:
    """Each value as one line of text; JSON has no NaN."""
    if kind_of(column.type) in (ColumnKind.FLOAT, ColumnKind.NUMERIC_TEXT):
        return pc.fill_null(unwrapped(column).cast(TEXT), pa.scalar("null", TEXT))
    return to_json(column)


def _find_differences(database: duckdb.DuckDBPyConnection) -> None:
    for side, other in (("later", "earlier"), ("earlier", "later")):
        database.execute(_UNMATCHED.format(side=side, other=other))
    database.execute(_DIFFERENCES)


def _column(described: pa.Field, keys: Sequence[str]) -> ComparedColumn:
    return ComparedColumn(described.name, kind_of(described.type) in NUMBERS, described.name in keys)


def _differences(
    page: Sequence[tuple[str, int | None, int | None]],
    later: pa.RecordBatchFileReader,
    earlier: pa.RecordBatchFileReader,
    names: Sequence[str],
    query: CompareQuery,
) -> list[Difference]:
    sides = []
    for file, positions in ((later, [row[1] for row in page]), (earlier, [row[2] for row in page])):
        rows = rows_at(file, [position for position in positions if position is not None])
        columns = [_first(rows, name) for name in names]
        compared = zip(*(_comparable(column).to_pylist() for column in columns), strict=True)
        shown = zip(*_shown(columns, names, query), strict=True)
        sides.append(iter(list(zip(compared, shown, strict=True))))
    return [
        _difference(change, *(_next(side, at) for side, at in zip(sides, row, strict=True))) for change, *row in page
    ]


def _next(side: Iterator[Any], position: int | None) -> Any:
    return None if position is None else next(side)


def _difference(change: str, later: Any, earlier: Any) -> Difference:
    """Each side: the row's comparable texts, and those that are shown; None if it isn't there."""
    changed = []
    if later and earlier:
        changed = [at for at, (new, old) in enumerate(zip(later[0], earlier[0], strict=True)) if new != old]
    return Difference(Change(change), list(later[1]) if later else None, list(earlier[1]) if earlier else None, changed)


def _shown(columns: Sequence[pa.Array], names: Sequence[str], query: CompareQuery) -> list[list[str | None]]:
    """The values of each column as JSON or, with a locale, as the formats for people show them."""
    if not query.locale:
        return [to_json(column).to_pylist() for column in columns]
    texts = []
    for name, column in zip(names, columns, strict=True):
        view = ColumnView(pa.field(name, column.type), query.options.get(name, ColumnOptions()), query.locale)
        texts.append(shortened(view.texts(column)).to_pylist())
    return texts
