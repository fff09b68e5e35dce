"""Reading choices: runs in children only, because authors decide what their queries return.

Rows are searched while they are read, a batch at a time, and nothing but the answer is kept: a query may return
millions. Uses neither Django nor the server's database.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from reports.choices.queries import ParameterChoices
from reports.choices.results import Choice, ChoicesPage, Found
from reports.exceptions import QueryFailed, QueryTimeout, RunError
from reports.parameters.scalars import SCALARS, InvalidValue, quoted
from reports.parameters.values import TypedValue
from reports.rendering.column_text import as_text, display_text
from reports.rendering.text_arrays import TEXT, slices
from reports.sources import placeholders, read
from reports.sources.base import Limits, SchemaWidened, Source
from reports.sources.deadline import Deadline

SECONDS = 5
MAX_CHOICES = 200
_SOURCE_BYTES = 256 << 20
_MAX_LABEL = 200
Values = Mapping[str, TypedValue]
#: How values of each type are compared. Numbers by their text without trailing zeros: no Arrow type holds them all.
_COMPARED = {
    "string": TEXT,
    "integer": pa.int64(),
    "number": TEXT,
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us", "UTC"),
}
_READABLE: dict[str, Callable[[pa.DataType], bool]] = {
    "integer": pa.types.is_integer,
    "boolean": pa.types.is_boolean,
    "date": pa.types.is_date,
    "datetime": pa.types.is_timestamp,
}


@dataclass(frozen=True)
class Listing:
    """Which choices to list: those whose value or label contains the text, in any case."""

    name: str
    text: str
    limit: int


def find(
    choices: Sequence[ParameterChoices],
    several: Sequence[Values],
    listing: Listing | None,
    seconds: float,
) -> Found:
    """Look up each of several values of these parameters in their choices, parents first; then list, if all were found.

    Each of `several` has a value of each parameter that a query uses; with a `listing`, there is one. NULL is not
    looked up.
    """
    deadline, labels = Deadline(seconds), [dict[str, list[str | None]]() for _ in several]
    for each in choices:
        try:
            if listing is not None and listing.name == each.name:
                page = _read(each, several[0], deadline, partial(_Page, each, listing)).page()
                return Found(labels, page=page)
            _look_up(each, several, labels, deadline)
        except QueryTimeout:
            return Found(fault=f"The choices of {each.parameter.title} took longer than {SECONDS} seconds.")
        except RunError as error:
            return Found(fault=f"The choices of {each.parameter.title} can't be read. {error.message}")
        if listing is not None and None in labels[0].get(each.name, ()):
            return Found(labels)
    return Found(labels)


def _look_up(
    choices: ParameterChoices,
    several: Sequence[Values],
    labels: Sequence[dict[str, list[str | None]]],
    deadline: Deadline,
) -> None:
    """Add the labels of one parameter. Its query runs once for all values whose parents are equal."""
    name, groups = choices.name, dict[tuple[object, ...], list[int]]()
    for at, values in enumerate(several):
        is_orphan = any(None in labels[at].get(parent.name, ()) for parent in choices.parents)
        if _wanted(values[name].value) and not is_orphan:
            groups.setdefault(tuple(values[parent.name].value for parent in choices.parents), []).append(at)
    for members in groups.values():
        wanted = tuple(dict.fromkeys(item for at in members for item in _wanted(several[at][name].value)))
        found = _read(choices, several[members[0]], deadline, partial(_Labels, choices, wanted)).labels()
        by_value = dict(zip(wanted, found, strict=True))
        for at in members:
            labels[at][name] = [by_value[item] for item in _wanted(several[at][name].value)]


def problems(choices: Sequence[ParameterChoices], values: Mapping[str, TypedValue], seconds: float) -> list[str]:
    """Return a sentence for each choices query that can't be read, or that has no choices for anybody.

    `values` has a value of each parameter that a query uses; it may be NULL.
    """
    deadline, sentences = Deadline(seconds), []
    for each in choices:
        try:
            page = _read(each, values, deadline, partial(_Page, each, Listing(each.name, "", 1))).page()
        except QueryTimeout:
            sentences.append(f"The choices of {each.parameter.title} took longer than {seconds:.0f} seconds.")
        except RunError as error:
            sentences.append(f"The choices of {each.parameter.title} can't be read. {error.message}")
        else:
            # With other parents, or for another caller, there may be some.
            if not page.choices and not placeholders.names(each.query, each.source.dialect):
                sentences.append(f"{each.parameter.title} has no choices: its query returns no values.")
    return sentences


def _wanted(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


class _Collector(Protocol):
    """Takes what it needs of a batch: values, compared as `_COMPARED` says, and their labels. False ends reading."""

    def take(self, values: pa.Array, labels: pa.Array) -> bool: ...


Collector = TypeVar("Collector", bound=_Collector)


def _read(
    choices: ParameterChoices, values: Mapping[str, TypedValue], deadline: Deadline, start: Callable[[], Collector]
) -> Collector:
    """Return a collector that has taken the query's rows. Raises RunErrors."""
    source: Source | None = None
    with tempfile.TemporaryDirectory() as folder:
        while True:
            deadline.check()
            limits = Limits(
                timeout_seconds=max(1, ceil(deadline.remaining)), memory_bytes=_SOURCE_BYTES, temp_dir=Path(folder)
            )
            collector = start()
            try:
                with read(choices.source, choices.query, values, limits, source=source) as rows:
                    _check_columns(rows.schema)
                    for batch in chain.from_iterable(map(slices, rows.batches)):
                        deadline.check()
                        if not collector.take(*_columns(choices.parameter.type, batch)):
                            break
                return collector
            except SchemaWidened as widened:
                source = widened.source


def _check_columns(schema: pa.Schema) -> None:
    if len(schema) > 2:
        raise QueryFailed(
            f"Its query returns {len(schema):,} columns. It must return the value and, in a second one, its label."
        )


def _columns(type: str, batch: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
    """Return values and labels of a batch, without NULL values, which nobody can choose."""
    texts = as_text(batch.column(0))
    is_given = pc.is_valid(texts)
    column = batch.column(0).filter(is_given)
    labels = display_text(batch.column(0)).filter(is_given)
    if batch.num_columns == 2:
        labels = pc.coalesce(pc.cast(display_text(batch.column(1)).filter(is_given), TEXT), pc.cast(labels, TEXT))
    return _compared(type, column), pc.utf8_slice_codeunits(pc.cast(labels, TEXT), 0, _MAX_LABEL)


def _compared(type: str, column: pa.Array) -> pa.Array:
    """Return the values as `_COMPARED` says. Raises QueryFailed for one that the parameter can't have."""
    if type == "string":
        return pc.cast(as_text(column), TEXT)
    if type in _READABLE and _READABLE[type](column.type):
        try:
            return pc.cast(column, _COMPARED[type])
        except pa.ArrowInvalid:
            raise QueryFailed(f"Its query returns a value that isn't {SCALARS[type].expected}.") from None
    texts = as_text(column).to_pylist()
    return pa.array([_comparable(_from_text(type, text)) for text in texts], _COMPARED[type])


def _from_text(type: str, text: str) -> object:
    try:
        return SCALARS[type].from_text(text)
    except InvalidValue:
        raise QueryFailed(
            f"Its query returns {quoted(text)}, where each value must be {SCALARS[type].expected}."
        ) from None


def _comparable(value: object) -> object:
    return str(value.normalize()) if isinstance(value, Decimal) else value


class _Labels:
    """Finds values and their labels; of a value that comes twice, the first label."""

    def __init__(self, choices: ParameterChoices, wanted: tuple[object, ...]) -> None:
        self._wanted = [_comparable(value) for value in wanted]
        self._set = pa.array(self._wanted, _COMPARED[choices.parameter.type])
        self._found: dict[object, str] = {}

    def take(self, values: pa.Array, labels: pa.Array) -> bool:
        is_wanted = pc.is_in(values, value_set=self._set)
        values, labels = values.filter(is_wanted), labels.filter(is_wanted)
        for value in pc.unique(values):
            if value.as_py() not in self._found:
                self._found[value.as_py()] = labels[pc.index(values, value).as_py()].as_py()
        return len(self._found) < len(set(self._wanted))

    def labels(self) -> list[str | None]:
        return [self._found.get(value) for value in self._wanted]


class _Page:
    """Collects the first choices that contain a text, each value once."""

    def __init__(self, choices: ParameterChoices, listing: Listing) -> None:
        self._type, self._listing = choices.parameter.type, listing
        self._found: dict[object, str] = {}

    def take(self, values: pa.Array, labels: pa.Array) -> bool:
        if self._listing.text:
            matches = pc.or_(*(self._contains(texts) for texts in (as_text(values), labels)))
            values, labels = values.filter(matches), labels.filter(matches)
        for value in pc.unique(values):
            if len(self._found) > self._listing.limit:
                return False
            if value.as_py() not in self._found:
                self._found[value.as_py()] = labels[pc.index(values, value).as_py()].as_py()
        return len(self._found) <= self._listing.limit

    def page(self) -> ChoicesPage:
        found = list(self._found.items())
        choices = [Choice(self._as_json(value), label) for value, label in found[: self._listing.limit]]
        return ChoicesPage(choices, more=len(found) > self._listing.limit)

    def _contains(self, texts: pa.Array) -> pa.Array:
        return pc.match_substring(pc.cast(texts, TEXT), self._listing.text, ignore_case=True)

    def _as_json(self, value: Any) -> object:
        scalar = SCALARS[self._type]
        return scalar.to_json(scalar.from_text(value) if isinstance(value, str) else value)
