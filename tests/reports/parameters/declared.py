"""One value of one declared parameter, accepted or refused, and a set of declarations of every type."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st

from reports.exceptions import InvalidParameters
from reports.parameters.date_math import Moment
from reports.parameters.declarations import Parameter
from reports.parameters.values import typed_values

NOON = Moment.of(datetime(2026, 11, 29, 12, tzinfo=UTC))
PARAMETERS = [
    Parameter.from_dict({"name": "s", "type": "string", "label": "Carrier", "help": "Two letters", "max_length": 50}),
    Parameter.from_dict({"name": "i", "type": "integer", "minimum": -5, "default": 3}),
    Parameter.from_dict({"name": "n", "type": "number"}),
    Parameter.from_dict({"name": "b", "type": "boolean"}),
    Parameter.from_dict({"name": "d", "type": "date", "required": True}),
    Parameter.from_dict({"name": "t", "type": "datetime", "multiple": True}),
]
RAW_VALUES = st.fixed_dictionaries(
    {"d": st.dates().map(str)},
    optional={
        "s": st.text(max_size=50),
        "i": st.integers(-5, 2**63 - 1),
        "n": st.one_of(st.integers(-(10**38) + 1, 10**38 - 1), st.floats(-1e300, 1e300)),
        "b": st.booleans(),
        "t": st.lists(st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat), max_size=4),
    },
)


def accepted(type: str, raw: object, *, from_text: bool = False, **declared: object) -> object:
    """Return the typed value; of relative dates, at NOON."""
    parameter = Parameter.from_dict({"name": "p", "type": type, **declared})
    return typed_values([parameter], {"p": raw}, NOON, from_text=from_text)["p"].value


def refused(type: str, raw: object, *, from_text: bool = False, **declared: object) -> list[str]:
    """Return the sentences with which the value is refused."""
    with pytest.raises(InvalidParameters) as caught:
        accepted(type, raw, from_text=from_text, **declared)
    return caught.value.fields["p"]
