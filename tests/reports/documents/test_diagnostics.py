"""Typst's errors as sentences with a position."""

from __future__ import annotations

import pytest

from reports.documents.diagnostics import Diagnostic, parse_diagnostics

UNKNOWN_VARIABLE = """error: unknown variable: delai
  ┌─ /templates/__typst_py_bytes__.typ:7:12
  │
7 │   #row.at(delai)
  │           ^^^^^
"""
IN_LIBRARY = """error: expected integer, found none
   ┌─ report.typ:66:24
   │
help: error occurred in this call of function `number`
  ┌─ /templates/__typst_py_bytes__.typ:3:1
  │
  = hint: pass an integer
"""


def test_a_position_counts_columns_from_one() -> None:
    assert list(parse_diagnostics(UNKNOWN_VARIABLE)) == [Diagnostic("Unknown variable: delai.", 7, 13)]


def test_an_error_in_the_library_has_the_position_of_the_call_and_the_hint() -> None:
    (error,) = parse_diagnostics(IN_LIBRARY)
    assert error == Diagnostic("Expected integer, found none. Pass an integer.", 3, 2)


def test_each_error_and_warning_is_one_diagnostic() -> None:
    output = UNKNOWN_VARIABLE + "warning: unknown font family: x\n" + IN_LIBRARY
    assert [error.line for error in parse_diagnostics(output)] == [7, None, 3]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("failed to download package", "A template can't import packages, only “report.typ”."),
        ("file not found (searched at /x)", "A template can't read files; it gets its data from “report.typ”."),
        ('the text `"\\u{1f9ff}"` could not be displayed with font x', "No font on the server has “\\u{1f9ff}”."),
    ],
)
def test_errors_about_the_sandbox_and_fonts_have_our_own_words(message: str, sentence: str) -> None:
    assert [error.message for error in parse_diagnostics(f"error: {message}\n")] == [sentence]


def test_output_without_an_error_line_is_the_message() -> None:
    assert list(parse_diagnostics("something broke")) == [Diagnostic("Something broke.")]


def test_long_errors_are_shortened() -> None:
    (error,) = parse_diagnostics("error: " + "x" * 10_000)
    assert len(error.message) < 600


@pytest.mark.parametrize("diagnostic", [Diagnostic("Wrong."), Diagnostic("Line 3, column 4: in\na value", 1, 2)])
def test_text_and_diagnostic_convert_into_each_other(diagnostic: Diagnostic) -> None:
    assert Diagnostic.parse(str(diagnostic)) == diagnostic
