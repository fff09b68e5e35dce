"""Subjects, bodies, file names and paths with fields in braces."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from jobs.delivery import texts
from jobs.delivery.texts import TextFields

FIELDS = TextFields(
    "Delays\r\nBcc: evil@example.com",
    1234,
    {
        "start": "2026-01-01",
        "path": "../../etc/passwd",
        "none": None,
        "many": ["a", "b"],
        "yes": True,
        "flags": [True, None],
        "nul": "a\0b",
    },
    datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
    "delays",
)


def check(text: str, *, has_file_name: bool = True) -> str | None:
    return texts.error(text, parameters=["start"], has_file_name=has_file_name)


@pytest.mark.parametrize(
    "text",
    ["", "plain", "{report.name}: {rows}", "{parameter.start}", "{slot}", "{slot:%Y/%m}", "{file_name}", "{{}}", "}}x"],
)
def test_known_fields_are_accepted(text: str) -> None:
    assert check(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{nothing}", "There is no field {nothing}. The fields are report.name, rows, slot, parameter.start"),
        ("{parameter.end}", "There is no field {parameter.end}."),
        ("{report.query}", "no field"),
        ("{rows.__class__}", "no field"),
        ("{recipient.name}", "no field"),
        ("{rows:%Y}", "{rows} takes no format."),
        ("{slot:%A}", "A format of slot has"),
        ("{slot:%}", "A format of slot has"),
        ("{rows!r}", "Put the name of a field between braces"),
        ("{0}", "Put the name of a field between braces"),
        ("{}", "Put the name of a field between braces"),
        ("{rows", "{ belongs to no field"),
        ("rows}", "} belongs to no field"),
    ],
)
def test_others_are_refused_with_a_sentence(text: str, words: str) -> None:
    assert words in (check(text) or "")


def test_a_file_name_does_not_contain_itself() -> None:
    assert "no field" in (check("{file_name}", has_file_name=False) or "")


def test_a_long_text_is_read_in_linear_time() -> None:
    started = time.monotonic()
    for text in ("{" * 200_000, "{a" * 100_000, "{a:" + "x" * 200_000, "{a}" * 60_000):
        check(text)
    assert time.monotonic() - started < 5


def test_fields_are_filled_in() -> None:
    text = (
        "{{{rows}}} {parameter.start} {parameter.none}{parameter.many} {parameter.yes} {parameter.flags} {slot:%Y-%m}"
    )
    assert texts.body(text, FIELDS) == "{1234} 2026-01-01 a, b true true,  2026-12"
    assert texts.body("{slot}", FIELDS) == "2026-12-31 23:30"
    assert texts.body("{parameter.nul}", FIELDS) == "ab"
    assert texts.body("{parameter.x}" + "{parameter.start}", FIELDS) == "2026-01-01"


def test_a_value_is_not_filled_in_again() -> None:
    fields = TextFields("{rows}", 1, {}, FIELDS.slot)
    assert texts.body("{report.name}", fields) == "{rows}"


def test_a_subject_is_one_line() -> None:
    assert texts.subject("{report.name}\r\nX: y", FIELDS) == "Delays Bcc: evil@example.com X: y"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("delays-{slot:%Y-%m}", "delays-2026-12"),
        ("{parameter.path}", "____etc_passwd"),
        ("{slot:../%Y}", "__2026"),
        ("..", "_"),
        ("{parameter.none}", "result"),
        ("delays.csv", "delays"),
        ("\u00e4" * 200, "\u00e4" * 75 + ""),
    ],
)
def test_a_file_name_has_no_folder(text: str, name: str) -> None:
    assert texts.file_stem(text, FIELDS, "csv") == name


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("delays/{slot:%Y/%m}/{file_name}", "delays/2026/12/delays"),
        ("delays/", "delays/delays"),
        ("{parameter.path}/{file_name}", "____etc_passwd/delays"),
        ("{slot:../../..}/{file_name}", "_/_/_/delays"),
        (".//./{file_name}", "delays"),
    ],
)
def test_a_path_stays_below_its_folder(text: str, path: str) -> None:
    assert texts.path(text, FIELDS) == path
