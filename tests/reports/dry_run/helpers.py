"""What the tests of dry runs share."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from django.core.management import call_command

from reports.dry_run import check as checks
from reports.dry_run import row_preview
from reports.dry_run.results import RowPreview
from reports.dry_run.target import DryRunTarget
from reports.sources.base import SourceSpec
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import sample
from tests.reports.parameters.declared import NOON

URL = "/api/v1/reports/carrier-delays/validate"


def validate(username: str = "alice", **body: Any) -> dict[str, Any]:
    """Return the response of the call that checks the sample's first report."""
    response = client(username).post(URL, body, format="json")
    assert response.status_code == 200, response.content
    return dict(response.json())


def definition(**changes: Any) -> dict[str, Any]:
    """Return the definition of the sample's first report, with changes."""
    return sample()["reports"][0] | changes


def check_reports(*arguments: str) -> tuple[int, str]:
    """Return the exit code and the output of the command."""
    out = StringIO()
    try:
        call_command("check_reports", *arguments, stdout=out, stderr=out)
    except SystemExit as exit:
        return int(exit.code or 0), out.getvalue()
    return 0, out.getvalue()


def target(kind: str, location: object, query: str, **options: Any) -> DryRunTarget:
    source = SourceSpec(kind=kind, location=str(location))
    defaults = {"parameters": [], "moment": NOON, "formats": ["csv"], "max_rows": None}
    return DryRunTarget(source=source, query=query, **(defaults | options))


def check(target: DryRunTarget, values: Mapping[str, object]) -> checks.CheckResult:
    return checks.check(target, values, actor="tester")


def preview_rows(target: DryRunTarget, values: Mapping[str, object]) -> RowPreview:
    return row_preview.preview_rows(target, values, actor="tester")[0]
