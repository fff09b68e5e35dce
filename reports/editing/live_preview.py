"""The document of a form that isn't saved, as the page shows it beside its fields."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from accounts.localization import DEFAULT
from accounts.models import Tenant, User
from reports import actions
from reports.definitions import ReportDefinition
from reports.dry_run.document_preview import template_errors
from reports.dry_run.target import DryRunTarget
from reports.editing.form_controls import ErrorLink
from reports.editing.template_page import Excerpt, excerpts
from reports.exceptions import DryRunBusy, InvalidParameters, RunError
from reports.forms import Field, json_values, show_errors
from reports.models import ReportConfiguration

#: It is a document of its own, in a frame of the editor. No script runs in it. The report's html is in another frame
#: inside, which inherits all of this, and whose origin is nobody's.
_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@dataclass
class LivePreview:
    """The html, or why there is none. `fields`: what of the form is wrong; `values`: what of the test values is."""

    html: str = ""
    error: str = ""
    driver_message: str = ""
    fields: list[ErrorLink] = field(default_factory=list)
    values: list[Field] = field(default_factory=list)
    #: Errors in the template of the pdf, with the lines around them.
    in_template: list[Excerpt] = field(default_factory=list)
    is_signed_out: bool = False


def preview(
    report: ReportConfiguration, definition: ReportDefinition, target: DryRunTarget, values: list[Field], actor: User
) -> LivePreview:
    """Make the document of the definition with the test values."""
    target = replace(target, locale=_locale(definition, report.tenant))
    try:
        parameters = json_values(values, target.moment)
        made = actions.preview_report_html(report=report, target=target, parameters=parameters, actor=actor)
        errors = template_errors(target, parameters, actor=actor) if made.html else []
    except InvalidParameters as error:
        show_errors(values, error)
        return LivePreview(values=[each for each in values if each.errors])
    except (RunError, DryRunBusy) as error:
        return LivePreview(error=gettext(error.message))
    shown = list(excerpts(target.template or "", errors))
    return LivePreview(made.html, gettext(made.error) if made.error else "", made.driver_message, in_template=shown)


def respond(request: HttpRequest, found: LivePreview) -> HttpResponse:
    """Return the preview as a page that only a frame of the server's own pages can show."""
    response = render(request, "reports/edit/document.html", {"preview": found})
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _locale(definition: ReportDefinition, tenant: Tenant) -> str:
    return definition.locale or tenant.locale or DEFAULT
