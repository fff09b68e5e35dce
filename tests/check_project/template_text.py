"""All text of the pages passes through gettext: templates must not hold words outside of translation tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from django.template.base import Lexer, Token, TokenType

from tests.server import ROOT

#: Attributes that people read or hear.
_READ_ATTRIBUTES = ("alt", "aria-description", "aria-label", "placeholder", "title")
#: Elements whose content isn't prose: code, keys, programs.
_NOT_PROSE = ("code", "kbd", "pre", "samp", "script", "style")
#: The same in every language.
_NAMES = re.compile(r"\b(?:API|CSV|HTML|JSON|NDJSON|NULL|PDF|SHA-256|SQL|UTC|XLSX|YAML)\b")
_WORD = re.compile(r"[^\W\d_]{2,}")
#: A literal of a tag or filter, and what marks it as translated.
_LITERAL = re.compile(r"""(_\()?("[^"]*"|'[^']*')""")
#: A literal with a capital or a space is text; others are names.
_TEXT = re.compile(r"[A-Z ]")
#: Tags and filters whose literals aren't text: names, formats and values to compare with.
_TAGS_WITHOUT_TEXT = ("blocktranslate", "comment", "elif", "extends", "if", "ifchanged", "load", "now", "static",
                      "translate", "url")  # fmt: skip
_FORMATS = re.compile(r"""\|(?:date|time|cut|slice):(["']).*?\1""")


def errors() -> Iterator[str]:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        name = str(path.relative_to(ROOT))
        for text in untranslated(path.read_text()):
            yield f"{name}: {text!r} is outside of {{% translate %}} and _(…)."


def untranslated(source: str) -> Iterator[str]:
    """The texts of a template that gettext doesn't see."""
    page = []
    end = ""
    for token in Lexer(source).tokenize():
        tag = token.contents.split()[0] if token.token_type == TokenType.BLOCK and token.contents else ""
        if end:
            end = "" if tag == end else end
        elif tag in ("blocktranslate", "comment"):
            end = f"end{tag}"
        elif token.token_type == TokenType.TEXT:
            page.append(token.contents)
        else:
            yield from _literals(tag, token)
    parser = _Text()
    parser.feed("".join(page))
    yield from parser.found


def _literals(tag: str, token: Token) -> Iterator[str]:
    if token.token_type != TokenType.COMMENT and tag not in _TAGS_WITHOUT_TEXT:
        for translated, literal in _LITERAL.findall(_FORMATS.sub("", token.contents)):
            text = literal[1:-1]
            if not translated and _is_prose(text) and _TEXT.search(text):
                yield text


def _is_prose(text: str) -> bool:
    """False also for attributes, in a template that is included inside of a tag."""
    return '="' not in text and bool(_WORD.search(_NAMES.sub("", text)))


class _Text(HTMLParser):
    """Collects prose from a page without its template tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NOT_PROSE:
            self._open.append(tag)
        for name, value in attrs:
            if name in _READ_ATTRIBUTES:
                self._add(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            self._open.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._open:
            self._add(data)

    def _add(self, text: str) -> None:
        if _is_prose(text):
            self.found.append(" ".join(text.split()))
