"""Labels, help and option texts of what is edited in rows. In help, backquotes mark code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class FieldText(NamedTuple):
    """The texts of a field on the page."""

    label: StrPromise
    help: StrPromise | str = ""


_COLUMN_OF_QUERY = _("A column of the query.")

PRESENTATION_FIELDS = {
    "parameters.choices_query.query": FieldText(
        _("Query of the choices"),
        _("Returns a value and, in a second column, its label. It can use other parameters: `:country`."),
    ),
    "parameters.choices_query.data_source": FieldText(_("Data source"), _("Leave empty for the report's.")),
    "rules.check": FieldText(_("Condition"), _("`start <= end` or `amount > 0`")),
    "rules.message": FieldText(_("Message"), _("What people are told if it isn't met.")),
    "columns.column": FieldText(_("Column")),
    "columns.label": FieldText(_("Heading")),
    "columns.format": FieldText(_("Format")),
    "columns.currency": FieldText(_("Currency"), _("Its code, such as EUR: what `¤` in the format stands for.")),
    "columns.width": FieldText(_("Width"), _("In characters. Leave empty for what the values need.")),
    "columns.align": FieldText(_("Alignment")),
    "columns.hidden": FieldText(_("Hide in HTML, PDF and XLSX files")),
    "columns.highlight": FieldText(_("Highlights"), _("The first condition that is met counts.")),
    "columns.highlight.when": FieldText(_("Condition"), _("`> 30`, `= 'late'` or `< 2026-01-31`")),
    "columns.highlight.as": FieldText(_("Looks like")),
    "totals.group_by": FieldText(
        _("Group by"), _("Columns, one per line, outermost first. The query must sort by them.")
    ),
    "totals.columns": FieldText(_("Columns with totals")),
    "totals.columns.column": FieldText(_("Column")),
    "totals.columns.value": FieldText(_("Total")),
    "totals.grand": FieldText(_("Total of all rows")),
    "totals.decimals": FieldText(_("Decimal places"), _("Of averages, and of sums of floating point numbers.")),
    "chart.mark": FieldText(_("Kind")),
    "chart.title": FieldText(_("Title")),
    "chart.x": FieldText(_("Horizontal axis"), _COLUMN_OF_QUERY),
    "chart.x_type": FieldText(_("It has")),
    "chart.x_title": FieldText(_("Title of the horizontal axis")),
    "chart.y": FieldText(_("Vertical axis"), _COLUMN_OF_QUERY),
    "chart.aggregate": FieldText(_("Values of the same place")),
    "chart.y_title": FieldText(_("Title of the vertical axis")),
    "chart.color": FieldText(_("Color"), _COLUMN_OF_QUERY),
    "sections.title": FieldText(_("Title"), _("Leave empty for the name in words.")),
    "sections.name": FieldText(_("Name"), _("Letters, digits, - and _. The key in JSON.")),
}
#: In place of the help for YAML.
ROW_HELP = {
    "parameters.choices_query": _("In place of the list. Leave the query empty for none."),
    "rules": _("Conditions between parameters, checked when the report is run."),
    "columns": _(
        "How HTML, PDF and XLSX files show columns. A format is a pattern such as `#,##0.00`, `0.0%`, `¤#,##0.00` or "
        "`dd.MM.yyyy`."
    ),
    "totals": _("Shown in HTML, PDF and XLSX files."),
    "chart": _("Shown in HTML, PDF and XLSX files. YAML can describe any other Vega-Lite chart."),
    "sections": _("In place of the query: parts of the report with a query each, from one state of the data."),
}
PRESENTATION_OPTIONS = {
    "columns.align": {"": _("Automatic"), "left": _("Left"), "center": _("Center"), "right": _("Right")},
    "columns.highlight.as": {"good": _("Good"), "bad": _("Bad"), "warning": _("Warning")},
    "totals.columns.value": {
        "sum": _("Sum"),
        "average": _("Average"),
        "min": _("Smallest"),
        "max": _("Largest"),
        "count": _("Count"),
    },
    "chart.mark": {
        "": _("No chart"),
        "bar": _("Bars"),
        "line": pgettext_lazy("chart", "Line"),
        "area": _("Area"),
        "point": _("Points"),
    },
    "chart.x_type": {
        "nominal": _("Names"),
        "ordinal": _("Names in order"),
        "temporal": _("Dates or times"),
        "quantitative": _("Numbers"),
    },
    "chart.aggregate": {
        "": _("As they are"),
        "sum": _("Their sum"),
        "mean": _("Their average"),
        "min": _("The smallest"),
        "max": _("The largest"),
        "count": _("Their number"),
    },
}
