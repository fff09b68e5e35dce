"""What the page of a report's template does: show the document with the first rows, tell faults by line, save."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.http import QueryDict

from accounts.models import User
from reports import actions, documents
from reports.definitions import parse_report
from reports.definitions.errors import errors_in
from reports.definitions.from_database import definition_of, fingerprint, reload_report
from reports.documents.compiler import CompiledDocument, TemplateInvalid, syntax_errors
from reports.documents.diagnostics import Diagnostic
from reports.dry_run.document_preview import template_errors
from reports.dry_run.target import DryRunTarget
from reports.exceptions import InvalidDefinition, InvalidParameters, ReportChanged, RunError, SourceMissing
from reports.forms import Field, json_values, show_errors
from reports.models import ReportConfiguration
from reports.querysets import report_key

STARTER = (Path(documents.__path__[0]) / "library" / "starter.typ").read_text(encoding="utf-8")
#: Pages that are shown, and their dots per inch: of paper, about its size on the screen.
MOST_PAGES = 10
_PPI = 110
_AROUND = 2


@dataclass(frozen=True)
class Excerpt:
    """The lines around a fault: number, text, and whether it is the faulty one."""

    fault: Diagnostic
    lines: list[tuple[int, str, bool]]


@dataclass
class TemplatePage:
    """`text` is what stands in the field. `sentence` says why something was refused as a whole."""

    report: ReportConfiguration
    actor: User
    text: str
    values: list[Field]
    seen: str
    faults: list[Diagnostic] = field(default_factory=list)
    sentence: str = ""
    outdated: bool = False
    made: CompiledDocument | None = None

    @classmethod
    def of(cls, report: ReportConfiguration, actor: User, data: QueryDict, *, sent: bool = False) -> TemplatePage:
        """From what was sent, else from what is stored, else one to start from."""
        definition = definition_of(report)
        stored = definition.template or STARTER
        # Browsers end lines with CR LF; a template must not change by being shown.
        text = data.get("template", "").replace("\r\n", "\n") if sent else stored
        declared = (replace(parameter, required=False) for parameter in report.version.declared_parameters())
        seen = data.get("seen", "") if sent else fingerprint(definition)
        return cls(report, actor, text, [Field.of(one, data, submitted=sent) for one in declared], seen)

    @property
    def stored(self) -> str | None:
        text: str | None = self.report.version.options.get("template")
        return text

    @property
    def key(self) -> str:
        return report_key(self.actor, self.report.slug, self.report.pk)

    @property
    def is_changed(self) -> bool:
        return self.text != (self.stored or STARTER)

    @property
    def refused(self) -> bool:
        return bool(self.faults or self.sentence or any(one.errors for one in self.values))

    # --- Preview ------------------------------------------------------------------------------------------------------

    def preview(self) -> None:
        """Make the document with the first rows, or find out why not."""
        try:
            self.made = actions.preview_report_document(
                report=self.report,
                target=self._subject(),
                parameters=json_values(self.values),
                actor=self.actor,
                ppi=_PPI,
            )
        except InvalidParameters as refused:
            show_errors(self.values, refused)
        except TemplateInvalid as error:
            self.faults = error.diagnostics
        except RunError as error:
            self.sentence = error.message
            self.faults = syntax_errors(self.text)

    def _subject(self) -> DryRunTarget:
        return replace(DryRunTarget.of_version(self.report.version), template=self.text)

    def sheets(self) -> list[str]:
        """The first pages, as addresses that hold the picture."""
        files = self.made.files[:MOST_PAGES] if self.made else []
        return [f"data:image/png;base64,{base64.b64encode(file).decode()}" for file in files]

    @property
    def most_pages(self) -> int:
        return MOST_PAGES

    @property
    def pages(self) -> int:
        return len(self.made.files) if self.made else 0

    # --- Faults -------------------------------------------------------------------------------------------------------

    def excerpts(self) -> Iterator[Excerpt]:
        """Each fault with the lines around it."""
        lines = self.text.split("\n")
        for fault in self.faults:
            first = max(1, (fault.line or 0) - _AROUND)
            last = min(len(lines), (fault.line or -_AROUND) + _AROUND)
            around = [(number, lines[number - 1], number == fault.line) for number in range(first, last + 1)]
            yield Excerpt(fault, around if fault.line else [])

    @property
    def fault_lines(self) -> str:
        return ",".join(str(fault.line) for fault in self.faults if fault.line)

    # --- Saving -------------------------------------------------------------------------------------------------------

    def save(self) -> str:
        """Store the text as the report's template, none for an empty one; what to say, or nothing when refused."""
        if self.text.strip() and self._fails():
            return ""
        before = self.report.version.number
        entry = definition_of(self.report).entry() | {"template": self.text if self.text.strip() else None}
        try:
            self.report = actions.update_report(
                report=self.report, definition=parse_report(entry), actor=self.actor, expected_fingerprint=self.seen
            )
        except InvalidDefinition as refused:
            self._refuse(refused)
            return ""
        except ReportChanged as refused:
            self.sentence, self.outdated = refused.message, True
            # Told about it, the next press of Save is meant.
            self.seen = fingerprint(definition_of(reload_report(self.report)))
            return ""
        now = self.report.version.number
        return "Nothing was changed." if now == before else f"Saved as version {now}."

    def _fails(self) -> bool:
        """With the values beside the preview: without them there may be no row, and so no line that shows one."""
        try:
            self.faults = template_errors(self._subject(), json_values(self.values))
        except InvalidParameters as refused:
            show_errors(self.values, refused)
        except SourceMissing as error:
            self.sentence = error.message
        return self.refused

    def _refuse(self, refused: InvalidDefinition) -> None:
        told = errors_in(refused)
        self.faults = [Diagnostic.parse(sentence) for sentence in told.pop("template", [])]
        self.sentence = " ".join(sentence for sentences in told.values() for sentence in sentences)
