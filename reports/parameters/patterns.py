r"""Patterns of string parameters, matched by RE2 in time linear in the length of the value.

A pattern means what it means to Python's `re`, which matched all patterns in the past: \w, \d and \s are the letters,
digits and spaces of every script. To RE2 they are ASCII, so they are spelled out for it. RE2 has no look-around, no
back-references, no atomic groups and no word boundaries of Unicode. `unsupported` reports them, so that no definition
is saved with them. Versions that were stored with them are still matched by `re`, which can take exponential time:
in a limited child, because a web process or a worker that matches can't be interrupted.

Syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial

import re2

from common.children.client import ChildFailed, Reason, TaskError, children
from common.children.fair_queue import Caller
from common.children.messages import ChildLimits
from reports.exceptions import DryRunBusy

_OPTIONS = re2.Options()
# By default RE2 writes every pattern that it refuses to standard error.
_OPTIONS.log_errors = False

_RE_LIMITS = ChildLimits(seconds=2, memory_bytes=256 << 20, file_bytes=0)
#: What the escapes of `re` stand for, as the inside of a bracket expression of RE2.
_CLASSES = {
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "w": r"\p{L}\p{N}_",
    # All other categories; of connectors (Pc), the category of _, all other characters.
    "W": r"\p{M}\p{S}\p{Z}\p{C}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\x{203f}\x{2040}\x{2054}\x{fe33}\x{fe34}"
    r"\x{fe4d}-\x{fe4f}\x{ff3f}",
    "s": r"\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}",
    "S": r"\x00-\x08\x0e-\x1b\x21-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}"
    r"\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff}",
}
_ESCAPE = r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)"
#: The parts of a pattern that `re` and RE2 read differently: escapes, bracket expressions, and {,n} for {0,n}.
_PART = re.compile(rf"{_ESCAPE}|(?P<open>\[\^?)(?P<inside>\]?(?:\\.|[^\]\\])*)\]|\{{,(?=[0-9]+\}})", re.DOTALL)
_CLASS_PART = re.compile(rf"{_ESCAPE}|\[", re.DOTALL)


class TooSlow(Exception):
    """A stored pattern that RE2 doesn't support was not matched in time."""


class _Unsupported(ValueError):
    """The pattern has a part that RE2 would read differently from `re`."""


def unsupported(pattern: str) -> str | None:
    """Return why a definition can't be saved with this pattern, as a phrase; None if it can."""
    try:
        re.compile(pattern)
        re2.compile(_to_re2(pattern), _OPTIONS)
    except (re.error, OverflowError, RecursionError, _Unsupported) as error:
        return str(error)
    except re2.error as error:
        # RE2 reports in bytes, for example b"invalid perl operator: (?=".
        return error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
    return None


@lru_cache(maxsize=100)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that returns whether a whole text matches the pattern. It may raise TooSlow."""
    try:
        compiled = re2.compile(_to_re2(pattern), _OPTIONS)
    except (re2.error, _Unsupported):
        return partial(_match_in_child, pattern)
    return lambda text: compiled.fullmatch(text) is not None


@lru_cache(maxsize=1_000)
def _match_in_child(pattern: str, text: str) -> bool:
    try:
        # A slow pattern takes turns with itself and leaves slots to all others.
        return children.run(match_by_re, pattern, text, caller=Caller(pattern, pattern), limits=_RE_LIMITS)
    except ChildFailed as error:
        if error.reason is Reason.BUSY:
            raise DryRunBusy from None
        raise TooSlow from None
    except TaskError:
        raise TooSlow from None


def match_by_re(pattern: str, text: str) -> bool:
    """Return whether the whole text matches the pattern. Runs in children only."""
    return re.compile(pattern).fullmatch(text) is not None


def _to_re2(pattern: str) -> str:
    return _PART.sub(_translate, pattern)


def _translate(part: re.Match[str]) -> str:
    text = part.group()
    if text == "{,":
        return "{0,"
    if not part["open"]:
        return _escape(text, in_class=False)
    # A bracket within brackets is a character to `re`, and may begin a class like [:alpha:] to RE2.
    inside = _CLASS_PART.sub(
        lambda one: r"\[" if one.group() == "[" else _escape(one.group(), in_class=True), part["inside"]
    )
    return f"{part['open']}{inside}]"


def _escape(escape: str, *, in_class: bool) -> str:
    letter = escape[1]
    if letter in _CLASSES:
        if in_class:
            return _CLASSES[letter]
        return f"[^{_CLASSES[letter.lower()]}]" if letter.isupper() else f"[{_CLASSES[letter]}]"
    if letter in "uU":
        return rf"\x{{{escape[2:]}}}"
    if letter == "b" and in_class:
        return r"\x08"
    if letter == "Z":
        return r"\z"
    if letter in "bB":
        raise _Unsupported(f"word boundary: {escape}")
    if letter in "123456789":
        raise _Unsupported(f"back-reference: {escape}")
    return escape
