"""The types of each source that the oracle draws columns from."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fidelity.tables import Kind, Type

_DAY = 86_400
#: Seconds since 1970 of 0001-01-01, 9999-12-31 23:59:59, 290308 BC and 294246 AD.
_YEAR_1, _YEAR_9999 = -62_135_596_800, 253_402_300_799
_OLDEST_294247, _NEWEST_294246 = -9_223_372_022_400, 9_223_372_000_000


def integer(sql: str, bits: int, *, unsigned: bool = False) -> Type:
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return Type(Kind.INTEGER, sql, low=low, high=high)


def decimal(digits: int, scale: int, name: str = "decimal") -> Type:
    return Type(Kind.DECIMAL, f"{name}({digits},{scale})", digits=digits, scale=scale)


def date(first: int, last: int, sql: str = "date", *, infinite: bool = False) -> Type:
    """A date between two moments, in seconds since 1970."""
    return Type(Kind.DATE, sql, low=first // _DAY, high=last // _DAY, infinite=infinite)


def timestamp(sql: str, unit: int, first: int, last: int, *, zoned: bool = False, infinite: bool = False) -> Type:
    ticks = 10**unit
    high = (last + 1) * ticks - 1
    return Type(Kind.TIMESTAMP, sql, low=first * ticks, high=high, unit=unit, zoned=zoned, infinite=infinite)


def time(sql: str, unit: int, *, ends_at_24: bool = False) -> Type:
    return Type(Kind.TIME, sql, low=0, high=_DAY * 10**unit - (0 if ends_at_24 else 1), unit=unit)


def server_text(sql: str, *values: str) -> Type:
    return Type(Kind.SERVER_TEXT, sql, choices=values)


def enumeration(sql: str, *labels: str) -> Type:
    return Type(Kind.TEXT, sql, choices=labels)


def list_of(part: Type, *, rectangular: bool = False) -> Type:
    # PostgreSQL's type is the same whatever the number of dimensions.
    sql = part.sql if rectangular and part.kind is Kind.LIST else f"{part.sql}[]"
    return Type(Kind.LIST, sql, parts=(part,), rectangular=rectangular)


def struct_of(names: tuple[str, ...], parts: tuple[Type, ...]) -> Type:
    fields = ", ".join(
        f'"{name.replace(chr(34), chr(34) * 2)}" {part.sql}' for name, part in zip(names, parts, strict=True)
    )
    return Type(Kind.STRUCT, f"struct({fields})", parts=parts, names=names)


def map_of(keys: Type, items: Type) -> Type:
    return Type(Kind.MAP, f"map({keys.sql}, {items.sql})", parts=(keys, items))


SQLITE = (
    integer("integer", 64),
    Type(Kind.FLOAT, "real"),
    Type(Kind.TEXT, "text"),
    Type(Kind.BINARY, "blob"),
)

_DUCKDB_SCALARS = (
    Type(Kind.BOOLEAN, "boolean"),
    integer("tinyint", 8),
    integer("smallint", 16),
    integer("integer", 32),
    integer("bigint", 64),
    integer("utinyint", 8, unsigned=True),
    integer("uinteger", 32, unsigned=True),
    integer("ubigint", 64, unsigned=True),
    Type(Kind.FLOAT, "float", single=True, infinite=True),
    Type(Kind.FLOAT, "double", infinite=True),
    decimal(4, 1),
    decimal(9, 9),
    decimal(18, 0),
    decimal(38, 10),
    decimal(38, 38),
    Type(Kind.TEXT, "varchar"),
    Type(Kind.BINARY, "blob"),
    date(_OLDEST_294247, _NEWEST_294246, infinite=True),
    time("time", 6, ends_at_24=True),
    timestamp("timestamp", 6, _OLDEST_294247, _NEWEST_294246, infinite=True),
    timestamp("timestamptz", 6, _OLDEST_294247, _NEWEST_294246, zoned=True, infinite=True),
    timestamp("timestamp_ns", 9, -9_223_000_000, 9_223_000_000),
    Type(Kind.INTERVAL, "interval"),
    Type(Kind.UUID, "uuid"),
    enumeration("enum('a','=b','Ж')", "a", "=b", "Ж"),
)
_DUCKDB_ONLY = (
    timestamp("timestamp_ms", 3, _OLDEST_294247, _NEWEST_294246),
    timestamp("timestamp_s", 0, _OLDEST_294247, _NEWEST_294246),
    Type(Kind.DECIMAL, "hugeint", digits=39, high=2**127 - 1),
    Type(Kind.JSON, "json"),
    server_text("bit", "'101'::bit", "'0'::bit"),
    server_text("uhugeint", "340282366920938463463374607431768211455::uhugeint", "0::uhugeint"),
    server_text("bignum", "'-12345678901234567890123456789012345678901'::bignum"),
    server_text("timetz", "'10:00:00+02'::timetz", "'24:00:00-05:30'::timetz"),
)

_POSTGRESQL_SCALARS = (
    Type(Kind.BOOLEAN, "boolean"),
    integer("smallint", 16),
    integer("integer", 32),
    integer("bigint", 64),
    Type(Kind.FLOAT, "real", single=True, infinite=True),
    Type(Kind.FLOAT, "double precision", infinite=True),
    Type(Kind.TEXT, "text", forbidden="\x00"),
    Type(Kind.BINARY, "bytea"),
    date(-210_866_803_200, 2_145_042_905 * _DAY, infinite=True),
    time("time", 6, ends_at_24=True),
    timestamp("timestamp", 6, -210_866_803_200, 9_224_318_015_999, infinite=True),
    timestamp("timestamptz", 6, -210_866_803_200, 9_224_318_015_999, zoned=True, infinite=True),
    Type(Kind.UUID, "uuid"),
)
_POSTGRESQL_ONLY = (
    decimal(4, 1, "numeric"),
    decimal(38, 10, "numeric"),
    decimal(65, 20, "numeric"),
    Type(Kind.NUMERIC, "numeric", digits=65, scale=30, infinite=True),
    Type(Kind.NUMERIC, "numeric", digits=12, scale=4),
    Type(Kind.JSON, "jsonb"),
    Type(Kind.JSON, "json"),
    server_text("interval", "'1 year 2 mons -3 days 1.5 seconds'::interval", "'-02:00:00'::interval"),
    server_text("timetz", "'10:00:00+02'::timetz", "'24:00:00-05:30'::timetz"),
    server_text("int4range", "'[1,5)'::int4range", "'empty'::int4range", "'(,3)'::int4range"),
    server_text("tstzrange", "tstzrange('2024-01-01', 'infinity')"),
    server_text("inet", "'192.0.2.1'::inet", "'2001:db8::/32'::inet"),
    server_text("bit(3)", "'101'::bit(3)"),
    server_text("numeric[]", "'{1.50,NULL,NaN}'::numeric[]"),
    server_text("uuid[]", "'{00112233-4455-6677-8899-aabbccddeeff}'::uuid[]"),
    server_text("integer[]", "'[0:1]={1,2}'::integer[]", "'[2:2][0:1]={{1,NULL}}'::integer[]"),
    server_text("point", "'(1.5,-2)'::point"),
)

MARIADB = (
    Type(Kind.INTEGER, "boolean", low=0, high=1),
    integer("tinyint", 8),
    integer("int unsigned", 32, unsigned=True),
    integer("bigint", 64),
    integer("bigint unsigned", 64, unsigned=True),
    Type(Kind.FLOAT, "double", signed_zero=False),
    decimal(4, 1),
    decimal(38, 10),
    decimal(65, 30),
    decimal(65, 0),
    Type(Kind.TEXT, "longtext"),
    Type(Kind.TEXT, "text"),
    Type(Kind.BINARY, "blob"),
    date(_YEAR_1, _YEAR_9999),
    time("time", 0),
    time("time(6)", 6),
    timestamp("datetime", 0, _YEAR_1, _YEAR_9999),
    timestamp("datetime(3)", 3, _YEAR_1, _YEAR_9999),
    timestamp("datetime(6)", 6, _YEAR_1, _YEAR_9999),
    Type(Kind.JSON, "json"),
    Type(Kind.INTEGER, "year", low=1901, high=2155),
    Type(Kind.UUID, "uuid"),
    enumeration("enum('a','=b','Ж')", "a", "=b", "Ж"),
)

_NUMBER = Type(Kind.NUMERIC, "number", digits=30, scale=8)
_FILE_TEXT = Type(Kind.FILE_TEXT, "text")
CSV = (
    integer("integer", 64),
    _NUMBER,
    Type(Kind.BOOLEAN, "boolean"),
    date(_YEAR_1, _YEAR_9999),
    timestamp("timestamp", 6, _YEAR_1, _YEAR_9999),
    _FILE_TEXT,
)
_JSON_SCALARS = (integer("integer", 64), _NUMBER, Type(Kind.BOOLEAN, "boolean"), _FILE_TEXT)


def _nested(scalars: tuple[Type, ...], *, maps: bool = True) -> st.SearchStrategy[Type]:
    """Lists, structs and maps, up to three levels deep."""
    fields = st.sampled_from([("a", "b"), ("A b", 'say "x"'), ("=x", "Ж"), ("n",)])

    def deeper(parts: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
        structs = fields.flatmap(lambda names: st.tuples(*(parts for _ in names)).map(lambda p: struct_of(names, p)))
        kinds = [parts.map(list_of), structs]
        keys = st.sampled_from([type for type in scalars if type.kind in (Kind.TEXT, Kind.INTEGER)])
        if maps:
            kinds.append(st.builds(map_of, keys, parts))
        return st.one_of(kinds)

    leaves = st.sampled_from(scalars)
    one = deeper(leaves)
    two = deeper(st.one_of(leaves, one))
    return st.one_of(one, two, deeper(two))


def _arrays() -> st.SearchStrategy[Type]:
    """PostgreSQL's arrays of one to three dimensions."""
    scalars = [type for type in _POSTGRESQL_SCALARS if type.kind is not Kind.UUID]
    one = st.sampled_from(scalars).map(lambda part: list_of(part, rectangular=True))
    two = one.map(lambda part: list_of(part, rectangular=True))
    return st.one_of(one, two, two.map(lambda part: list_of(part, rectangular=True)))


#: What can be a column, by source. Those of kind `files` are named by the extension of the file.
COLUMN_TYPES: dict[str, st.SearchStrategy[Type]] = {
    "sqlite": st.sampled_from(SQLITE),
    "duckdb": st.one_of(st.sampled_from(_DUCKDB_SCALARS + _DUCKDB_ONLY), _nested(_DUCKDB_SCALARS)),
    "postgresql": st.one_of(st.sampled_from(_POSTGRESQL_SCALARS + _POSTGRESQL_ONLY), _arrays()),
    "mariadb": st.sampled_from(MARIADB),
    "csv": st.sampled_from(CSV),
    "ndjson": st.one_of(st.sampled_from(_JSON_SCALARS), _nested(_JSON_SCALARS, maps=False)),
    "json": st.one_of(st.sampled_from(_JSON_SCALARS), _nested(_JSON_SCALARS, maps=False)),
    "parquet": st.one_of(st.sampled_from(_DUCKDB_SCALARS[:-3]), _nested(_DUCKDB_SCALARS[:-3])),
}
