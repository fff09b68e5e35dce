"""Labels, help and option texts of the edit form. A field that isn't listed here shows its name and its description in
the definitions file."""

from __future__ import annotations

import re

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from reports.editing.builders.texts import PRESENTATION_FIELDS, PRESENTATION_OPTIONS, ROW_HELP, FieldText

_FIELDS = PRESENTATION_FIELDS | {
    "name": FieldText(_("Name")),
    "slug": FieldText(
        _("URL name"),
        _("Letters, digits, - and _. Links and API calls contain it, and stop working when it changes."),
    ),
    "description": FieldText(_("Description"), _("Shown in the list of reports and on the report's page.")),
    "folder": FieldText(
        _("Folder"), _("Where the list of reports has it, for example Sales/Europe. Leave empty for no folder.")
    ),
    "tags": FieldText(_("Tags"), _("Words by which people find it, one per line.")),
    "data_source": FieldText(_("Data source")),
    "query": FieldText(
        _("Query"),
        _("One SQL statement. `:name` is a parameter's value, which is always bound, never text in the SQL."),
    ),
    "parameters": FieldText(_("Parameters")),
    "parameters.name": FieldText(_("Name")),
    "parameters.type": FieldText(_("Type")),
    "parameters.required": FieldText(_("Required")),
    "parameters.default": FieldText(_("Default")),
    "parameters.label": FieldText(_("Label")),
    "parameters.help": FieldText(_("Help text"), _("Shown below the field.")),
    "parameters.choices": FieldText(_("Choices"), _("The only values allowed, one per line.")),
    "parameters.choices_query": FieldText(
        _("Choices from a query"),
        _("`query:` one SQL statement that returns a value and, in a second column, its label."),
    ),
    "parameters.multiple": FieldText(_("Allow multiple values"), _("Use it with `in :name`.")),
    "parameters.minimum": FieldText(
        _("Minimum"), _("For numbers, dates and date-times. A date can be relative: `today-30d`.")
    ),
    "parameters.maximum": FieldText(
        _("Maximum"), _("For numbers, dates and date-times. A date can be relative: `today`.")
    ),
    "parameters.pattern": FieldText(_("Pattern"), _("A regular expression that the whole text must match.")),
    "parameters.max_length": FieldText(_("Maximum length"), _("Characters in a text.")),
    "rules": FieldText(
        _("Rules"), _("Conditions between parameters, such as `start <= end`, checked when the report is run.")
    ),
    "time_zone": FieldText(
        _("Time zone"), _("For relative dates such as `today`, for example Europe/Berlin. Leave empty for the default.")
    ),
    "sections": FieldText(
        _("Sections"),
        _(
            "In place of the query: parts of the report with a query each, `- {name: summary, title: Summary, query: "
            "select …}`. A section also has its own `columns`, `totals`, `compare_by` and `chart`."
        ),
    ),
    "columns": FieldText(
        _("Columns"),
        _(
            'How HTML, PDF and XLSX files show columns: `mean_delay: {label: Mean delay, format: "#,##0.0", highlight: '
            '[{when: "> 30", as: bad}]}`. Also `currency`, `width`, `align` and `hidden`.'
        ),
    ),
    "locale": FieldText(
        _("Locale"),
        _("How HTML, PDF and XLSX files write numbers and dates, for example de-DE. Leave empty for the default."),
    ),
    "formats": FieldText(_("Formats")),
    "csv": FieldText(_("CSV files")),
    "csv.delimiter": FieldText(_("Delimiter")),
    "csv.byte_order_mark": FieldText(_("Start with a byte order mark"), _("Old versions of Excel need it.")),
    "csv.formula_guard": FieldText(
        _("Guard against formulas"), _("Puts ' before texts that a spreadsheet would run as a formula.")
    ),
    "csv.header": FieldText(_("Header"), _("The columns' names, or their labels.")),
    "totals": FieldText(_("Totals"), _("Shown in HTML, PDF and XLSX files.")),
    "compare_by": FieldText(
        _("Compare by"),
        _("Columns whose values identify a row when people compare two results, one per line. Leave empty for all."),
    ),
    "chart": FieldText(
        _("Chart"), _("A Vega-Lite specification that uses the query's columns. Shown in HTML, PDF and XLSX files.")
    ),
    "delivery": FieldText(_("Delivery")),
    "deliver": FieldText(
        _("Send results"),
        _("To the targets below. Schedules send to their own recipients."),
    ),
    "delivery.mode": FieldText(_("Mode")),
    "delivery.to": FieldText(pgettext_lazy("e-mail", "To"), _("E-mail addresses, one per line.")),
    "delivery.url": FieldText(_("URL"), _("http or https, without a password.")),
    "delivery.path": FieldText(_("Path"), _("A path in the file share.")),
    "grants": FieldText(_("Access")),
    "timeout_seconds": FieldText(_("Time limit (seconds)"), _("For each attempt.")),
    "max_rows": FieldText(_("Row limit"), _("Leave empty for no limit.")),
    "max_bytes": FieldText(_("Size limit (bytes)"), _("Leave empty for the server's limit.")),
    "on_limit": FieldText(_("When a limit is reached")),
    "keep_rows": FieldText(
        _("Kept rows"),
        _(
            "Results of up to this many rows can be searched, sorted and converted. 0: never. Leave empty for the "
            "server's limit."
        ),
    ),
    "max_running": FieldText(_("Jobs running at once"), _("On all hosts together. Leave empty for no limit.")),
    "max_attempts": FieldText(_("Attempts"), _("How often a job is tried if the failure may be temporary.")),
    "retention_days": FieldText(_("Result retention (days)")),
}
_OPTIONS = PRESENTATION_OPTIONS | {
    "parameters.type": {
        "string": _("Text"),
        "integer": _("Whole number"),
        "number": _("Decimal number"),
        "boolean": _("Yes or no"),
        "date": _("Date"),
        "datetime": _("Date and time"),
    },
    "delivery.mode": {
        "asynchronous": _("As a job, to download later (asynchronous)"),
        "synchronous": _("In the response (synchronous)"),
    },
    "deliver": {"on_request": _("If the person who runs it asks for it"), "always": _("After each run")},
    "on_limit": {"truncate": _("Truncate and mark as incomplete"), "fail": _("Fail")},
}


def label_of(path: str) -> str:
    field = _field_of(path)
    if field in _FIELDS:
        return str(_FIELDS[field].label)
    return gettext(field.rpartition(".")[2].replace("_", " ").capitalize())


def help_of(path: str, description: str | None, *, in_rows: bool = False) -> str:
    """Return the field's help; `description` is that in the definitions file. `in_rows`: it isn't edited as YAML."""
    field = _field_of(path)
    if in_rows and field in ROW_HELP:
        return str(ROW_HELP[field])
    if field in _FIELDS:
        return str(_FIELDS[field].help)
    return gettext(description) if description else ""


def option_text(path: str, value: str) -> str:
    return str(_OPTIONS.get(_field_of(path), {}).get(value, value))


def _field_of(path: str) -> str:
    """Return "parameters.type" for "parameters[0].type". What sections have of their own is as in the report."""
    field = re.sub(r"\[\d+\]", "", path)
    below = field.removeprefix("sections.")
    return below if field not in _FIELDS and below in _FIELDS else field
