"""Definitions files: each error is reported with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.definitions import files
from reports.definitions.file_schema import file_type
from reports.exceptions import InvalidDefinition
from tests.reports.definitions.sample_file import SAMPLE, write_definitions

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))

SECTIONS = ", ".join(file_type().model_fields)


def refused(folder: Path, data: object) -> list[str]:
    """The sentences, without the folder."""
    with pytest.raises(InvalidDefinition) as caught:
        files.load([write_definitions(folder, data)])
    return [sentence.removeprefix(f"{folder}/") for sentence in files.sentences(caught.value)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tenants: []\ntenants: []", "2: Duplicate key 'tenants'."),
        ("a: &a [*a, *a]", "1: Lists and mappings are nested too deeply."),
        (BOMB, "1: Has more than 300,000 parts, counting what aliases (*name) repeat."),
        ("- 1", f"1: Must be a mapping with some of: {SECTIONS}."),
        ("", f"1: Must be a mapping with some of: {SECTIONS}."),
        ("x: 1", "1: x: Unknown field."),
        ("\nusers: 1", "2: users: Must be a list."),
        ("users:\n- 1", "2: users[0]: Must be a mapping of fields to values."),
        ("[" * 3000, "1: Lists and mappings are nested too deeply."),
        ("a: " + "9" * 5000, "1: This value can't be read."),
        ("a:\n  - \x07", "2: Has a character that YAML does not allow."),
        ("? [1]\n: 2", "1: A key must be a word."),
    ],
)  # fmt: skip
def test_text_that_is_no_definitions_file_is_reported_by_line(tmp_path, text, sentence):
    assert refused(tmp_path, text) == [f"definitions.yaml:{sentence}"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1", 1, "expected ',' or ']'"),
        ("tenants:\n\t- x", 2, "cannot start any token"),
        ("a: b\n---\nc: d", 2, "expected a single document"),
        ("a: !!python/object:os.system x", 1, "could not determine a constructor"),
        ("a: 'hush", 1, "unexpected end of stream"),
    ],
)
def test_text_that_is_not_yaml_is_reported_by_line_and_not_quoted(tmp_path, text, line, words):
    [sentence] = refused(tmp_path, text)
    assert sentence.startswith(f"definitions.yaml:{line}: Not YAML: ")
    assert words in sentence
    assert "hush" not in sentence


def test_a_file_that_is_missing_too_large_or_not_utf8_is_reported(tmp_path):
    missing, large, latin = tmp_path / "missing.yaml", tmp_path / "large.yaml", tmp_path / "latin.yaml"
    large.write_bytes(b"#" * (files.MAX_BYTES + 1))
    latin.write_bytes(b"tenants:\n- {slug: a, name: caf\xe9}")
    with pytest.raises(InvalidDefinition) as caught:
        files.load([missing, large, latin, tmp_path])
    assert files.sentences(caught.value) == [
        f"{missing}:1: Can't be read: No such file or directory.",
        f"{large}:1: Is larger than 2 MiB.",
        f"{latin}:2: Has a character that is not UTF-8.",
        f"{tmp_path}:1: Can't be read: Is a directory.",
    ]


def test_all_errors_are_reported_at_once_with_the_line_of_their_field(tmp_path):
    text = (
        "tenants:\n"
        "  - {slug: acme, name: Acme}\n"
        "reports:\n"
        "  - slug: one two\n"
        "    tenant: acme\n"
        "    name: One\n"
        "    query: |\n"
        "      select 1\n"
        "      where :x\n"
        "    parameters:\n"
        "      - name: x\n"
        "        type: dat\n"
        "    formats: [csv, doc]\n"
        "    extra: 1\n"
    )
    assert refused(tmp_path, text) == [
        "definitions.yaml:4: reports[0].slug: Use letters, digits, - and _ only.",
        "definitions.yaml:4: reports[0].data_source: This field is required.",
        "definitions.yaml:12: reports[0].parameters[0].type: "
        "Must be one of: string, integer, number, boolean, date, datetime.",
        "definitions.yaml:13: reports[0].formats[1]: Must be one of: pdf, csv, xlsx, json, ndjson, parquet, html.",
        "definitions.yaml:14: reports[0].extra: Unknown field.",
    ]


def test_a_parameter_without_any_valid_value_is_reported_with_its_line(tmp_path):
    text = (
        "reports:\n"
        "  - slug: one\n"
        "    tenant: acme\n"
        "    name: One\n"
        "    data_source: sales\n"
        "    query: select :a, :b, :c, :d\n"
        "    formats: [csv]\n"
        "    parameters:\n"
        "      - {name: a, type: integer, minimum: 5,\n"
        "         maximum: 1}\n"
        "      - {name: b, type: string, choices: []}\n"
        "      - {name: c, type: string, max_length: 2, choices: [ab, abc]}\n"
        "      - {name: d, type: integer, maximum: 5, default: 6}\n"
    )
    assert refused(tmp_path, text) == [
        "definitions.yaml:10: reports[0].parameters[0].maximum: Must not be below minimum, which is 5.",
        "definitions.yaml:11: reports[0].parameters[1].choices: Must have at least one entry.",
        "definitions.yaml:12: reports[0].parameters[2].choices: “abc”: Must be at most 2 characters long; this has 3.",
        "definitions.yaml:13: reports[0].parameters[3].default: Must be 5 or less.",
    ]


def test_an_error_in_the_second_of_two_files_has_the_line_and_index_of_that_file(tmp_path):
    first = write_definitions(tmp_path, SAMPLE)
    second = write_definitions(tmp_path, "reports:\n- slug: x\n- 5\n", "second.yaml")
    with pytest.raises(InvalidDefinition) as caught:
        files.load([first, second])
    assert files.sentences(caught.value)[-1] == (f"{second}:3: reports[1]: Must be a mapping of fields to values.")


def test_duplicates_in_two_files_are_refused(tmp_path):
    first, second = (
        write_definitions(tmp_path, SAMPLE),
        write_definitions(tmp_path, {"tenants": SAMPLE["tenants"]}, "second.yaml"),
    )
    with pytest.raises(InvalidDefinition) as caught:
        files.load([first, second])
    assert files.sentences(caught.value) == [f"{second}:2: tenants[0].slug: Duplicate of an earlier entry."]


def test_paths_are_relative_to_their_file(tmp_path):
    source = {"slug": "s", "tenant": "t", "kind": "sqlite"}
    data = {"data_sources": [source | {"location": "../a.db"}, source | {"slug": "u", "location": "/b.db"}]}
    definitions = files.load([write_definitions(tmp_path, data)]).definitions
    assert [source.location for source in definitions.data_sources] == [str(tmp_path.parent / "a.db"), "/b.db"]
