"""The page that designs a report's PDF: previews the template with the first rows, locates its errors, saves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import User
from reports import actions, documents
from reports.definitions import parse_report
from reports.definitions.errors import errors_in
from reports.definitions.from_database import definition_of, fingerprint, reload_report
from reports.documents.diagnostics import Diagnostic
from reports.dry_run.document_preview import MAX_PAGES, template_errors
from reports.dry_run.results import DocumentPreview
from reports.dry_run.target import DryRunTarget
from reports.exceptions import (
    CallerAttributeMissing,
    DryRunBusy,
    InvalidDefinition,
    InvalidParameters,
    ReportChanged,
    RunError,
)
from reports.forms import Field, json_values, show_errors
from reports.models import ReportConfiguration
from reports.querysets import report_key

STARTER = (Path(documents.__path__[0]) / "library" / "starter.typ").read_text(encoding="utf-8")
#: Dots per inch of a page's picture: about the size of the paper on a screen.
_PPI = 110
#: Lines of the template that are shown before and after one with an error.
_CONTEXT_LINES = 2


@dataclass(frozen=True)
class Excerpt:
    """An error with the lines around it: number, text, and whether the error is in it."""

    error: Diagnostic
    lines: list[tuple[int, str, bool]]


def excerpts(template: str, errors: Iterable[Diagnostic]) -> Iterator[Excerpt]:
    """Yield each error with the lines around it."""
    lines = template.split("\n")
    for error in errors:
        if error.line is None:
            yield Excerpt(error, [])
            continue
        first = max(1, error.line - _CONTEXT_LINES)
        last = min(len(lines), error.line + _CONTEXT_LINES)
        around = [(number, lines[number - 1], number == error.line) for number in range(first, last + 1)]
        yield Excerpt(error, around)


@dataclass
class TemplatePage:
    """`text` is the template in the form. `fingerprint` is that of the definition with which the form was shown."""

    report: ReportConfiguration
    actor: User
    text: str
    test_values: list[Field]
    fingerprint: str
    errors: list[Diagnostic] = field(default_factory=list)
    #: Why the preview or the template as a whole was refused.
    error: str = ""
    #: True if somebody else has changed the report.
    conflict: bool = False
    document: DocumentPreview | None = None

    @classmethod
    def of(cls, report: ReportConfiguration, actor: User, data: QueryDict, *, submitted: bool = False) -> TemplatePage:
        """Return the page for a submitted form; else with the stored template, or one to start from."""
        definition = definition_of(report)
        if submitted:
            # Browsers end lines with CR LF; a template must not change by being shown and submitted.
            text, shown_fingerprint = data.get("template", "").replace("\r\n", "\n"), data.get("fingerprint", "")
        else:
            text, shown_fingerprint = definition.template or STARTER, fingerprint(definition)
        optional = [replace(parameter, required=False) for parameter in report.version.declared_parameters()]
        test_values = [Field.of(parameter, data, submitted=submitted) for parameter in optional]
        return cls(report, actor, text, test_values, shown_fingerprint)

    @property
    def stored(self) -> str | None:
        template: str | None = self.report.version.options.get("template")
        return template

    @property
    def key(self) -> str:
        return report_key(self.actor, self.report.slug, self.report.pk)

    @property
    def is_changed(self) -> bool:
        return self.text != (self.stored or STARTER)

    @property
    def pages(self) -> int:
        return self.document.pages if self.document else 0

    @property
    def max_pages(self) -> int:
        return MAX_PAGES

    @property
    def page_urls(self) -> list[str]:
        """The first pages, as data: URLs of their pictures."""
        pictures = self.document.pictures if self.document else []
        return [f"data:image/png;base64,{picture}" for picture in pictures]

    @property
    def excerpts(self) -> Iterator[Excerpt]:
        return excerpts(self.text, self.errors)

    @property
    def error_lines(self) -> str:
        return ",".join(str(error.line) for error in self.errors if error.line)

    def preview(self) -> None:
        """Compile the document with the first rows, or report why that fails."""
        try:
            target = self._target()
            preview = actions.preview_report_document(
                report=self.report,
                target=target,
                parameters=json_values(self.test_values, target.moment),
                actor=self.actor,
                ppi=_PPI,
            )
        except InvalidParameters as error:
            show_errors(self.test_values, error)
        except (RunError, DryRunBusy, CallerAttributeMissing) as error:
            self.error = gettext(error.message)
        else:
            self.errors, self.error = preview.errors, gettext(preview.error) if preview.error else ""
            self.document = None if self.errors or self.error else preview

    def save(self) -> str | None:
        """Save the template; an empty one removes it. Returns a sentence about the result; None if it was refused."""
        template = self.text if self.text.strip() else None
        if template is not None and not self._compiles():
            return None
        number_before = self.report.version.number
        try:
            self.report = actions.update_report(
                report=self.report,
                definition=parse_report(definition_of(self.report).entry() | {"template": template}),
                actor=self.actor,
                expected_fingerprint=self.fingerprint,
            )
        except InvalidDefinition as error:
            errors = errors_in(error)
            self.errors = [Diagnostic.parse(sentence) for sentence in errors.pop("template", [])]
            self.error = " ".join(sentence for sentences in errors.values() for sentence in sentences)
            return None
        except DryRunBusy as error:
            self.error = gettext(error.message)
            return None
        except ReportChanged as error:
            self.error, self.conflict = gettext(error.message), True
            # Saving again after the conflict was shown overwrites the other template.
            self.fingerprint = fingerprint(definition_of(reload_report(self.report)))
            return None
        if self.report.version.number == number_before:
            return gettext("No changes to save.")
        return gettext("Saved as version %(number)s.") % {"number": self.report.version.number}

    def _compiles(self) -> bool:
        """Compile the template with the test values: without them the query may return no rows, and a template with an
        error in the part for rows would pass."""
        try:
            target = self._target()
            values = json_values(self.test_values, target.moment)
            self.errors = template_errors(target, values, actor=self.actor)
        except InvalidParameters as error:
            show_errors(self.test_values, error)
            return False
        except (RunError, DryRunBusy) as error:
            self.error = gettext(error.message)
        return not (self.errors or self.error)

    def _target(self) -> DryRunTarget:
        moment = self.report.moment(timezone.now())
        return replace(DryRunTarget.of_version(self.report.version, moment, self.actor), template=self.text)
