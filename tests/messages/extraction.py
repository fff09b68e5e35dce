"""The texts that people see: everything that passes through gettext, and the sentences of errors."""

from __future__ import annotations

import ast
import inspect
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from django.utils.translation.template import templatize

from tests.check_project.sources import LAYERS, python_files
from tests.server import ROOT

#: Which arguments hold texts, by function.
_KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
}
#: Editors of reports and schedules show what these say about each field of a definition.
_DEFINITIONS = (
    "reports/definitions/report.py",
    "reports/definitions/presentation.py",
    "schedules/definitions.py",
    "schedules/bursting/definitions.py",
    "schedules/deliveries/definitions.py",
)
#: Its subclasses' docstrings are messages.
_ERROR = "DomainError"


@cache
def template() -> Catalog:
    """All texts, without translations."""
    catalog = Catalog(fuzzy=False)
    for path in python_files(*LAYERS):
        _add_calls(catalog, path, path.read_text())
    for path in sorted((ROOT / "templates").rglob("*.html")):
        # Everything but texts becomes names, so in parentheses the template is an expression.
        _add_calls(catalog, path, f"({templatize(path.read_text())})")
    for path, line, sentence in _error_sentences():
        catalog.add(sentence, locations=[(str(path.relative_to(ROOT)), line)])
    for name in _DEFINITIONS:
        for line, sentence in _descriptions(ROOT / name):
            catalog.add(sentence, locations=[(name, line)])
    return catalog


def _add_calls(catalog: Catalog, path: Path, source: str) -> None:
    found = extract_python(io.BytesIO(source.encode()), _KEYWORDS.keys(), ["Translators:"], {"encoding": "utf-8"})
    for line, function, texts, comments in found:
        parts = [texts] if isinstance(texts, str) else [text for text in texts or () if text]
        if not parts:
            continue
        context = parts.pop(0) if function.startswith("pgettext") else None
        catalog.add(
            tuple(parts) if function.startswith("ngettext") else parts[0],
            locations=[(str(path.relative_to(ROOT)), line)],
            auto_comments=comments,
            context=context,
        )


def _descriptions(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "description" and isinstance(node.value, ast.Constant):
            yield node.value.lineno, str(node.value.value)


def _error_sentences() -> Iterator[tuple[Path, int, str]]:
    classes = [
        (path, node)
        for path in python_files(*LAYERS)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    errors, known = {_ERROR}, 0
    while known < len(errors):
        known = len(errors)
        errors |= {node.name for _, node in classes if errors & {ast.unparse(base) for base in node.bases}}
    for path, node in classes:
        if node.name in errors and (sentence := ast.get_docstring(node)):
            yield path, node.lineno, inspect.cleandoc(sentence)
