"""Totals against exact arithmetic: Python's fractions, and DuckDB where it is exact."""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.exceptions import DesignMismatch
from reports.rendering.base import TotalsOptions
from reports.rendering.column_text import as_text
from reports.rendering.totals.group_totals import Totals
from tests.reports.rendering.arrow_types import opaque_numeric

#: Depth, label and totals as text.
TotalRow = tuple[int, str, list[str | None]]


def total_rows(
    options: TotalsOptions, rows: pa.RecordBatch, cuts: Iterable[int] = (), truncated: bool = False
) -> list[TotalRow]:
    """All total rows of rows that are added in slices, which end at `cuts`."""
    totals = Totals(options, rows.schema)
    result: list[TotalRow] = []
    bounds = sorted({0, *(cut for cut in cuts if cut < rows.num_rows), rows.num_rows})
    slices = [rows.slice(start, end - start) for start, end in pairwise(bounds)]
    for added in [*map(totals.add, slices), totals.finish(truncated=truncated)]:
        columns = [as_text(column).to_pylist() for column in added.columns if column is not None]
        for at, (depth, label) in enumerate(zip(added.depths, added.labels, strict=True)):
            result.append((depth, label, [column[at] for column in columns]))
    return result


def total_of(function: str, array: pa.Array, cuts: Sequence[int] = (), decimals: int | None = None) -> str | None:
    options = TotalsOptions(columns={"v": function}, decimals=decimals)
    ((_, _, (total,)),) = total_rows(options, pa.record_batch({"v": array}), cuts)
    return total


CUTS = st.lists(st.integers(1, 40), max_size=4)


def column_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | values, max_size=40)


def exact(values: Sequence[Any]) -> Fraction:
    return sum(map(Fraction, values), Fraction(0))


@given(column_of(st.integers(-(2**63), 2**63 - 1)), CUTS)
@settings(max_examples=60, deadline=None)
def test_sums_and_averages_of_integers_are_exact_beyond_64_bits(values, cuts):
    array, kept = pa.array(values, pa.int64()), [value for value in values if value is not None]
    assert total_of("sum", array, cuts) == (str(sum(kept)) if kept else None)
    assert total_of("count", array, cuts) == str(len(kept))
    average = total_of("average", array, cuts)
    assert average == (None if not kept else f"{Decimal(round(exact(kept) / len(kept) * 100)).scaleb(-2):f}")


def test_sums_of_the_largest_integers_are_exact():
    assert total_of("sum", pa.array([2**64 - 1] * 1_000, pa.uint64()), [7, 500]) == str((2**64 - 1) * 1_000)


@given(column_of(st.floats(allow_nan=False, allow_infinity=False)), CUTS)
@settings(max_examples=100, deadline=None)
def test_sums_of_floats_are_exact_and_rounded_once(values, cuts):
    kept = [value for value in values if value is not None]
    actual = total_of("sum", pa.array(values, pa.float64()), cuts)
    try:
        whole = float(exact(kept))
        short = float(format(whole, ".15g"))
        expected = short if math.isfinite(short) else whole
    except OverflowError:
        expected = math.inf if exact(kept) > 0 else -math.inf
    assert (actual is None) if not kept else float(str(actual)) == expected
    if kept and abs(exact(kept)) < 10**15:
        rounded = total_of("sum", pa.array(values, pa.float64()), cuts, decimals=2)
        assert Fraction(str(rounded)) == Fraction(round(exact(kept) * 100), 100)


def test_sums_of_floats_beyond_their_range_are_infinite():
    largest = sys.float_info.max
    assert total_of("sum", pa.array([largest])) == "1.7976931348623157e+308"
    assert total_of("sum", pa.array([largest, largest])) == "inf"
    assert total_of("sum", pa.array([largest, largest, -largest]), [1, 2]) == "1.7976931348623157e+308"


def test_sums_of_floats_have_no_spurious_digits():
    assert total_of("sum", pa.array([0.1, 0.2])) == "0.3"
    assert total_of("sum", pa.array([1e16, 1.0, -1e16])) == "1"
    assert total_of("average", pa.array([1.0, 2.0, 2.0])) == "1.66666666666667"
    assert total_of("average", pa.array([1.0, 2.0, 2.0]), decimals=1) == "1.7"


@pytest.mark.parametrize(
    ("values", "total", "smallest", "largest"),
    [
        ([1.0, math.inf], "inf", "1", "inf"),
        ([math.inf, -math.inf], "nan", "-inf", "inf"),
        ([math.nan, 1.0, 2.0], "nan", "1", "nan"),
        ([None, math.nan], "nan", "nan", "nan"),
    ],
)
def test_nan_and_infinities_behave_as_in_sql(values, total, smallest, largest):
    for cuts in ([], [1], [2]):
        actual = [total_of(function, pa.array(values, pa.float64()), cuts) for function in ("sum", "min", "max")]
        assert actual == [total, smallest, largest]


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**30), max_value=10**30)


@given(column_of(DECIMALS), CUTS)
@settings(max_examples=60, deadline=None)
def test_sums_of_decimals_are_exact_in_every_type(values, cuts):
    kept = [value for value in values if value is not None]
    sums = [
        total_of("sum", array, cuts)
        for array in (
            pa.array(values, pa.decimal128(38, 3)),
            pa.array(values, pa.decimal256(70, 3)),
            opaque_numeric([None if value is None else f"{value:f}" for value in values]),
        )
    ]
    assert [None if text is None else Fraction(text) for text in sums] == [exact(kept) if kept else None] * 3


def test_a_sum_of_more_digits_than_arrow_has_is_still_exact():
    largest = Decimal("9" * 76)
    assert total_of("sum", pa.array([largest] * 20, pa.decimal256(76, 0)), [3]) == str(int(largest) * 20)
    assert total_of("sum", opaque_numeric(["9" * 100, "0.25"])) == "9" * 100 + ".25"
    assert total_of("max", opaque_numeric(["1.5", "NaN"])) == "nan"


@pytest.mark.parametrize(
    ("array", "smallest", "largest"),
    [
        (pa.array([3, None, -1], pa.int8()), "-1", "3"),
        (pa.array([dt.date(2024, 2, 29), None, dt.date(2023, 1, 1)]), "2023-01-01", "2024-02-29"),
        (pa.array([10**18 + 1, 10**18], pa.timestamp("ns")), "2001-09-09T01:46:40.000000000",
         "2001-09-09T01:46:40.000000001"),
        (pa.array([2**50, 0], pa.timestamp("s", "Europe/Paris")), "1970-01-01T00:00:00Z", None),
        (pa.array([1, 2], pa.time32("s")), "00:00:01", "00:00:02"),
        (pa.array([90, 5], pa.duration("s")), "PT5S", "PT90S"),
        (pa.array(["b", "a", None]).dictionary_encode(), "a", "b"),
        (pa.array([Decimal("1.50"), Decimal("-2")], pa.decimal128(5, 2)), "-2.00", "1.50"),
        (pa.array([None, None], pa.float64()), None, None),
        (pa.array([None, None]), None, None),
    ],
)  # fmt: skip
def test_minimum_and_maximum_keep_their_type(array, smallest, largest):
    for cuts in ([], [1]):
        assert total_of("min", array, cuts) == smallest
        if largest is not None or smallest is None:
            assert total_of("max", array, cuts) == largest


GROUPED = st.lists(st.tuples(st.sampled_from(["a", "b", "", None]), st.integers(0, 2), st.integers(-9, 9)), max_size=60)


@given(GROUPED, CUTS)
@settings(max_examples=60, deadline=None)
def test_nested_groups_are_those_of_itertools_groupby(rows, cuts):
    rows.sort(key=lambda row: (row[0] is None, row[0] or "", row[1]))
    letters, numbers, values = zip(*rows, strict=True) if rows else ((), (), ())
    batch = pa.record_batch(
        {"x": pa.array(letters, pa.string()), "y": pa.array(numbers, pa.int64()), "v": pa.array(values, pa.int64())}
    )
    actual = total_rows(TotalsOptions(group_by=("x", "y"), columns={"v": "sum"}), batch, cuts)
    expected: list[TotalRow] = []
    for letter, outer in groupby(rows, key=lambda row: row[0]):
        inner = list(outer)
        for number, group in groupby(inner, key=lambda row: row[1]):
            expected.append((2, f"Total {number}", [str(sum(row[2] for row in group))]))
        name = {None: "(none)", "": "(empty)"}.get(letter, letter)
        expected.append((1, f"Total {name}", [str(sum(row[2] for row in inner))]))
    expected.append((0, "Total", [str(sum(row[2] for row in rows)) if rows else None]))
    assert actual == expected


def test_totals_are_those_of_duckdb():
    rows = duckdb.sql(
        "select (i // 7) % 50 as g, i % 11 as h, (i * 37 % 1009)::decimal(12, 2) / 4 as amount, "
        "hash(i)::ubigint as big from range(5000) t(i) order by g, h, i"
    ).to_arrow_table()
    batch = rows.combine_chunks().to_batches()[0]
    options = TotalsOptions(group_by=("g", "h"), columns={"amount": "sum", "big": "sum"})
    inner = [row for row in total_rows(options, batch, range(0, 5000, 777)) if row[0] == 2]
    expected = duckdb.sql(
        "select sum(amount)::decimal(38, 4), sum(big::hugeint) from rows group by g, h order by g, h"
    ).fetchall()
    assert [(Decimal(str(amount)), int(str(big))) for _, _, (amount, big) in inner] == expected


def test_a_group_that_comes_again_is_refused():
    batch = pa.record_batch({"x": ["a", "a", "b", "a"], "v": [1, 2, 3, 4]})
    with pytest.raises(DesignMismatch, match=r"x a comes again in row 4\. Order the query by x\."):
        total_rows(TotalsOptions(group_by=("x",), columns={"v": "sum"}), batch, [2])


def test_an_inner_group_may_come_again_in_another_outer_group():
    batch = pa.record_batch({"x": ["a", "a", "b"], "y": [1, 2, 1], "v": [1, 2, 3]})
    assert len(total_rows(TotalsOptions(group_by=("x", "y"), columns={"v": "sum"}), batch)) == 6
    with pytest.raises(DesignMismatch, match="comes again"):
        total_rows(TotalsOptions(group_by=("y", "x"), columns={"v": "sum"}), batch)


def test_too_many_groups_are_refused():
    batch = pa.record_batch({"x": list(range(11)), "v": [1] * 11})
    totals = Totals(TotalsOptions(group_by=("x",), columns={"v": "sum"}), batch.schema, max_groups=10)
    totals.add(batch.slice(0, 10))
    with pytest.raises(DesignMismatch, match="more than 10 groups"):
        totals.add(batch.slice(10))


def test_labels_say_that_the_result_is_truncated():
    batch = pa.record_batch({"x": ["a", "b"], "v": [1, 2]})
    rows = total_rows(TotalsOptions(group_by=("x",), columns={"v": "sum"}), batch, truncated=True)
    assert [label for _, label, _ in rows] == ["Total a", "Total b (incomplete)", "Total of these 2 rows"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"columns": {"w": "sum"}}, r"totals\.columns\.w: The query has no column w\. It has x, v\."),
        ({"columns": {"x": "sum"}}, r"totals\.columns\.x: The column x has no sum: it is not a column of numbers\."),
        ({"columns": {"x": "average"}}, r"The column x has no average: it is not a column of numbers\."),
        ({"columns": {"v": "sum"}, "group_by": ("nix",)}, r"totals\.group_by\[0\]: The query has no column nix"),
    ],
)
def test_totals_that_do_not_fit_the_columns_are_refused_with_the_name_of_the_field(options, sentence):
    schema = pa.schema([("x", pa.string()), ("v", pa.int64())])
    with pytest.raises(DesignMismatch, match=sentence):
        Totals(TotalsOptions(**options), schema)
    with pytest.raises(DesignMismatch, match="has no min: its values have no order"):
        Totals(TotalsOptions(columns={"b": "min"}), pa.schema([("b", pa.binary())]))
