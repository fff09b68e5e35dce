"""YAML of definitions: read as YAML 1.2, written so that any tool reads the same."""

from __future__ import annotations

import pytest
import yaml

from reports.definitions import yaml as definitions_yaml


def test_an_alias_is_replaced_by_what_it_refers_to():
    assert definitions_yaml.read("a: &x [1, {b: 2}]\nc: *x").data == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


def test_scalars_are_read_as_editors_with_the_schema_read_them():
    text = "[no, 2013-12-31, 12:30, 007, 1e5, true, null, -3, .5, 0x1F, 1_000]"
    assert definitions_yaml.read(text).data == [
        "no", "2013-12-31", "12:30", "007", 1e5, True, None, -3, 0.5, "0x1F", "1_000",
    ]  # fmt: skip


TEXTS = [
    "no",
    "1e5",
    "007",
    "~",
    "",
    " a\n b \n",
    "x\n",
    "a\n\nb",
    "é日🛫",
    "=",
    "<<",
    "*a",
    "# x",
    "\u2028\tx\n",
    "a\r\nb",
]
OTHERS = [True, None, 5, 10**30, 0.1, 1e300, 1e17, -0.5, [], {}, [[]], {"a b": [{"c": None}]}]


@pytest.mark.parametrize("value", [*TEXTS, *OTHERS])
def test_written_values_are_read_back_equal(value):
    read = definitions_yaml.read(definitions_yaml.write({"value": [value]})).data["value"][0]
    assert (read, type(read)) == (value, type(value))


def test_tools_for_yaml_1_1_read_the_same():
    text = definitions_yaml.write(["no", "2013-12-31", "12:30", "1e5"])
    assert yaml.safe_load(text) == ["no", "2013-12-31", "12:30", "1e5"]


MERGED = """\
base: &base
  delay: 1
  carrier: x
other: &other {carrier: y, seats: 2}
one:
  carrier: own
  <<: *base
two:
  <<: [*base, *other]
  "<<": text
"""


def test_merge_keys_take_fields_from_elsewhere_with_their_lines():
    document = definitions_yaml.read(MERGED)
    assert document.data["one"] == {"delay": 1, "carrier": "own"}
    assert document.data["two"] == {"delay": 1, "carrier": "x", "seats": 2, "<<": "text"}
    lines = {path: document.lines[path] for path in ("one.carrier", "one.delay", "two.carrier", "two.seats")}
    assert lines == {"one.carrier": 6, "one.delay": 2, "two.carrier": 3, "two.seats": 4}


@pytest.mark.parametrize("text", ["a: {<<: 5}", "a: {<<: [5]}", "a: &a {<<: *a}", "a: {<<: }"])
def test_a_merge_key_takes_nothing_else(text):
    with pytest.raises(definitions_yaml.InvalidYaml):
        definitions_yaml.read(text)


def test_merge_keys_cannot_multiply():
    levels = "\n".join(f"l{n}: &l{n} {{k{n}: 1, <<: [{', '.join([f'*l{n - 1}'] * 50)}]}}" for n in range(1, 12))
    with pytest.raises(definitions_yaml.InvalidYaml, match="parts"):
        definitions_yaml.read(f"l0: &l0 {{k: 1}}\n{levels}")


def test_merge_keys_of_empty_mappings_cannot_multiply():
    levels = "\n".join(f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 50)}]}}" for n in range(1, 12))
    with pytest.raises(definitions_yaml.InvalidYaml, match="parts"):
        definitions_yaml.read(f"l0: &l0 {{}}\n{levels}")
