"""Checks of chart specifications."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from reports.exceptions import DesignMismatch
from reports.rendering.charts import specification

BAR: dict[str, Any] = {"mark": "bar", "encoding": {"x": {"field": "carrier"}, "y": {"field": "n", "aggregate": "sum"}}}
SCHEMA = pa.schema([("carrier", pa.string()), ("n", pa.int64()), ("a.b", pa.int64()), ('say "x"', pa.int64())])


def nested(levels: int) -> dict[str, Any]:
    spec: dict[str, Any] = {"mark": "bar"}
    for _ in range(levels):
        spec = {"layer": [spec]}
    return spec


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, ""),
        ({"marks": []}, ""),
        (BAR | {"data": {"url": "https://example.com/rows.csv"}}, "data"),
        (BAR | {"data": {"values": [1]}}, "data"),
        (BAR | {"datasets": {"a": []}}, "datasets"),
        ({"layer": [BAR, BAR | {"data": {"url": "file:///etc/passwd"}}]}, "layer[1].data"),
        (BAR | {"transform": [{"lookup": "n", "from": {"data": {"url": "x"}, "key": "n"}}]}, "transform[0].from.data"),
        ({"mark": {"type": "bar", "href": "https://example.com"}}, "mark.href"),
        ({"mark": "image"}, "mark"),
        ({"layer": [{"mark": {"type": "image"}}]}, "layer[0].mark.type"),
        ({"mark": "bar", "encoding": {"url": {"field": "carrier"}}}, "encoding.url"),
        ({"mark": "bar", "encoding": {"href": {"field": "carrier"}}}, "encoding.href"),
        (BAR | {"config": {"mark": {"href": "https://example.com"}}}, "config.mark.href"),
        (BAR | {"usermeta": {}}, "usermeta"),
        (BAR | {"width": 100_000}, "width"),
        (BAR | {"height": 0}, "height"),
        (BAR | {"width": {"step": -1}}, "width.step"),
        (BAR | {"title": "\0"}, "title"),
        (BAR | {"padding": math.nan}, ""),
        (BAR | {"title": "x" * 60_000}, ""),
        (BAR | {"title": object()}, ""),
        (nested(60), ""),
        (nested(3_000), ""),
    ],
)
def test_an_error_has_the_path_of_what_is_refused(spec, path):
    errors = specification.errors(spec)
    assert path in errors
    assert all(sentence.endswith(".") for sentences in errors.values() for sentence in sentences)


@pytest.mark.parametrize(
    "spec",
    [
        BAR,
        BAR | {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "width": {"step": 20}, "height": 200},
        {"mark": "point", "encoding": {"x": {"field": r"a\.b"}, "y": {"field": "['a.b']"}}},
        {"mark": "line", "transform": [{"calculate": "datum.n * 2", "as": "twice"}],
         "encoding": {"y": {"field": "twice"}, "x": {"field": "carrier", "sort": {"field": "n"}}}},
        {"mark": "bar", "transform": [{"fold": ["n"]}], "encoding": {"y": {"field": "value"}, "x": {"field": "key"}}},
        {"mark": "bar", "transform": [{"pivot": "carrier", "value": "n"}], "encoding": {"y": {"field": "UA"}}},
        {"repeat": {"column": ["n", "carrier"]},
         "spec": {"mark": "bar", "encoding": {"x": {"field": {"repeat": "column"}}}}},
        {"mark": "bar", "transform": [{"aggregate": [{"op": "sum", "field": "n", "as": "s"}], "groupby": ["carrier"]}],
         "encoding": {"y": {"field": "s"}}},
    ],
)  # fmt: skip
def test_valid_specifications_have_no_errors(spec):
    assert specification.errors(spec) == {}
    specification.check_columns(spec, SCHEMA)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"mark": "bar", "encoding": {"x": {"field": "carier"}}},
         r'^chart\.encoding\.x\.field: The query has no column carier\. It has carrier, n, a\.b, say "x"\.$'),
        ({"layer": [{"mark": "bar", "encoding": {"x": {"field": "Carrier"}}}]}, r"chart\.layer\[0\]\.encoding\.x"),
        ({"mark": "bar", "encoding": {"x": {"field": "a.b"}}}, r"reads a\.b as a path\. Write a\\\.b for the column\."),
        ({"mark": "bar", "transform": [{"fold": ["m"]}]}, r"chart\.transform\[0\]\.fold\[0\]: The query"),
        ({"repeat": ["m"], "spec": {}}, r"chart\.repeat: The query has no column m"),
        ({"mark": "bar", "encoding": {"x": {"field": "n", "sort": {"field": "m"}}}}, r"chart\.encoding\.x\.sort"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_a_column_is_named(spec, sentence):
    with pytest.raises(DesignMismatch, match=sentence):
        specification.check_columns(spec, SCHEMA)


def test_columns_whose_name_does_not_occur_are_unused():
    assert specification.columns_used(BAR, SCHEMA) == [0, 1]
    assert specification.columns_used({"mark": "bar", "encoding": {"x": {"field": r"a\.b"}}}, SCHEMA)[-1] == 2
    quoted = {"mark": "bar", "transform": [{"calculate": "datum['say \"x\"']", "as": "y"}]}
    assert 3 in specification.columns_used(quoted, SCHEMA)
    assert specification.columns_used({"mark": "bar"}, pa.schema([("zzz", pa.int64())])) == [0]
