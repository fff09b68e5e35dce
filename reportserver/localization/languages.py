"""The languages of the pages: English, and those that are translated."""

from __future__ import annotations

from pathlib import Path

from babel.core import Locale


def languages(folder: Path) -> list[tuple[str, str]]:
    """Each language with its own name for itself, for example `("de", "Deutsch")`; English first.

    A subfolder such as `pt_BR` translates the pages.
    """
    translated = sorted(path.parent.parent.name for path in folder.glob("*/LC_MESSAGES/django.po"))
    return [("en", "English"), *((name.lower().replace("_", "-"), _own_name(name)) for name in translated)]


def _own_name(name: str) -> str:
    locale = Locale.parse(name)
    return str(locale.get_display_name(locale)).capitalize()
