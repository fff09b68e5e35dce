"""Columns as text, exact and vectorised: the conversions that csv, json, xlsx, html and pdf share."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering import moments
from reports.rendering.kinds import Kind, kind_of, plain
from reports.rendering.moments import TEXT

#: What is converted at once. Larger pieces are no faster, and each needs some ten times its size while it is built.
PIECE_ROWS = 16_384
PIECE_BYTES = 4 << 20

EMPTY = pa.scalar("", TEXT)


def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in slices small enough that memory stays flat whatever size of batch a source hands over."""
    if batch.num_rows == 0 or batch.num_columns == 0:
        return
    per_row = max(1, batch.nbytes // batch.num_rows)
    step = max(1, min(PIECE_ROWS, PIECE_BYTES // per_row))
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)


def text(array: pa.Array) -> pa.Array:
    """The values as people and programs read them, as large_string; NULL stays NULL. Rules: docs/formats.md."""
    return _TEXT_OF[kind_of(array.type)](plain(array))


def read_text(array: pa.Array) -> pa.Array:
    """The same for people only: with a space for the T of a timestamp."""
    texts = text(array)
    if kind_of(array.type) is Kind.TIMESTAMP:
        return pc.replace_substring(texts, "T", " ", max_replacements=1)
    return texts


def join(*parts: pa.Array | pa.Scalar | str) -> pa.Array:
    """Row by row concatenation; a NULL part makes the row NULL. At least one part must be an array."""
    operands = [pa.scalar(part, TEXT) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*operands, EMPTY)


def lines(fields: Sequence[pa.Array], opening: str, between: str, closing: str) -> pa.Array:
    """The fields of each row with something before, between and after them. Each part given to Arrow's join costs,
    so the separator is the join's own and the ends go onto the outer columns."""
    parts = list(fields)
    parts[0] = join(opening, parts[0]) if opening else parts[0]
    parts[-1] = join(parts[-1], closing)
    return pc.binary_join_element_wise(*parts, pa.scalar(between, TEXT))


def value_bytes(array: pa.Array) -> memoryview:
    """The UTF-8 of all values of a large_string array, end to end, without a copy."""
    _, offsets, data = array.buffers()
    if data is None or len(array) == 0:
        return memoryview(b"")
    (first,) = struct.unpack_from("<q", offsets, 8 * array.offset)
    (last,) = struct.unpack_from("<q", offsets, 8 * (array.offset + len(array)))
    return memoryview(data)[first:last]


def write_values(out: BinaryIO, array: pa.Array) -> None:
    """Write all values of a large_string array one after another."""
    out.write(value_bytes(array))


def holds_any(array: pa.Array, characters: str) -> str:
    """Those of the `characters`, each standing for one byte of UTF-8, that occur anywhere in the array: a memchr each,
    far cheaper than a regex."""
    data = bytes(value_bytes(array))
    return "".join(character for character in characters if ord(character) in data)


def replace(array: pa.Array, replacements: Mapping[str, str]) -> pa.Array:
    """Replace ASCII characters, in the order of the mapping; columns that hold none of them are not touched."""
    for character in holds_any(array, "".join(replacements)):
        array = pc.replace_substring(array, character, replacements[character])
    return array


def each(function: Callable[[object], str], array: pa.Array) -> pa.Array:
    """The slow way, for types that Arrow has no kernel for."""
    return pa.array([None if value is None else function(value) for value in array.to_pylist()], TEXT)


def decimal_text(array: pa.Array) -> pa.Array:
    """All digits and the scale's zeros, without an exponent: Arrow writes 0 of scale 8 as 0E-8."""
    texts = array.cast(TEXT)
    if 0 <= array.type.scale <= 6:
        return texts
    odd = pc.fill_null(pc.match_substring(texts, "E"), False)
    if not pc.any(odd).as_py():
        return texts
    fixed = pa.array([format(Decimal(value), "f") for value in texts.filter(odd).to_pylist()], TEXT)
    return pc.replace_with_mask(texts, odd, fixed)


def _cast(array: pa.Array) -> pa.Array:
    return array.cast(TEXT)


def _hex(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else value.hex() for value in array.to_pylist()], TEXT)


def _uuid(array: pa.Array) -> pa.Array:
    texts = _hex(array)
    parts = [pc.utf8_slice_codeunits(texts, *span) for span in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))]
    return pc.binary_join_element_wise(*parts, pa.scalar("-", TEXT))


def _nested(array: pa.Array) -> pa.Array:
    from reports.rendering.jsontext import json_text

    return pc.if_else(array.is_valid(), json_text(array), pa.scalar(None, TEXT))


_TEXT_OF: Mapping[Kind, Callable[[pa.Array], pa.Array]] = {
    Kind.INTEGER: _cast,
    Kind.FLOAT: _cast,
    Kind.DECIMAL: decimal_text,
    Kind.NUMERIC_TEXT: _cast,
    Kind.BOOLEAN: _cast,
    Kind.DATE: moments.date_text,
    Kind.TIME: moments.time_text,
    Kind.TIMESTAMP: moments.timestamp_text,
    Kind.DURATION: moments.duration_text,
    Kind.INTERVAL: moments.interval_text,
    Kind.TEXT: _cast,
    Kind.JSON: _cast,
    Kind.UUID: _uuid,
    Kind.BINARY: _hex,
    Kind.NESTED: _nested,
    Kind.NULL: _cast,
}
