"""Which control edits a field, by its type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from reports.definitions import ParameterDefinition, ReportDefinition
from reports.definitions.from_database import DELIVERY_DEFINITIONS
from reports.editing.field_kinds import FieldKind, choices_of, kind_of
from reports.editing.field_texts import help_of, label_of, option_text


class Model(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (str, FieldKind.TEXT),
        (Annotated[str, Field(max_length=5)] | None, FieldKind.TEXT),
        (int | None, FieldKind.NUMBER),
        (bool, FieldKind.CHECK),
        (Any, FieldKind.VALUE),
        (list[Any], FieldKind.VALUES),
        (list[str], FieldKind.LINES),
        (Literal["a", "b"], FieldKind.SELECT),
        (list[Literal["a", "b"]], FieldKind.CHECKS),
        (Model, FieldKind.GROUP),
        (Model | None, FieldKind.YAML),
        (list[Model], FieldKind.YAML),
        (dict[str, int], FieldKind.YAML),
        (str | int, FieldKind.YAML),
    ],
)
def test_the_type_chooses_the_control(annotation: Any, kind: FieldKind) -> None:
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
