"""Types of columns that a driver returns as Python objects."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal

import pyarrow as pa
import pytest

from reports.sources.sql.column_types import ColumnProfile, to_array


@pytest.mark.parametrize(
    ("values", "type", "expected"),
    [
        ([1, None], pa.int64(), [1, None]),
        ([2**63, 0], pa.uint64(), [2**63, 0]),
        ([2**64, -1], pa.decimal128(38, 0), [Decimal(2**64), Decimal(-1)]),
        ([10**40], pa.decimal256(76, 0), [Decimal(10**40)]),
        ([10**80], pa.string(), [str(10**80)]),
        ([Decimal("1.5"), 2], pa.decimal128(38, 1), [Decimal("1.5"), Decimal("2.0")]),
        ([Decimal("NaN"), Decimal("1.50")], pa.string(), ["NaN", "1.50"]),
        ([1, 0.5], pa.float64(), [1.0, 0.5]),
        ([2**60, 0.5], pa.string(), [str(2**60), "0.5"]),
        ([True, None], pa.bool_(), [True, None]),
        ([datetime(2024, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"), [datetime(2024, 1, 1, tzinfo=UTC)]),
        ([date(2024, 1, 1), datetime(2024, 1, 1)], pa.string(), ["2024-01-01", "2024-01-01T00:00:00"]),
        ([timedelta(days=-1)], pa.duration("us"), [timedelta(days=-1)]),
        ([clock(1, 2, 3, 4)], pa.time64("us"), [clock(1, 2, 3, 4)]),
        ([b"\x00", "x"], pa.string(), ["X'00'", "x"]),
        ([memoryview(b"ab"), bytearray(b"c")], pa.binary(), [b"ab", b"c"]),
        ([{"a": [1]}, [2]], pa.string(), ['{"a": [1]}', "[2]"]),
        ([], pa.string(), []),
    ],
)
def test_driver_values_get_a_type_that_holds_them_exactly(values, type, expected):
    assert ColumnProfile().with_values(values).type == type
    assert to_array(values, type).to_pylist() == expected
