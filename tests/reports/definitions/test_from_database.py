"""Definitions that are read back from the database are equal to those that were stored."""

from __future__ import annotations

import pytest

from reports.definitions import parse_report
from reports.definitions.from_database import definition_of, fingerprint
from reports.models import ReportConfiguration
from tests.reports.definitions.sample_file import apply_definitions, sample

pytestmark = pytest.mark.django_db


def test_numbers_beyond_38_digits_survive_jsonb(tmp_path):
    data = sample()
    entry = data["reports"][1] | {
        "query": "select :share as share",
        "formats": ["pdf"],
        "parameters": [{"name": "share", "type": "number", "default": 1e300, "choices": [0.25, 1, 10**20, 1e300]}],
        "chart": {"mark": "bar", "encoding": {"x": {"field": "share", "scale": {"domain": [0, 1e300]}}}},
    }
    data["reports"][1] = entry
    apply_definitions(tmp_path, data)
    report = ReportConfiguration.objects.get(slug="customers")
    # PostgreSQL's jsonb gives back 1e300 as the integer 1000…
    report.version.parameters[0] |= {"default": 10**300, "choices": [0.25, 1, 10**20, 10**300]}
    report.version.options["chart"]["encoding"]["x"]["scale"]["domain"] = [0, 10**300]
    assert definition_of(report).entry() == parse_report(entry).entry()
    assert fingerprint(definition_of(report)) == fingerprint(parse_report(entry))
