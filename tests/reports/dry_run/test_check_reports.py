"""manage.py check_reports: checks stored reports."""

from __future__ import annotations

import pytest

from tests.reports.dry_run.helpers import check_reports

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("stored_reports")]


def test_all_reports_are_checked_and_an_error_fails_the_command() -> None:
    code, out = check_reports()
    assert code == 1
    assert "acme/carrier-delays: 1 column." in out
    assert "acme/customers: The data source is not responding. Try again later." in out
    assert "hush" not in out
    assert out.endswith("2 reports checked, 1 with errors.\n")


def test_only_the_named_reports_are_checked() -> None:
    assert check_reports("carrier-delays", "--tenant", "acme") == (
        0,
        "acme/carrier-delays: 1 column.\n1 report checked, no errors.\n",
    )
    assert check_reports("nobody")[0] == 1
