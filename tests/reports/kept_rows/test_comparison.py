"""Two results compared by their kept rows."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reports.kept_rows.comparison import CompareQuery, Comparison, compare
from reports.kept_rows.file import BATCH_ROWS, KeptRowsWriter, KeptSectionsWriter
from reports.rendering.base import Section
from reports.rendering.columns.options import ColumnOptions

Write = Any


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that keeps the rows of a table in a file, and returns its path."""

    def write(name: str, table: pa.Table) -> str:
        path = tmp_path / name
        with path.open("wb") as out:
            writer = KeptRowsWriter(out, table.schema, table.num_rows)
            for batch in table.to_batches(max_chunksize=1_000):
                writer.write(batch)
            writer.close(rows=table.num_rows, truncated=None)
        return str(path)

    return write


def compared(write: Write, later: pa.Table, earlier: pa.Table, **fields: Any) -> Comparison:
    return compare(CompareQuery(later=write("later", later), earlier=write("earlier", earlier), **fields))


def counts(found: Comparison) -> tuple[int, int, int, int]:
    return found.added, found.removed, found.changed, found.unchanged


def shown(found: Comparison) -> list[tuple[str, Any, Any]]:
    return [(each.change.value, each.later, each.earlier) for each in found.differences]


JANUARY = pa.table({"code": ["AA", "BB", "CC"], "flights": [1, 2, 3], "late": [0.5, 1.0, None]})
FEBRUARY = pa.table({"code": ["DD", "BB", "CC"], "flights": [9, 2, 4], "late": [0.5, 1.0, float("nan")]})


def test_rows_are_identified_by_the_key(write: Write) -> None:
    found = compared(write, FEBRUARY, JANUARY, keys=("code",))
    assert counts(found) == (1, 1, 1, 1)
    assert shown(found) == [
        ("removed", None, ['"AA"', "1", "0.5"]),
        ("added", ['"DD"', "9", "0.5"], None),
        ("changed", ['"CC"', "4", "null"], ['"CC"', "3", "null"]),
    ]
    assert [each.changed for each in found.differences] == [[], [], [1, 2]], "NaN is not NULL"
    assert [column.is_key for column in found.columns] == [True, False, False]


def test_without_a_key_rows_are_compared_as_a_whole(write: Write) -> None:
    found = compared(write, FEBRUARY, JANUARY)
    assert counts(found) == (2, 2, 0, 1)
    assert found.keys == found.missing_keys == []


def test_equal_values_of_other_types_and_rows_in_another_order_are_no_differences(write: Write) -> None:
    later = pa.table({"n": [3.0, 2.0, 1.0], "t": pa.array(["c", "b", "a"]).dictionary_encode()})
    earlier = pa.table({"n": [1, 2, 3], "t": ["a", "b", "c"]})
    assert counts(compared(write, later, earlier)) == (0, 0, 0, 3)
    decimals = [pa.table({"d": pa.array([Decimal("1.50")], pa.decimal128(9, places))}) for places in (2, 2)]
    assert counts(compared(write, *decimals)) == (0, 0, 0, 1)


def test_rows_with_the_same_key_are_matched_with_equal_ones_first(write: Write) -> None:
    later = pa.table({"k": ["x", "x", "x"], "v": [2, 3, 1]})
    earlier = pa.table({"k": ["x", "x"], "v": [1, 2]})
    assert counts(compared(write, later, earlier, keys=("k",))) == (1, 0, 0, 2)
    assert counts(compared(write, earlier, later, keys=("k",))) == (0, 1, 0, 2)
    assert counts(compared(write, pa.table({"v": [1, 1, 1]}), pa.table({"v": [1, 1]}))) == (1, 0, 0, 2)


def test_values_with_separators_in_them_are_not_confused(write: Write) -> None:
    later = pa.table({"a": ['x"\n"y'], "b": ["z"]})
    earlier = pa.table({"a": ["x"], "b": ['y"\n"z']})
    assert counts(compared(write, later, earlier)) == (1, 1, 0, 0)


def test_columns_that_only_one_result_has_are_named_and_not_compared(write: Write) -> None:
    later = FEBRUARY.append_column("new", [[1, 2, 3]])
    found = compared(write, later, JANUARY.append_column("old", [[1, 2, 3]]), keys=("code",))
    assert (found.only_later, found.only_earlier) == (["new"], ["old"])
    assert [column.name for column in found.columns] == ["code", "flights", "late"]
    assert counts(found) == (1, 1, 1, 1)


def test_a_key_that_a_result_lacks_is_named_and_rows_are_compared_as_a_whole(write: Write) -> None:
    found = compared(write, FEBRUARY, JANUARY, keys=("code", "day"))
    assert (found.keys, found.missing_keys) == ([], ["day"])
    assert counts(found) == (2, 2, 0, 1)


@pytest.mark.parametrize(("change", "number"), [("", 3), ("added", 1), ("removed", 1), ("changed", 1)])
def test_differences_of_one_kind_are_returned_page_by_page(write: Write, change: str, number: int) -> None:
    found = [
        compared(write, FEBRUARY, JANUARY, keys=("code",), change=change, offset=at, limit=1).differences
        for at in range(4)
    ]
    assert [len(page) for page in found] == [1] * number + [0] * (4 - number)


def test_people_see_values_as_in_documents(write: Write) -> None:
    options = {"flights": ColumnOptions(format="#,##0.00")}
    found = compared(write, FEBRUARY, JANUARY, keys=("code",), options=options, locale="de-DE")
    assert found.differences[2].later == ["CC", "4,00", "nan"]
    assert found.differences[2].earlier == ["CC", "3,00", None]


def test_empty_results_and_those_of_many_batches_are_compared(write: Write) -> None:
    assert counts(compared(write, JANUARY.slice(0, 0), JANUARY)) == (0, 3, 0, 0)
    assert counts(compared(write, JANUARY, JANUARY.slice(0, 0))) == (3, 0, 0, 0)
    generator = random.Random(7)  # noqa: S311 - not a secret
    sides = [[(generator.randrange(500), generator.randrange(3)) for _ in range(2 * BATCH_ROWS + 9)] for _ in range(2)]
    tables = [pa.table({"k": [k for k, _ in rows], "v": [v for _, v in rows]}) for rows in sides]
    later, earlier = map(Counter, sides)
    found = compared(write, *tables)
    assert (found.added, found.removed) == ((later - earlier).total(), (earlier - later).total())
    keyed = compared(write, *tables, keys=("k",))
    assert keyed.unchanged == found.unchanged, "equal rows are never a change"
    assert keyed.added + keyed.changed == found.added


def test_sections_are_compared_by_themselves(tmp_path: Path) -> None:
    paths = []
    for name, table in (("later", FEBRUARY), ("earlier", JANUARY)):
        with (tmp_path / name).open("wb") as out:
            writer = KeptSectionsWriter(out, max_rows=100)
            for section, rows in (("same", JANUARY), ("other", table)):
                part = writer.begin(Section(name=section, title=section), rows.schema)
                for batch in rows.to_batches():
                    part.write(batch)
                part.close(rows=rows.num_rows, truncated=None)
            writer.close(rows=6, truncated=None)
        paths.append(str(tmp_path / name))
    later, earlier = paths
    for section, expected in (("same", (0, 0, 0, 3)), ("other", (1, 1, 1, 1))):
        query = CompareQuery(later=later, earlier=earlier, section=section, keys=("code",))
        assert counts(compare(query)) == expected
