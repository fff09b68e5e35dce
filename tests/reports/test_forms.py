"""A report's parameters as form fields."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from django.utils.http import urlencode

from reports.exceptions import InvalidParameters
from reports.forms import Field, RunForm, json_values, show_errors
from reports.parameters.declarations import Parameter
from reports.parameters.rules import Rule
from tests.reports.parameters.declared import NOON


def field(submitted: bool = False, data: dict[str, Any] | None = None, **declaration: Any) -> Field:
    parameter = Parameter.from_dict({"name": "p", "type": "string"} | declaration)
    return Field.of(parameter, QueryDict(urlencode(data or {}, doseq=True)), submitted=submitted)


@pytest.mark.parametrize(
    ("declaration", "control"),
    [
        ({}, "input"),
        ({"choices": ["a", "b"]}, "select"),
        ({"type": "boolean"}, "select"),
        ({"type": "boolean", "default": False}, "checkbox"),
        ({"multiple": True}, "lines"),
        ({"multiple": True, "choices": ["a"]}, "checkboxes"),
        ({"multiple": True, "choices": [f"c{number}" for number in range(13)]}, "list"),
    ],
)
def test_the_declaration_chooses_the_control(declaration: dict[str, Any], control: str) -> None:
    assert field(**declaration).control == control


def test_a_field_has_its_default_until_it_is_submitted() -> None:
    assert field(default="x").values == ["x"]
    assert field(default="x", data={"param.p": "y"}).values == ["y"]
    assert field(default="x", submitted=True).values == []
    assert field(type="date", multiple=True, default=["2024-01-01"]).values == ["2024-01-01"]
    assert field(type="datetime", default="2024-01-01T12:00:00+02:00").values == ["2024-01-01T10:00:00"]


def test_several_values_are_submitted_by_line() -> None:
    assert field(multiple=True, data={"param.p": "a\r\n\r\n b "}).values == ["a", "b"]
    assert field(multiple=True, choices=["a b", "c"], data={"param.p": ["a b", "c"]}).values == ["a b", "c"]


def test_values_are_checked_and_errors_shown() -> None:
    assert json_values([field(type="integer", data={"param.p": "5"})], NOON) == {"p": 5}
    invalid = field(type="integer", data={"param.p": "x"})
    with pytest.raises(InvalidParameters) as caught:
        json_values([invalid], NOON)
    show_errors([invalid], caught.value)
    assert "whole number" in invalid.errors[0]


def test_the_key_of_a_form_depends_on_its_token_format_and_values() -> None:
    def key(token: str = "t", format: str = "csv", value: str = "x") -> str:
        return RunForm([field(data={"param.p": value})], ["csv", "json"], format, token).key

    assert key() == key()
    assert len({key(), key(token="u"), key(format="json"), key(value="y")}) == 4
    assert key(token="") == ""


def run_form(declarations: list[dict[str, Any]], rules: list[Rule], **data: str) -> RunForm:
    fields = [
        Field.of(Parameter.from_dict(declaration), QueryDict(urlencode(data)), submitted=True)
        for declaration in declarations
    ]
    return RunForm(fields, ["csv"], "csv", rules=rules)


START, END, DAY = ({"name": name, "type": "date"} for name in ("start", "end", "day"))


def test_a_pair_of_dates_has_presets_of_periods_and_others_of_days() -> None:
    by_rule = run_form([END, START, DAY], [Rule("start <= end", "-")]).presets
    assert [(presets.title, presets.buttons[5][0]) for presets in by_rule] == [
        ("start \u2013 end", "period last_month start end"), ("day", "day end_of_last_month day"),
    ]  # fmt: skip
    assert [presets.title for presets in run_form([START, END], []).presets] == ["start \u2013 end"]
    assert [presets.title for presets in run_form([START, END, DAY], []).presets] == ["start", "end", "day"]
    assert run_form([START | {"multiple": True}, END | {"choices": ["2026-01-01"]}], []).presets == []


def test_a_preset_fills_in_relative_dates_and_shows_what_they_mean() -> None:
    form = run_form([START, END], [])
    form.apply_preset("period last_month start end")
    assert form.raw() == {"start": "now-1M/M", "end": "now/M-1d"}
    form.show_meanings(NOON)
    assert [field.meaning for field in form.fields] == ["Thursday, 2026-10-01", "Saturday, 2026-10-31"]
    times = run_form([START | {"type": "datetime"}, END | {"type": "datetime"}], [])
    times.apply_preset("period last_month start end")
    times.show_meanings(NOON)
    assert [field.meaning for field in times.fields] == [
        "Thursday, 2026-10-01 00:00:00 UTC", "Sunday, 2026-11-01 00:00:00 UTC",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["period", "period x start end", "period today start", "day today nothing", "x"])
def test_an_unknown_preset_changes_nothing(command: str) -> None:
    form = run_form([START, END], [])
    form.apply_preset(command)
    assert form.raw() == {"start": "", "end": ""}


def test_a_relative_date_that_cannot_be_read_is_an_error_of_its_field() -> None:
    form = run_form([START], [], **{"param.start": "now-1x"})
    form.show_meanings(NOON)
    assert "can't be read" in form.fields[0].errors[0]
