"""The JSON Schema of the definitions file: current, complete and documented."""

from __future__ import annotations

import json

import pytest

from reports.definitions import editor_schema
from reports.definitions import yaml as definitions_yaml
from reports.rendering import RENDERERS
from tests.reports.definitions.sample_file import SAMPLE, sample
from tests.server import ROOT


def test_the_schema_for_editors_is_current():
    shipped = json.loads((ROOT / "reports" / "definitions.schema.json").read_text(encoding="utf-8"))
    assert shipped == editor_schema(), "run: manage.py export --schema -o reports/definitions.schema.json"


def test_the_schema_accepts_the_demo_and_the_sample_and_rejects_errors():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(editor_schema())
    demo = definitions_yaml.read((ROOT / "demo" / "definitions.yaml").read_text(encoding="utf-8")).data
    assert list(validator.iter_errors(demo)) == []
    assert list(validator.iter_errors(SAMPLE)) == []
    wrong = sample()
    wrong["reports"][0]["delivery"][0]["mode"] = "sometimes"
    assert list(validator.iter_errors(wrong))


def test_definitions_allow_every_format():
    schema = editor_schema()["$defs"]["ReportDefinition"]["properties"]["formats"]
    assert set(schema["items"]["enum"]) == set(RENDERERS)


def test_every_field_is_documented():
    pages = [(ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("definitions", "schedules")]
    page = "".join(pages)
    for name, definition in editor_schema()["$defs"].items():
        for field in definition["properties"]:
            assert f"`{field}`" in page, f"{field} of {name}"
