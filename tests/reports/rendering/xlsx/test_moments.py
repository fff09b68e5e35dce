"""Times in xlsx: what programs read, and what LibreOffice shows."""

from __future__ import annotations

import datetime as dt
import io
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from tests.reports.rendering.arrow_types import render
from tests.reports.rendering.test_libreoffice import open_in_calc, text_of

MIDNIGHT = 1_735_689_600_000_000
#: Microseconds before midnight of 2024, and what viewers show.
BEFORE_MIDNIGHT = {
    1: "2024-12-31T23:59:59.999999",
    500: "2024-12-31T23:59:59.999500",
    501: "2024-12-31 23:59:59.999",
    1_000: "2024-12-31 23:59:59.999",
    500_000: "2024-12-31 23:59:59.500",
    1_000_000: "2024-12-31 23:59:59",
}
TICKS = [MIDNIGHT - microseconds for microseconds in BEFORE_MIDNIGHT]
ROWS = pa.record_batch(
    {
        "at": pa.array(TICKS, pa.timestamp("us")),
        "time": pa.array([tick % 86_400_000_000 for tick in TICKS], pa.time64("us")),
        "took": pa.array([91_816_000_000 - microseconds for microseconds in BEFORE_MIDNIGHT], pa.duration("us")),
        # LibreOffice would show the second before.
        "old": pa.array([-69_016_583, -27_477_945, 69_221_150, 7_778_143, -40_624_522, 16_148_139], pa.timestamp("s")),
        "day": pa.array([tick // 86_400_000_000 for tick in TICKS], pa.int32()).cast(pa.date32()),
    }
)


def read(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    sheet = openpyxl.load_workbook(io.BytesIO(render("xlsx", batch)))["Data"]
    return list(sheet.iter_rows(min_row=2, values_only=True))


def test_no_time_is_rounded_to_the_next_second() -> None:
    for (at, time, took, _, day), tick in zip(read(ROWS), TICKS, strict=True):
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=tick)
        assert str(at).replace("T", " ")[:19] == str(moment)[:19]
        assert str(time)[:8] == str(moment)[11:19]
        assert str(took).removeprefix("1 day, ")[:7] == "1:30:15" if isinstance(took, dt.timedelta) else "25:30:15"
        assert day == dt.datetime(2024, 12, 31)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_shows_fractions_and_no_time_of_the_next_second(tmp_path: Path) -> None:
    shown = open_in_calc(tmp_path, "matrix.xlsx", render("xlsx", ROWS))["Data"][1 : len(TICKS) + 1]
    old = ROWS["old"].cast(pa.string()).to_pylist()
    for cells, wanted, seconds in zip(shown, BEFORE_MIDNIGHT.values(), old, strict=True):
        fraction = wanted[19:].rstrip("0") if "T" in wanted else wanted[19:]
        times = [wanted, wanted[11:], f"25:30:15{fraction}", seconds, "2024-12-31"]
        assert [text_of(cell) for cell in cells[:5]] == times


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_whole_seconds_and_milliseconds_of_any_unit_are_numbers(unit: str) -> None:
    at = dt.datetime(2024, 2, 29, 23, 59, 59, 0 if unit == "s" else 999_000)
    row = {
        "at": pa.array([at], pa.timestamp(unit)),
        "took": pa.array([at - dt.datetime(2024, 2, 27)]).cast(pa.duration(unit)),
    }
    assert read(pa.record_batch(row)) == [(at, at - dt.datetime(2024, 2, 27))]


@pytest.mark.parametrize(
    ("type", "tick", "text"),
    [
        (pa.timestamp("ns"), 1_735_689_599_000_000_001, "2024-12-31T23:59:59.000000001"),
        (pa.time64("ns"), 1, "00:00:00.000000001"),
        (pa.duration("ns"), 91_815_000_000_001, "25:30:15.000000001"),
        (pa.duration("s"), -91_815, "-25:30:15"),
        # Doubles this far from 1900 don't count microseconds.
        (pa.timestamp("us"), 4_102_444_800_000_001, "2100-01-01T00:00:00.000001"),
    ],
    ids=str,
)
def test_what_a_cell_can_not_hold_exactly_is_text(type: pa.DataType, tick: int, text: str) -> None:
    storage = pa.int64()
    assert read(pa.record_batch({"v": pa.array([tick], storage).cast(type)})) == [(text,)]


def test_an_interval_of_hours_is_a_number_and_others_are_text() -> None:
    values = [pa.MonthDayNano(parts) for parts in ([0, 0, 91_815 * 10**9], [-14, 1, -(10**9)], [0, 0, 0], [0, -3, 0])]
    rows = pa.record_batch({"v": pa.array([*values, None], pa.month_day_nano_interval()), "n": range(5)})
    assert [row[0] for row in read(rows)] == [
        dt.timedelta(seconds=91_815),
        "-1 year -2 months 1 day -0:00:01",
        dt.timedelta(0),
        "-3 days",
        None,
    ]
