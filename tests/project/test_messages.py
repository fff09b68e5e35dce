"""Every text of the pages is translated into every language."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from tests.messages import catalogs
from tests.messages.extraction import template


@pytest.mark.parametrize("path", catalogs.paths(), ids=lambda path: path.parent.parent.name)
def test_every_text_has_a_translation_with_the_same_fields(path: Path) -> None:
    assert list(catalogs.problems(path)) == []


def test_texts_of_code_templates_and_errors_are_found() -> None:
    found = {message.id for message in template()}
    assert {"Sign out", "Run a report", "No such report.", ("%(number)s row", "%(number)s rows")} <= found


BAD = {
    "missing": (None, "is missing"),
    "empty": ("", "has no translation"),
    "a field of gettext": ("%(nummer)s von %(total)s", "unknown named placeholder"),
    "a field in braces": ("{anzahl} ausgewählt", "other fields in braces"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_translation_is_named(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, problem = BAD[case]
    source = "{number} selected" if "braces" in case else "%(number)s of %(total)s"
    texts, translated = Catalog(), Catalog(locale="de")
    texts.add(source)
    if text is not None:
        translated.add(source, text)
    monkeypatch.setattr(catalogs, "template", lambda: texts)
    path = tmp_path / "de" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    catalogs.write(translated, path)
    (found,) = catalogs.problems(path)
    assert problem in found, found


def test_an_uncompiled_change_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "template", Catalog)
    path = tmp_path / "de" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    catalogs.write(Catalog(locale="de"), path)
    path.write_text(f'{path.read_text()}\nmsgid "new"\nmsgstr "neu"\n')
    (found,) = catalogs.problems(path)
    assert "not compiled" in found
