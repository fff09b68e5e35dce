r"""Patterns: RE2 matches what `re` matches, in linear time, and what it can't match is refused when it is saved."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.parameters.declarations import Parameter, contradictions
from reports.parameters.limits import limit_errors
from reports.parameters.patterns import matcher, unsupported
from tests.reports.parameters.declared import accepted, refused

# Only characters of an old version of Unicode: of the newest ones, Python and RE2 may know different ones.
CHARACTERS = [
    chr(code)
    for code in range(0x110000)
    if not 0xD800 <= code < 0xE000 and unicodedata.ucd_3_2_0.category(chr(code)) != "Cn"
]
#: All where spaces and connectors are, and every 97th of the others.
SAMPLE = [
    character
    for at, character in enumerate(CHARACTERS)
    if at % 97 == 0
    or character < "\u0500"
    or "\u1fff" < character < "\u2070"
    or character in "\u1680\u3000\uff3f"
    or character < "\u0500"
    or "\u1ff0" <= character < "\u2070"
    or character in "\u1680\u3000\uff3f\ufe33"
]
PARTS = [
    "a",
    "ä",
    ".",
    r"\d",
    r"\W",
    r"[^\s_]",
    r"[\w-]",
    r"[[:alpha:]]",
    r"\.",
    r"\u00e4",
    "^",
    "(a|ä )",
    "(?:b)",
    "(?P<n>x)",
]
REPEATS = ["", "*", "+", "?", "{2}", "{,2}", "{1,}", "*?"]


@pytest.mark.parametrize("around", ["{}", "[{}]", "[^{}]", "[x{}-]"])
@pytest.mark.parametrize("escape", [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S"])
def test_letters_digits_and_spaces_of_every_script_match_as_in_python(around, escape):
    pattern = around.format(escape)
    assert unsupported(pattern) is None
    matches, compiled = matcher(pattern), re.compile(pattern)
    for character in SAMPLE:
        assert matches(character) == bool(compiled.fullmatch(character)), hex(ord(character))


@given(
    st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from(REPEATS)), min_size=1, max_size=4),
    st.text(alphabet="aäbx1_ -.:[]l\t\n", max_size=6),
)
@pytest.mark.filterwarnings("ignore:Possible nested set")
def test_a_pattern_matches_what_it_matches_in_python(parts, text):
    pattern = "".join(part + repeat for part, repeat in parts if part != "^" or not repeat)
    if unsupported(pattern) is None:
        assert matcher(pattern)(text) == bool(re.fullmatch(pattern, text))


@pytest.mark.parametrize(
    ("pattern", "text"), [("(a*)*b", "a" * 1_000), ("(a|a)*b", "a" * 1_000), ("(.*)*,(.*)*;", "x" * 1_000)]
)
def test_a_pattern_that_takes_exponential_time_in_python_ends_at_once(pattern, text):
    started = time.perf_counter()
    assert refused("string", text, pattern=pattern)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)a", "(?="),
        ("(?<!a)b", "(?<"),
        (r"(a)\1", r"back-reference: \1"),
        ("(a)(?P=n)", "unknown group name"),
        (r"\bword\b", r"word boundary: \b"),
        ("(?>a)", "(?>"),
        ("a*+", "*+"),
        ("(?x) a b", "(?x"),
        ("a{1001}", "repetition size"),
        (r"\w{1000}", "too large"),
        ("a**", "multiple repeat"),
        (r"\pL", "bad escape"),
        ("(", "unterminated"),
    ],
)  # fmt: skip
def test_a_pattern_that_one_engine_does_not_support_is_reported(pattern, reason):
    assert reason in str(unsupported(pattern))


def test_a_refused_pattern_is_reported_at_its_field():
    parameter = Parameter.from_dict({"name": "p", "type": "string", "pattern": "(?=a)a"})
    assert contradictions(parameter) == {
        "pattern": ["This regular expression isn't supported: invalid perl operator: (?=. Use the syntax of RE2."]
    }


@pytest.mark.parametrize(
    ("pattern", "match", "other"),
    [
        ("(?=ab)[a-z]+", "abc", "bc"),
        (r"([a-z])\1", "aa", "ab"),
        (r".*\bär\b.*", "ein är.", "bär"),
        ("a*+b", "aab", "aa"),
    ],
)
def test_stored_versions_with_such_a_pattern_still_run(pattern, match, other):
    assert accepted("string", match, pattern=pattern) == match
    assert refused("string", other, pattern=pattern) == [f"Must match the pattern {pattern}."]
    assert "at most 1,000" in refused("string", "a" * 1_001, pattern=pattern)[0]


def test_a_mismatch_shows_the_authors_hint():
    sentence = "Not in the expected format. Two capital letters, like UA."
    assert refused("string", "x", pattern="[A-Z]{2}", help="Two capital letters, like UA.") == [sentence]


def test_a_stored_pattern_that_needs_re_can_not_occupy_a_process() -> None:
    """Versions from before the check: they are matched in a child, which is killed."""
    parameter = Parameter(name="p", type="string", pattern="(?=a)(a+)+b")
    assert matcher(parameter.pattern)("aab")
    started = time.monotonic()
    (sentence,) = limit_errors(parameter, "a" * 60)
    assert "took too long" in sentence
    assert time.monotonic() - started < 10
