"""How a JSON file is read: the whole file decides on columns and types, and no digit is lost."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from reports.exceptions import SourceUnusable
from reports.sources.base import SourceSpec
from reports.sources.files import json as json_files
from reports.sources.files.json_shapes import parse
from tests.reports.sources.files.compressed import zstd
from tests.reports.sources.files.long_form import LATE_FILES, SEED

#: More rows than the first ones that DuckDB looks at.
MANY = 21_000


@pytest.fixture
def table(tmp_path: Path, fetch):
    """Write a file and return what a query of the table t reads from it."""

    def read_table(text: str | bytes, query: str = "from t", name: str = "t.ndjson"):
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return fetch(SourceSpec(kind="files", location=str(folder)), query)

    return read_table


@pytest.fixture
def rows(table):
    return lambda *args, **kwargs: table(*args, **kwargs).to_pylist()


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n',
        '{"a": 1, "b": "x"}\r\n\r\n{"b": null, "a": 2}',
        '[{"a": 1, "b": "x"}, {"a": 2}]',
        '[\n  {"a": 1, "b": "x"},\n  {"a": 2, "b": null}\n]\n',
        '{\n  "a": 1, "b": "x"\n}\n{\n  "a": 2\n}\n',
        '{"a": 1, "b": "x"} {"a": 2}',
        '\ufeff{"a": 1, "b": "x"}\n{"a": 2}\n',
        '\ufeff[{"a": 1, "b": "x"}, {"a": 2}]',
        '{"a": 1, "b": "x",}\n{"a": 2}\n',
    ],
)
@pytest.mark.parametrize("name", ["t.json", "t.ndjson", "T.JSONL"])
def test_objects_in_lines_in_an_array_and_in_any_layout(rows, text, name):
    assert rows(text, name=name) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_a_single_object_is_a_row(rows):
    assert rows('{\n "a": 1,\n "b": {"c": [1, 2]}\n}', name="t.json") == [{"a": 1, "b": {"c": [1, 2]}}]


def test_keys_that_come_late_are_columns(rows):
    text = '{"a": 1}\n' * MANY + '{"a": 2, "late": {"x": 1}}\n'
    assert rows(text, "select * from t where late is not null") == [{"a": 2, "late": {"x": 1}}]


def test_keys_that_differ_in_case_are_two_columns(rows):
    text = '{"a": 1, "A": "x", "s": {"k": 1, "K": 2}}\n'
    assert rows(text) == [{"a": 1, "A_1": "x", "s": '{"k":1,"K":2}'}]


def test_any_text_is_a_key(rows):
    row = {"": 1, "a b": 2, 'q"': 3, "it's": 4, "a/b~c": 5, "ü\\": 6, "$.a[0]": 7}
    assert rows(json.dumps(row) + "\n") == [{"column0": 1, **dict(list(row.items())[1:])}]
    del row[""]
    assert rows(json.dumps(row) + "\n") == [row]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["1", "-9223372036854775808", "9223372036854775807", "-0"], [1, -(2**63), 2**63 - 1, 0]),
        (["1", "18446744073709551615"], [Decimal(1), Decimal(2**64 - 1)]),
        (["12345678901234567891", "-99999999999999999999"], [Decimal("12345678901234567891"), Decimal(-(10**20) + 1)]),
        (["9" * 38], [Decimal("9" * 38)]),
        (["9" * 39, "1"], ["9" * 39, "1"]),
        (["1.10", "2", "-0.5"], [Decimal("1.10"), Decimal(2), Decimal("-0.5")]),
        (["649686000000001631.44", "0.10"], [Decimal("649686000000001631.44"), Decimal("0.10")]),
        (["0.1234567890123456789", "1"], [Decimal("0.1234567890123456789"), 1]),
        (["9007199254740993", "0.5"], [Decimal("9007199254740993"), Decimal("0.5")]),
        (["0.30000000000000004", "1e-7", "1E5", "5"], [0.30000000000000004, 1e-7, 1e5, 5.0]),
        (["1e400", "1.50", "7"], ["1e400", "1.50", "7"]),
        (["-1e-400"], ["-1e-400"]),
        (["-0.0"], [0]),
        (["1e23", "1.5"], [1e23, 1.5]),
        (["5", '"5"', "5.0"], ["5", '"5"', "5.0"]),
        (["true", "1"], ["true", "1"]),
        (["true", "null", "false"], [True, None, False]),
        (["null"], [None]),
        (['"x"', '{"a":1}', "[1]"], ['"x"', '{"a":1}', "[1]"]),
        (["[1]", "[]", "null"], [[1], [], None]),
        (["[1, 2.50]", "[null]"], [[1, Decimal("2.50")], [None]]),
        (["[649686000000001631.44]"], [[Decimal("649686000000001631.44")]]),
        (['{"x": 0.1234567890123456789}'], [{"x": Decimal("0.1234567890123456789")}]),
        (['[1, "x", 0.1234567890123456789, "0.5"]'], ['[1,"x",0.1234567890123456789,"0.5"]']),
        (['["a 1.5e400", 1e400]'], ['["a 1.5e400",1e400]']),
        (['{"a":[{"b":1}]}', '{"a":[{"c":"x"}]}'], [{"a": [{"b": 1, "c": None}]}, {"a": [{"b": None, "c": "x"}]}]),
    ],
)
def test_values_keep_all_of_their_digits(rows, tokens, expected):
    found = [row["a"] for row in rows("".join(f'{{"a": {token}}}\n' for token in tokens))]
    assert found == expected
    assert [type(value) in (str, float) for value in found] == [type(value) in (str, float) for value in expected]


@pytest.mark.parametrize(
    "late", ["1e400", "-1.5E+309", "1e-400", "1" + "0" * 400 + ".5", "0.1234567890123456789", "12345678901234567.5e1"]
)
@pytest.mark.parametrize("space", ["", " "])
def test_a_late_number_that_no_double_holds(rows, late, space):
    text = f'{{"a":{space}0.5e1}}\n' * 1_500 + f'{{"a":{space}{late}}}\n'
    assert rows(text)[-1] == {"a": late}


def test_a_sum_over_late_fractions_is_exact(rows):
    """Values.md, 1."""
    text = "".join(f'{{"id":{i},"amount":100}}\n' for i in range(MANY))
    text += '{"id":21000,"amount":99.50}\n{"id":21001,"amount":0.49}\n'
    assert rows(text, "select sum(amount) as s from t where id >= 21000") == [{"s": Decimal("99.99")}]


def test_only_dates_and_times_in_iso_notation_are_more_than_text(rows):
    text = '{"d":"2024-02-29","t":"2024-03-01 13:45:00","z":"2024-03-01T13:45:00Z","n":"007","e":"","f":"01/02/2024"}\n'
    assert rows(text) == [
        {"d": date(2024, 2, 29), "t": datetime(2024, 3, 1, 13, 45), "z": datetime(2024, 3, 1, 13, 45, tzinfo=UTC),
         "n": "007", "e": "", "f": "01/02/2024"}
    ]  # fmt: skip
    assert rows('{"d":"2024-02-29"}\n{"d":""}\n{"d":null}\n') == [{"d": "2024-02-29"}, {"d": ""}, {"d": None}]


def test_an_object_with_very_many_keys_is_a_map(rows):
    text = "".join(f'{{"m": {{"k{i}": {i}, "j{i}": 0.5}}}}\n' for i in range(MANY))
    assert rows(text, "select m['k20999'] as v, m['j20999'] as w from t where m['k20999'] is not null") == [
        {"v": Decimal(20_999), "w": Decimal("0.5")}
    ]


def test_a_structure_that_contains_itself(rows):
    tree = "1"
    for _ in range(40):
        tree = f'{{"n": {tree}}}'
    [row] = rows(f'{{"tree": {tree}}}\n', "select tree::json::varchar as tree from t")
    assert json.loads(row["tree"]) == json.loads(tree)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("1\n2\n", [1, 2]),
        ("[1, 2]\n[3]\n", [[1, 2], [3]]),
        ('"a"\n"b"\n', ["a", "b"]),
        ("[1, 2]", [1, 2]),
        ("[649686000000001631.44]\n[1]\n", [[Decimal("649686000000001631.44")], [1]]),
        ('{"a":1}\n5\n', ['{"a":1}', "5"]),
        ("{}\n{}\n", ["{}", "{}"]),
        ("[]", []),
    ],
)
def test_other_values_than_objects_are_one_column(rows, text, column):
    assert [row["json"] for row in rows(text)] == column


def test_a_null_is_a_row_of_nulls(rows):
    assert rows('{"a":1}\nnull\n') == [{"a": 1}, {"a": None}]


def test_nan_and_infinities_are_those_of_a_double(rows):
    found = [row["a"] for row in rows('{"a":NaN}\n{"a":-Infinity}\n{"a":1.5}\n')]
    assert (str(found[0]), *found[1:]) == ("nan", float("-inf"), 1.5)


def _line(number: int, bad: str) -> bytes:
    return ('{"a": 1}\n' * (number - 1) + bad + '\n{"a": 2}\n').encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (_line(2, '{"a": 1, "a": 2}'), "line 2.*“a”"),
        (_line(MANY, '{"a": 1, "a": 2}'), "line 21,000 has the key “a” twice"),
        (b'{"a": 1, "A": 1}\n' + _line(MANY, '{"a": 1, "a": 2}'), "line 21,001 has the key “a” twice"),
        (_line(2, '{"a": {"b": 1, "b": 2}}'), "line 2.*“b”"),
        (_line(3, '{"a": 1'), "line 3 is not valid JSON, at byte 8"),
        (_line(MANY, '{"a": 1'), "line 21,000 is not valid JSON, at byte 8"),
        (_line(3, '{"a": "\udcff"}'), "line 3 .*byte 8: invalid UTF-8"),
        (_line(3, '{"a": "\\ud800"}'), "line 3 .*byte 14: no low surrogate"),
        (_line(3, "{'a': 1}"), "line 3 .*byte 2"),
        (_line(3, '{"a": tru}'), "line 3 .*byte 7"),
        (_line(3, '{"a": 01}'), "line 3"),
        (_line(3, '{"a": "x\ty"}'), "line 3 .*control character"),
        (b'[{"a": 1},', "doesn't end"),
        (b'[{"a": 1}', "doesn't end"),
        (b'[{"a": 1}] x', "doesn't end"),
        (b'[{"a": 1},]', "object 2 .* nothing where an object should be"),
        (b'[{"a": 1} {"a": 2}]', "object 2 is not valid JSON"),
        (_line(2, '{"a":' + "[" * 3000 + "]" * 3000 + "}"), "line 2 is nested too deeply"),
        (_line(2, '{"a":' + "[" * 400 + "]" * 400 + "}"), "line 2 is nested too deeply"),
        ('{"a": 1}\n'.encode("utf-16"), "UTF-16"),
        (_line(2, '{"a": "' + "x" * 40_000_000 + '"}'), "larger than 16 MB"),
    ],
)  # fmt: skip
def test_a_fault_names_the_file_the_place_and_the_reason(rows, text, words):
    with pytest.raises(SourceUnusable, match=f"(?s)“t.ndjson” can't be read: .*{words}") as caught:
        rows(text)
    assert not caught.value.retryable


#: Ordinary values, and the same with a key twice, that comes after the values that are looked at one by one.
TWICE = [
    ('{"x": 1}', '{"x": 1, "x": 2}', "x"),
    ('[{"x": 1}, {"x": 2}]', '[{"x": 1}, {"x": 1, "x": 2}]', "x"),
    ('{"x": "\\":"}', '{"x": "", "\\u0078": ","}', "x"),
    ('{"y": ":", ":x": 1}', '{"y": "b", ":x": 1, ":x": 2}', ":x"),
    ("{" + ", ".join(f'"k{i}": 1' for i in range(300)) + "}", '{"k1": 1, "k1": 2}', "k1"),
]


@pytest.mark.parametrize("others", ["", '"d": 0.1234567890123456789, ', '"a": 1, "A": 1, '])
@pytest.mark.parametrize(("good", "bad", "key"), TWICE)
def test_a_late_key_that_is_nested_and_comes_twice(rows, good, bad, key, others):
    """Whether `read_json` reads the objects, or JSON functions do, which silently take one of the values."""
    lines = [f'{{{others}"v": {value}}}' for value in [good] * 1_500 + [bad] + [good] * 5]
    for text, place in (("\n".join(lines), "line"), ("[" + ",\n".join(lines) + "]", "object")):
        with pytest.raises(SourceUnusable, match=f"“t.ndjson” can't be read: {place} 1,501 has the key “{key}” twice"):
            rows(text)


def test_a_late_key_that_comes_twice_in_a_column_of_several_kinds(rows):
    with pytest.raises(SourceUnusable, match="line 1,502 has the key “x” twice"):
        rows('{"v": 5}\n' + '{"v": {"x": 1}}\n' * 1_500 + '{"v": {"x": 1, "x": 2}}\n')


def test_a_late_key_that_comes_twice_in_a_list_of_lists(rows):
    with pytest.raises(SourceUnusable, match="line 1,501 has the key “x” twice"):
        rows('[{"x": 1}]\n' * 1_500 + '[{"x": 1, "x": 2}]\n')


def test_a_wide_file_is_looked_at_once(tmp_path, monkeypatch):
    """100,000 keys: their pattern is too long, so each object is looked at, but not again for each new key."""
    seen = 0

    def counted(text: str) -> object:
        nonlocal seen
        seen += 1
        return parse(text)

    monkeypatch.setattr(json_files, "parse", counted)
    lines = [
        json.dumps({f"c{column}": {f"key {row} {column}": 1} for column in range(row % 20, 1_000, 20)}) + "\n"
        for row in range(2_000)
    ]
    (tmp_path / "t.ndjson").write_text("".join(lines))
    with duckdb.connect() as connection:
        json_files.json_view(connection, tmp_path / "t.ndjson", False)
    assert seen <= 2 * len(lines)


@pytest.mark.parametrize("name", ["t.ndjson.gz", "t.json.gz", "t.ndjson.zst", "t.json.zst"])
def test_a_damaged_compressed_file(rows, name):
    text = b"".join(b'{"a": %d, "b": "%s"}\n' % (i, sha256(b"%d" % i).hexdigest().encode()) for i in range(10_000))
    zipped = gzip.compress(text)
    data = {
        "t.ndjson.gz": zipped[: len(zipped) // 2],
        # One bit of the checksum.
        "t.json.gz": zipped[:-5] + bytes([zipped[-5] ^ 1]) + zipped[-4:],
        "t.ndjson.zst": zstd(text)[:-100],
        "t.json.zst": text,
    }[name]
    with pytest.raises(SourceUnusable, match=f"“{name}” can't be read: it is not a "):
        rows(data, name=name)


# ---- no guess changes a value

ORDINARY = {
    "integer": lambda rng: str(rng.randrange(-999, 10**6)),
    "decimal": lambda rng: f"{rng.randrange(10**5)}.{rng.randrange(100):02}",
    "double": lambda rng: repr(rng.uniform(-1e3, 1e3)),
    "text": lambda rng: json.dumps(rng.choice(["a", "ü, 1.5", "", 'say "1.50"', "\\", "12"])),
    "date": lambda rng: f'"20{rng.randrange(10, 99)}-0{rng.randrange(1, 9)}-1{rng.randrange(9)}"',
    "timestamp": lambda rng: f'"2024-03-01 1{rng.randrange(9)}:45:0{rng.randrange(9)}"',
    "boolean": lambda rng: rng.choice(["true", "false"]),
    "object": lambda rng: f'{{"x": {rng.randrange(99)}, "y": [{rng.random():.3f}]}}',
    "list": lambda rng: f"[{rng.randrange(9)}, {rng.randrange(9)}]",
    "null": lambda rng: "null",
}
DEVIATING = [
    "99.50", "0.49", "-0", "-0.0", "1E5", "1e-07", "1e400", "123456789012345678", "9223372036854775808",
    "12345678901234567891", "649686000000001631.44", "0.1234567890123456789", "0.30000000000000004", "9" * 40,
    '"00071"', '"5"', '"n/a"', '""', '"2024-03-01 13:45:00"', '"2024-03-01"', '"2024-02-30"', '"01/02/2024"',
    '"2024-03-01T13:45:00.1234567Z"', "true", "null", "[]", "[1.5]", '["x", 649686000000001631.44]', "{}",
    '{"x": 1.50}', '{"x": "5"}', '{"X": 5}', '{"z": {"deep": [0.1234567890123456789]}}', '{"y": [[1]]}',
]  # fmt: skip


@pytest.mark.parametrize("file", range(max(1, LATE_FILES)))
@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstd])
def test_no_guess_changes_a_value(table, compress, file):
    rng = random.Random(f"{compress.__name__} {SEED} {file}")  # noqa: S311 - the same files in each run
    pairs = rng.sample([(kind, late) for kind in ORDINARY for late in DEVIATING], 15 if LATE_FILES else 3)
    ordinary = [[f'"c{n}":{ORDINARY[kind](rng)}' for n, (kind, _) in enumerate(pairs)] for _ in range(50)]
    lines = [list(rng.choice(ordinary)) for _ in range(MANY)]
    for number, (_, late) in enumerate(pairs):
        lines[rng.randrange(MANY)][number] = f'"c{number}": {late}'
    lines[rng.randrange(MANY)].append('"late": 1.5')
    texts = ["{" + ",".join(members) + "}" for members in lines]
    name = {bytes: "t.ndjson", gzip.compress: "t.ndjson.gz", zstd: "t.json.zst"}[compress]
    found = table(compress("\n".join(texts).encode()), name=name)
    assert found.num_rows == MANY
    written = [_written(text) for text in texts]
    for column in found.column_names:
        tokens = [row.get(column) for row in written]
        kinds = {_kind(token) for token in tokens} - {"null"}
        wrong = [
            (token, cell)
            for token, cell in zip(tokens, found[column].to_pylist(), strict=True)
            if not _says(_written(cell) if len(kinds) > 1 and cell is not None else cell, token)
        ]
        assert not wrong, (column, found[column].type, wrong[:3])


class Token(str):
    """A number as it is written."""


def _written(text: str):
    return json.loads(text, parse_int=Token, parse_float=Token)


def _kind(token: object) -> str:
    return "null" if token is None else type(token).__name__


def _says(cell: object, token: object, *, is_part: bool = False) -> bool:
    """Whether a cell is what the JSON in the file says."""
    if isinstance(token, Token):
        return _is_number(cell, token)
    if isinstance(token, dict):
        if isinstance(cell, str):
            return _says(_written(cell), token)
        return isinstance(cell, dict) and all(
            _says(cell.get(key), token.get(key), is_part=True) for key in {*cell, *token}
        )
    if isinstance(token, list):
        if isinstance(cell, str):
            return _says(_written(cell), token)
        return (
            isinstance(cell, list)
            and len(cell) == len(token)
            and all(_says(*pair, is_part=True) for pair in zip(cell, token, strict=True))
        )
    if isinstance(cell, (date, datetime)) and isinstance(token, str):
        return type(cell).fromisoformat(token) == cell
    # A value of mixed kinds is JSON. Inside of an object or list, nothing but its content shows that.
    return type(cell) is type(token) and (cell == token or (is_part and cell == json.dumps(token, ensure_ascii=False)))


def _is_number(cell: object, token: str) -> bool:
    if isinstance(cell, float):
        return Decimal(repr(cell)) == Decimal(token)
    return isinstance(cell, (int, Decimal, str)) and not isinstance(cell, bool) and Decimal(cell) == Decimal(token)
