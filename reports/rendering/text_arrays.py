"""Building blocks for text columns: operations on `large_string` arrays, and slices of a bounded size.

Everything here works on whole arrays in Arrow's C++ code. A Python loop over values would be ten to a hundred times
slower.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

#: The type of every text column on its way to a file. Its 64-bit offsets hold more than 2 GiB of text.
TEXT = pa.large_string()
EMPTY = pa.scalar("", TEXT)

#: Rows and bytes that are converted at once. Larger slices are no faster, and converting a slice takes about ten
#: times its size in memory.
SLICE_ROWS = 16_384
SLICE_BYTES = 4 << 20


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the batch in slices small enough to keep memory flat, whatever the size of the source's batches."""
    if batch.num_rows == 0 or batch.num_columns == 0:
        return
    bytes_per_row = max(1, batch.nbytes // batch.num_rows)
    step = max(1, min(SLICE_ROWS, SLICE_BYTES // bytes_per_row))
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)


def concat(*parts: pa.Array | pa.Scalar | str) -> pa.Array:
    """Concatenate the parts row by row. A row with a NULL part is NULL. At least one part must be an array."""
    operands = [pa.scalar(part, TEXT) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*operands, EMPTY)


def join_rows(columns: Sequence[pa.Array], before: str, separator: str, after: str) -> pa.Array:
    """Join the columns of each row by the separator, with text before and after each row."""
    # Arrow's join takes longer with every operand. So the separator is passed as its own argument, and the outer
    # texts are attached to the first and the last column.
    parts = list(columns)
    if before:
        parts[0] = concat(before, parts[0])
    parts[-1] = concat(parts[-1], after)
    return pc.binary_join_element_wise(*parts, pa.scalar(separator, TEXT))


def value_bytes(array: pa.Array) -> memoryview:
    """The UTF-8 of all values of a large_string array, end to end, without a copy."""
    _, offsets, data = array.buffers()
    if data is None or len(array) == 0:
        return memoryview(b"")
    (start,) = struct.unpack_from("<q", offsets, 8 * array.offset)
    (end,) = struct.unpack_from("<q", offsets, 8 * (array.offset + len(array)))
    return memoryview(data)[start:end]


def write_values(out: BinaryIO, array: pa.Array) -> None:
    """Write all values of a large_string array, end to end."""
    out.write(value_bytes(array))


def contained_characters(array: pa.Array, characters: str) -> str:
    """Return those of the `characters` that occur in the array. Each of them stands for one byte of UTF-8.

    One memchr per character is far cheaper than a regular expression over every value.
    """
    data = bytes(value_bytes(array))
    return "".join(character for character in characters if ord(character) in data)


def replace_characters(array: pa.Array, replacements: Mapping[str, str]) -> pa.Array:
    """Replace ASCII characters in the order of the mapping. Columns without any of them are returned as they are."""
    for character in contained_characters(array, "".join(replacements)):
        array = pc.replace_substring(array, character, replacements[character])
    return array
