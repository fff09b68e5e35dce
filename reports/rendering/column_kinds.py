"""Column kinds: the cases that formats distinguish, whatever Arrow type carries them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt


class ColumnKind(StrEnum):
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    #: Digits in a string, as ADBC returns PostgreSQL's numeric: a number for the reader, text for Arrow.
    NUMERIC_TEXT = "numeric_text"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    INTERVAL = "interval"
    TEXT = "text"
    JSON = "json"
    UUID = "uuid"
    BINARY = "binary"
    NESTED = "nested"
    NULL = "null"


NUMBERS = frozenset({ColumnKind.INTEGER, ColumnKind.FLOAT, ColumnKind.DECIMAL, ColumnKind.NUMERIC_TEXT})
TEMPORAL = frozenset({ColumnKind.DATE, ColumnKind.TIME, ColumnKind.TIMESTAMP})
SPANS = frozenset({ColumnKind.DURATION, ColumnKind.INTERVAL})

_TEXT_TYPES = (pt.is_string, pt.is_large_string, pt.is_string_view)
_BINARY_TYPES = (pt.is_binary, pt.is_large_binary, pt.is_binary_view, pt.is_fixed_size_binary)
#: Lists other than list and large_list, which the formats handle themselves.
_OTHER_LIST_TYPES = (pt.is_fixed_size_list, pt.is_list_view, pt.is_large_list_view)
_KINDS = (
    (pt.is_integer, ColumnKind.INTEGER),
    (pt.is_floating, ColumnKind.FLOAT),
    (pt.is_decimal, ColumnKind.DECIMAL),
    (pt.is_boolean, ColumnKind.BOOLEAN),
    (pt.is_date, ColumnKind.DATE),
    (pt.is_time, ColumnKind.TIME),
    (pt.is_timestamp, ColumnKind.TIMESTAMP),
    (pt.is_duration, ColumnKind.DURATION),
    (pt.is_interval, ColumnKind.INTERVAL),
    (pt.is_null, ColumnKind.NULL),
    *((matches, ColumnKind.TEXT) for matches in _TEXT_TYPES),
    *((matches, ColumnKind.BINARY) for matches in _BINARY_TYPES),
)
_EXTENSIONS = {"arrow.uuid": ColumnKind.UUID, "arrow.json": ColumnKind.JSON}
#: How drivers name a numeric type that Arrow doesn't have.
_NUMERIC_NAMES = frozenset({"numeric", "decimal", "number"})


def kind_of(data_type: pa.DataType) -> ColumnKind:
    """The kind of a column. Types without a rule (unions, future types) count as nested."""
    if isinstance(data_type, pa.BaseExtensionType):
        if known := _EXTENSIONS.get(data_type.extension_name):
            return known
        if isinstance(data_type, pa.OpaqueType) and data_type.type_name.lower() in _NUMERIC_NAMES:
            return ColumnKind.NUMERIC_TEXT
        return kind_of(data_type.storage_type)
    if pt.is_dictionary(data_type) or pt.is_run_end_encoded(data_type):
        return kind_of(data_type.value_type)
    for matches, kind in _KINDS:
        if matches(data_type):
            return kind
    return ColumnKind.NESTED


def unwrapped(array: pa.Array) -> pa.Array:
    """The same values without dictionary, run-end, extension, view or half-float encoding."""
    while True:
        if isinstance(array.type, pa.BaseExtensionType):
            array = array.storage
        elif pt.is_dictionary(array.type):
            array = array.dictionary_decode()
        elif pt.is_run_end_encoded(array.type):
            array = pc.run_end_decode(array)
        else:
            break
    if pt.is_float16(array.type):
        return array.cast(pa.float32())
    if pt.is_date64(array.type):
        return array.cast(pa.date32())
    if any(matches(array.type) for matches in _TEXT_TYPES):
        return array.cast(pa.large_string())
    if any(matches(array.type) for matches in _BINARY_TYPES):
        return array.cast(pa.large_binary())
    return _as_large_list(array) if any(matches(array.type) for matches in _OTHER_LIST_TYPES) else array


def validity(array: pa.Array) -> pa.Array:
    """Which values are not NULL. A union has no NULLs of its own: its value is that of the current member."""
    array = unwrapped(array)
    return union_values(array, validity) if pt.is_union(array.type) else array.is_valid()


def union_values(array: pa.UnionArray, convert: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The value of each row's current member, after all members were converted to one type."""
    # Not array.type_codes and array.offsets: in a slice, pyarrow returns those of the first rows.
    codes, members = _numbers(array, pa.int8(), 1), []
    chosen = pa.nulls(len(array), pa.int64())
    for position, code in enumerate(array.type.type_codes):
        is_current = pc.equal(codes, code)
        chosen = pc.if_else(is_current, position, chosen)
        member = array.field(position)
        if array.type.mode == "dense":
            member = member.take(pc.if_else(is_current, _numbers(array, pa.int32(), 2), pa.scalar(None, pa.int32())))
        members.append(convert(member))
    return pc.choose(chosen, *members)


def _numbers(array: pa.Array, data_type: pa.DataType, buffer: int) -> pa.Array:
    """The numbers in one of an array's buffers."""
    return pa.Array.from_buffers(data_type, len(array), [None, array.buffers()[buffer]], offset=array.offset)


def _as_large_list(array: pa.Array) -> pa.Array:
    # Not by a cast: pyarrow's cast of a list view that holds a NULL returns a broken array, and later crashes.
    sizes = pa.scalar(array.type.list_size) if pt.is_fixed_size_list(array.type) else array.sizes
    lengths = pc.if_else(array.is_valid(), sizes, 0).cast(pa.int64())
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    return pa.LargeListArray.from_arrays(offsets, array.flatten(), mask=array.is_null())
