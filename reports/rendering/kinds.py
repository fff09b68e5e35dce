"""What a column is, whatever Arrow type carries it, and the few plain types that the formats handle."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt


class Kind(StrEnum):
    """The cases a format distinguishes."""

    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    #: Digits in a string, as ADBC hands over PostgreSQL's numeric: a number for the reader, text for Arrow.
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


NUMBERS = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.NUMERIC_TEXT})
MOMENTS = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP})

_TESTS = (
    (pt.is_integer, Kind.INTEGER),
    (pt.is_floating, Kind.FLOAT),
    (pt.is_decimal, Kind.DECIMAL),
    (pt.is_boolean, Kind.BOOLEAN),
    (pt.is_date, Kind.DATE),
    (pt.is_time, Kind.TIME),
    (pt.is_timestamp, Kind.TIMESTAMP),
    (pt.is_duration, Kind.DURATION),
    (pt.is_interval, Kind.INTERVAL),
    (pt.is_null, Kind.NULL),
)
_TEXTS = (pt.is_string, pt.is_large_string, pt.is_string_view)
_BINARIES = (pt.is_binary, pt.is_large_binary, pt.is_binary_view, pt.is_fixed_size_binary)
_ODD_LISTS = (pt.is_fixed_size_list, pt.is_list_view, pt.is_large_list_view)
_EXTENSIONS = {"arrow.uuid": Kind.UUID, "arrow.json": Kind.JSON}
_NUMERIC_NAMES = frozenset({"numeric", "decimal", "number"})


def kind_of(data_type: pa.DataType) -> Kind:
    """The kind of a column. Types that no rule names (unions, future types) count as nested."""
    if isinstance(data_type, pa.BaseExtensionType):
        return _kind_of_extension(data_type)
    if pt.is_dictionary(data_type) or pt.is_run_end_encoded(data_type):
        return kind_of(data_type.value_type)
    for matches, kind in _TESTS:
        if matches(data_type):
            return kind
    if any(matches(data_type) for matches in _TEXTS):
        return Kind.TEXT
    return Kind.BINARY if any(matches(data_type) for matches in _BINARIES) else Kind.NESTED


def _kind_of_extension(data_type: pa.BaseExtensionType) -> Kind:
    known = _EXTENSIONS.get(data_type.extension_name)
    if known is not None:
        return known
    if isinstance(data_type, pa.OpaqueType) and data_type.type_name.lower() in _NUMERIC_NAMES:
        return Kind.NUMERIC_TEXT
    return kind_of(data_type.storage_type)


def plain(array: pa.Array) -> pa.Array:
    """The same values without dictionary, run-end, extension, view or half-float wrapping."""
    while True:
        data_type = array.type
        if isinstance(data_type, pa.BaseExtensionType):
            array = array.storage
        elif pt.is_dictionary(data_type):
            array = array.dictionary_decode()
        elif pt.is_run_end_encoded(data_type):
            array = pc.run_end_decode(array)
        else:
            return _plain_leaf(array)


def _plain_leaf(array: pa.Array) -> pa.Array:
    data_type = array.type
    if pt.is_float16(data_type):
        return array.cast(pa.float32())
    if pt.is_date64(data_type):
        return array.cast(pa.date32())
    if any(matches(data_type) for matches in _TEXTS):
        return array.cast(pa.large_string())
    if any(matches(data_type) for matches in _BINARIES):
        return array.cast(pa.large_binary())
    return _as_large_list(array) if any(matches(data_type) for matches in _ODD_LISTS) else array


def _as_large_list(array: pa.Array) -> pa.Array:
    """Built by hand: pyarrow's own cast of a list view that holds a NULL gives a broken array, and then crashes."""

    fixed = pt.is_fixed_size_list(array.type)
    sizes = pa.scalar(array.type.list_size) if fixed else array.sizes
    lengths = pc.if_else(array.is_valid(), sizes, 0).cast(pa.int64())
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    return pa.LargeListArray.from_arrays(offsets, array.flatten(), mask=array.is_null())
