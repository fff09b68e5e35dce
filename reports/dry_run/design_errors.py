"""Whether columns, totals and chart of a report, or of a section, fit the columns of its query: for children only."""

from __future__ import annotations

from accounts.localization import DEFAULT
from reports.dry_run.target import DryRunTable
from reports.exceptions import DesignMismatch
from reports.rendering.charts.chart import Chart, ChartLimits
from reports.rendering.column_lookup import missing_column
from reports.rendering.columns.views import ColumnView
from reports.rendering.totals.group_totals import Totals
from reports.sources.base import QueryDescription

CHART_SECONDS = 10
_CHART_LIMITS = ChartLimits(memory_bytes=1 << 30)


def design_errors(table: DryRunTable, prepared: QueryDescription) -> list[str]:
    """Return what of the design doesn't fit the columns, in sentences."""
    errors = [f"{path}: {sentence}" for path, found in errors_in_columns(table, prepared).items() for sentence in found]
    try:
        if table.totals:
            Totals(table.totals, prepared.schema)
    except DesignMismatch as error:
        errors.append(error.message)
    try:
        if table.chart:
            Chart(table.chart, prepared.schema, _CHART_LIMITS).check(CHART_SECONDS)
    except DesignMismatch as error:
        errors.append(error.message)
    return errors


def errors_in_columns(table: DryRunTable, prepared: QueryDescription) -> dict[str, list[str]]:
    """Options of columns that don't fit. Types that are only inferred may differ in a run, so they aren't compared."""
    errors = {
        f"compare_by[{at}]": [missing_column(prepared.schema, name)]
        for at, name in enumerate(table.compare_by)
        if prepared.schema.get_field_index(name) < 0
    }
    for name, options in table.columns.items():
        path, at = f"columns.{name}", prepared.schema.get_field_index(name)
        if at < 0:
            errors[path] = [missing_column(prepared.schema, name)]
        elif prepared.certain:
            field = prepared.schema.field(at)
            errors |= {f"{path}.{below}": [text] for below, text in ColumnView(field, options, DEFAULT).mismatches()}
    return errors
