"""Columns that totals and charts name."""

from __future__ import annotations

import pyarrow as pa
import pytest

from reports.exceptions import DesignMismatch
from reports.rendering.column_lookup import column_index, column_names

SCHEMA = pa.schema([("carrier", pa.string()), ("delay", pa.int64())])


def test_a_column_is_found_by_its_exact_name() -> None:
    assert column_index(SCHEMA, "delay", "totals") == 1


def test_an_unknown_column_is_an_error_of_the_field_that_names_it() -> None:
    with pytest.raises(DesignMismatch) as caught:
        column_index(SCHEMA, "Delay", "totals.columns.Delay")
    expected = "totals.columns.Delay: The query has no column Delay. It has carrier, delay."
    assert caught.value.message == expected


def test_a_long_list_of_names_is_shortened() -> None:
    schema = pa.schema([(f"c{number}", pa.int64()) for number in range(23)])
    assert column_names(schema).endswith(", c18, c19, and 3 more")
    assert column_names(pa.schema([])) == "no columns"
