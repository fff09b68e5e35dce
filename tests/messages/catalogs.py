"""The files of translations: locale/<language>/LC_MESSAGES/django.po, and the compiled .mo beside each."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.checkers import checkers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.messages.extraction import template
from tests.server import ROOT

LOCALE = ROOT / "locale"


def paths() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def load(path: Path) -> Catalog:
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.parent.parent.name)
    _set_header(catalog)
    return catalog


def update(path: Path) -> Catalog:
    """Add new texts without a translation, forget those that are gone, and compile."""
    catalog = load(path)
    created = catalog.creation_date
    catalog.update(template(), no_fuzzy_matching=True, update_header_comment=False)
    catalog.obsolete.clear()
    catalog.creation_date = created
    write(catalog, path)
    return catalog


def write(catalog: Catalog, path: Path) -> None:
    """Write the .po and the .mo."""
    _set_header(catalog)
    text = io.BytesIO()
    # Without line numbers, which every other change would move.
    write_po(text, catalog, width=120, sort_output=True, no_location=True, ignore_obsolete=True)
    path.write_bytes(text.getvalue())
    path.with_suffix(".mo").write_bytes(compiled(catalog))


def _set_header(catalog: Catalog) -> None:
    # Babel's own are placeholders.
    catalog.project, catalog.version, catalog.msgid_bugs_address = "Report server", "", ""
    catalog.last_translator = catalog.language_team = ""


def _braces(text: str) -> tuple[str, ...]:
    return tuple(sorted(re.findall(r"{\w*}|</?\w[^>]*>", text)))


def compiled(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def problems(path: Path) -> Iterator[str]:
    """What is missing in a file, or doesn't agree with the text that it translates."""
    catalog, language = load(path), path.parent.parent.name
    for message in template():
        if message.id:
            translated = catalog.get(message.id, message.context)
            yield from (f"{language}: {message.id!r}: {fault}" for fault in _faults(catalog, message, translated))
    if path.with_suffix(".mo").read_bytes() != compiled(catalog):
        yield f"{language}: django.mo is not compiled from django.po. Run make messages."


def _faults(catalog: Catalog, message: Message, translated: Message | None) -> Iterator[str]:
    if translated is None:
        yield "is missing. Run make messages, and translate it."
        return
    texts = translated.string if isinstance(translated.string, tuple) else (translated.string,)
    if translated.fuzzy or not all(texts):
        yield "has no translation."
        return
    if {_braces(text) for text in texts} != {_braces(message.id if isinstance(message.id, str) else message.id[0])}:
        yield "has other fields in braces, or other elements."
    for check in checkers:
        try:
            check(catalog, translated)
        except Exception as error:  # noqa: BLE001 - each checker raises what it likes
            yield str(error)
