"""Building blocks for text columns."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.rendering.text_arrays import (
    SLICE_BYTES,
    SLICE_ROWS,
    TEXT,
    concat,
    contained_characters,
    join_rows,
    replace_characters,
    slices,
    value_bytes,
)

TEXTS = pa.array(["a", None, "Ж<", "", "&&"], TEXT)


def test_slices_are_limited_by_rows_and_cover_the_batch() -> None:
    batch = pa.record_batch({"n": list(range(2 * SLICE_ROWS + 5))})
    assert [part.num_rows for part in slices(batch)] == [SLICE_ROWS, SLICE_ROWS, 5]
    assert pa.Table.from_batches(list(slices(batch))).to_batches()[0].column(0)[0].as_py() == 0


def test_slices_are_limited_by_bytes_but_have_at_least_one_row() -> None:
    wide = pa.record_batch({"t": ["x" * (SLICE_BYTES // 2)] * 4})
    assert [part.num_rows for part in slices(wide)] == [1, 1, 1, 1]
    assert [part.num_rows for part in slices(pa.record_batch({"t": ["x" * 2 * SLICE_BYTES]}))] == [1]


@pytest.mark.parametrize("batch", [pa.record_batch({"n": pa.array([], pa.int64())}), pa.record_batch({})])
def test_an_empty_batch_has_no_slices(batch: pa.RecordBatch) -> None:
    assert list(slices(batch)) == []


def test_concat_makes_rows_with_a_null_part_null() -> None:
    assert concat("<", TEXTS, ">").to_pylist() == ["<a>", None, "<Ж<>", "<>", "<&&>"]


def test_join_rows_puts_texts_around_and_between_the_columns() -> None:
    columns = [pa.array(["a", "b"], TEXT), pa.array(["1", "2"], TEXT)]
    assert join_rows(columns, "[", ",", "]").to_pylist() == ["[a,1]", "[b,2]"]
    assert join_rows(columns[:1], "", ",", "\n").to_pylist() == ["a\n", "b\n"]


@given(st.lists(st.none() | st.text(max_size=5), max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_value_bytes_are_those_of_a_slice(texts: list[str | None], start: int, length: int) -> None:
    array = pa.array(texts, TEXT).slice(start, length)
    assert bytes(value_bytes(array)) == "".join(text or "" for text in texts[start : start + length]).encode()


def test_only_characters_that_occur_are_contained() -> None:
    assert contained_characters(TEXTS, "&<>") == "&<"
    assert contained_characters(TEXTS.slice(0, 2), "&<>") == ""


def test_characters_are_replaced_in_the_order_of_the_mapping() -> None:
    replaced = replace_characters(TEXTS, {"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    assert replaced.to_pylist() == ["a", None, "Ж&lt;", "", "&amp;&amp;"]
    assert replace_characters(TEXTS, {">": "x"}) is TEXTS
