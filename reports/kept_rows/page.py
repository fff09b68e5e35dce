"""A page of kept rows, sorted and searched: runs in children only, because the rows are an author's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from reports.kept_rows.file import BATCH_ROWS, open_part
from reports.rendering.column_json import to_json
from reports.rendering.column_kinds import NUMBERS, TEMPORAL, ColumnKind, kind_of, unwrapped
from reports.rendering.column_text import as_text, display_text
from reports.rendering.text_arrays import TEXT, concat, join_rows

#: The size of a page in JSON from which it has no more rows, but always one.
_MAX_PAGE_BYTES = 4 << 20
#: Characters of a value that a page of the browser shows.
_MAX_SHOWN = 500
_THREADS = 2
#: What the texts of some kinds consist of. A search for anything else needn't look at them.
_CHARACTERS = {
    ColumnKind.INTEGER: "-0123456789",
    ColumnKind.DECIMAL: "-.0123456789",
    ColumnKind.FLOAT: "-+.0123456789einfa",
    ColumnKind.BOOLEAN: "truefals",
    ColumnKind.DATE: "-+0123456789infty",
    ColumnKind.TIMESTAMP: "-+:.0123456789tz infy",
    ColumnKind.TIME: ":.0123456789",
}


@dataclass(frozen=True, kw_only=True)
class RowsQuery:
    """Which rows of a file to return, in which order. `sort` is a column; `search` a text that a value contains."""

    path: str
    offset: int
    limit: int
    sort: str | None = None
    descending: bool = False
    search: str = ""
    section: str | None = None


@dataclass(frozen=True)
class KeptColumn:
    name: str
    type: str
    is_number: bool


@dataclass(frozen=True)
class RowsPage:
    """A page. `json` is an array of rows; `texts` are the same for people. One of the two is empty.

    `total` counts the rows that the search found. `known_sort` is False if there is no such column.
    """

    columns: list[KeptColumn]
    total: int
    json: str = ""
    texts: list[list[str | None]] = ()  # type: ignore[assignment]
    known_sort: bool = True


def json_page(query: RowsQuery) -> RowsPage:
    """Return the page with values as the json format writes them."""
    columns, total, rows = _page(query)
    if rows is None:
        return RowsPage(columns, total, known_sort=False)
    if not rows.num_rows or not columns:
        return RowsPage(columns, total, "[" + ",".join(["[]"] * rows.num_rows) + "]")
    lines = join_rows([to_json(column) for column in rows.columns], "[", ",", "]")
    ends = pc.cumulative_sum(pc.binary_length(lines))
    fitting = max(1, pc.sum(pc.less(ends, _MAX_PAGE_BYTES)).as_py())
    return RowsPage(columns, total, "[" + ",\n".join(lines.slice(0, fitting).to_pylist()) + "]")


def text_page(query: RowsQuery) -> RowsPage:
    """Return the page as a browser shows it; long values are shortened."""
    columns, total, rows = _page(query)
    if rows is None:
        return RowsPage(columns, total, known_sort=False)
    texts = [shortened(display_text(column)).to_pylist() for column in rows.columns]
    return RowsPage(columns, total, texts=[list(row) for row in zip(*texts, strict=True)])


def shortened(texts: pa.Array) -> pa.Array:
    texts = texts.cast(TEXT)
    start = pc.utf8_slice_codeunits(texts, 0, _MAX_SHOWN)
    return pc.if_else(pc.equal(start, texts), start, concat(start, "…"))


def _page(query: RowsQuery) -> tuple[list[KeptColumn], int, pa.RecordBatch | None]:
    with pa.memory_map(query.path) as data, open_part(data, query.section) as file:
        schema = file.schema
        columns = [_described(field) for field in schema]
        if query.sort is not None and query.sort not in schema.names:
            return columns, 0, None
        chosen = None
        total = _row_count(file)
        if query.search:
            chosen = _found(file, query.search)
            total = len(chosen)
        if query.sort is not None:
            key = _sort_key(query, data)
            of_key = key if chosen is None else key.take(chosen)
            indices = pc.array_sort_indices(of_key, order="descending" if query.descending else "ascending")
            chosen = indices if chosen is None else chosen.take(indices)
        if chosen is None:
            start = min(query.offset, total)
            chosen = pa.array(range(start, min(start + query.limit, total)), pa.uint64())
        else:
            chosen = chosen.slice(query.offset, query.limit)
        return columns, total, rows_at(file, chosen.to_pylist())


def _row_count(file: pa.RecordBatchFileReader) -> int:
    batches = file.num_record_batches
    return (batches - 1) * BATCH_ROWS + file.get_batch(batches - 1).num_rows if batches else 0


def rows_at(file: pa.RecordBatchFileReader, positions: Sequence[int]) -> pa.RecordBatch:
    """Return the rows at these positions, in this order."""
    by_batch: dict[int, list[int]] = {}
    for position in positions:
        by_batch.setdefault(position // BATCH_ROWS, []).append(position)
    if not by_batch:
        return pa.record_batch([pa.nulls(0, field.type) for field in file.schema], schema=file.schema)
    parts = [
        file.get_batch(number).take(pa.array([position % BATCH_ROWS for position in within], pa.int64()))
        for number, within in by_batch.items()
    ]
    read = {position: at for at, position in enumerate(p for within in by_batch.values() for p in within)}
    order = pa.array([read[position] for position in positions], pa.int64())
    columns = [
        pa.chunked_array([part.column(at) for part in parts], field.type).combine_chunks().take(order)
        for at, field in enumerate(file.schema)
    ]
    return pa.record_batch(columns, schema=file.schema)


def _sort_key(query: RowsQuery, data: pa.MemoryMappedFile) -> pa.Array:
    """Return one column as values that Arrow sorts: numbers and times as they are, anything else as its text."""
    with open_part(data, query.section) as file:
        at = file.schema.names.index(query.sort)
    options = pa.ipc.IpcReadOptions(included_fields=[at])
    with open_part(data, query.section, options) as file:
        convert = _key_of(kind_of(file.schema.field(0).type))
        chunks = [convert(file.get_batch(number).column(0)) for number in range(file.num_record_batches)]
    if not chunks:
        return pa.nulls(0, pa.int64())
    key = pa.chunked_array(chunks).combine_chunks()
    return key if pa.types.is_primitive(key.type) else _ranks(key)


def _ranks(array: pa.Array) -> pa.Array:
    """Return numbers that sort like the values. Texts are compared in far less time once than in each row."""
    encoded = array.dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary)
    return pc.array_sort_indices(order).take(encoded.indices)


def _key_of(kind: ColumnKind) -> Callable[[pa.Array], pa.Array]:
    if kind is ColumnKind.NUMERIC_TEXT:
        return lambda array: unwrapped(array).cast(pa.float64())
    if kind in NUMBERS or kind in TEMPORAL or kind in (ColumnKind.DURATION, ColumnKind.BOOLEAN):
        return unwrapped
    return lambda array: pc.utf8_lower(as_text(array).cast(TEXT))


def _found(file: pa.RecordBatchFileReader, search: str) -> pa.Array:
    """Return the positions of the rows in which a value contains the text, in upper or lower case."""
    words = search.lower()
    numbers = range(file.num_record_batches)
    searched = [at for at, field in enumerate(file.schema) if _may_contain(kind_of(field.type), words)]

    def find(number: int) -> pa.Array:
        batch = file.get_batch(number)
        found = pa.repeat(pa.scalar(False), batch.num_rows)
        for at in searched:
            found = pc.or_(found, pc.fill_null(_contains(batch.column(at), words), False))
        return pc.add(pc.indices_nonzero(found), pa.scalar(number * BATCH_ROWS, pa.uint64()))

    with ThreadPoolExecutor(_THREADS) as pool:
        parts = list(pool.map(find, numbers))
    return pa.chunked_array(parts, pa.uint64()).combine_chunks()


def _contains(array: pa.Array, words: str) -> pa.Array:
    if kind_of(array.type) in _CHARACTERS and not isinstance(array.type, pa.BaseExtensionType):
        # The text of each value is made only once.
        encoded = unwrapped(array).dictionary_encode()
        return _contains_text(encoded.dictionary, words).take(encoded.indices)
    return _contains_text(array, words)


def _contains_text(array: pa.Array, words: str) -> pa.Array:
    return pc.match_substring(pc.utf8_lower(as_text(array).cast(TEXT)), words)


def _may_contain(kind: ColumnKind, words: str) -> bool:
    return kind not in _CHARACTERS or set(words) <= set(_CHARACTERS[kind])


def _described(field: pa.Field) -> KeptColumn:
    kind = kind_of(field.type)
    type_name = ColumnKind.DECIMAL if kind is ColumnKind.NUMERIC_TEXT else kind
    return KeptColumn(field.name, str(type_name.value), kind in NUMBERS)
