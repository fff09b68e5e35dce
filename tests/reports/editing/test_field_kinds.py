"""Which control edits a field, by its type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from reports.definitions import ParameterDefinition, ReportDefinition
from reports.definitions.from_database import DELIVERY_DEFINITIONS
from reports.editing.field_kinds import Kind, choices_of, kind_of
from reports.editing.field_texts import help_of, label_of, option_text


class Model(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (str, Kind.TEXT),
        (Annotated[str, Field(max_length=5)] | None, Kind.TEXT),
        (int | None, Kind.NUMBER),
        (bool, Kind.CHECK),
        (Any, Kind.VALUE),
        (list[Any], Kind.VALUES),
        (list[str], Kind.LINES),
        (Literal["a", "b"], Kind.SELECT),
        (list[Literal["a", "b"]], Kind.CHECKS),
        (Model, Kind.GROUP),
        (Model | None, Kind.YAML),
        (list[Model], Kind.YAML),
        (dict[str, int], Kind.YAML),
        (str | int, Kind.YAML),
    ],
)
def test_the_type_chooses_the_control(annotation: Any, kind: Kind) -> None:
    assert kind_of(annotation) is kind


def test_choices_are_those_of_the_literal() -> None:
    assert choices_of(Literal["a", "b"]) == ["a", "b"]
    assert choices_of(list[Literal["a", "b"]] | None) == ["a", "b"]


def test_every_field_has_a_label_of_its_own() -> None:
    paths = [name for name in ReportDefinition.model_fields if name not in ("tenant", "template")]
    paths += [f"parameters[3].{name}" for name in ParameterDefinition.model_fields]
    for model in DELIVERY_DEFINITIONS.values():
        paths += [f"delivery[0].{name}" for name in model.model_fields if name != "kind"]
    for path in paths:
        assert help_of(path, "not listed") != "not listed", path


def test_a_field_that_is_not_listed_shows_its_name_and_description() -> None:
    assert (label_of("new_field"), help_of("new_field", "What it is.")) == ("New field", "What it is.")
    assert (label_of("parameters[2].max_length"), help_of("new_field", None)) == ("Maximum length", "")


def test_options_have_texts() -> None:
    assert option_text("on_limit", "truncate") == "Truncate and mark as incomplete"
    assert option_text("delivery[1].mode", "new") == "new"
