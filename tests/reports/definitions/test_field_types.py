"""Types of fields: what each accepts and refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from reports.definitions import field_types
from reports.definitions.field_types import principal_of, user_of


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("Text", ["", "Ünï", "a\nb"], ["a\0b", 5]),
        ("Slug", ["a-B_9"], ["", "a b", "ä", "a\n", "x" * 101]),
        ("ThingSlug", ["not-an-id"], ["0b0a3c0e-6c3f-4c39-9f6e-000000000000"]),
        ("ReportSlug", ["newer"], ["new"]),
        ("Username", ["bob@example.com", "bob.b+1"], ["bob b", ""]),
        ("EnvName", ["BOB_PASSWORD", "_x"], ["1X", "A-B", "A\n"]),
        ("Principal", ["analysts", "user:bob"], ["user:", ""]),
        ("Email", ["a@example.com"], ["a", "a@example.com\nbcc: b@example.com"]),
        (
            "WebAddress",
            ["http://x", "https://x:8443/a?b=c"],
            ["ftp://x", "https://u:p@x", "https://x /", "https://x:0", "https://[", "//x"],
        ),
        ("SharePath", ["a folder/b.csv"], ["/a", "a/../b", "a\\b", ""]),
        ("PlainPath", ["/data", "../data"], ["postgresql://u:p@h/d", ""]),
        ("Delimiter", [",", ";", "|", "\t", " "], ["", ";;", "a", "5", ".", "-", ":", '"', "\n"]),
        ("JobSeconds", [1], [0, 10**9, True, 1.5]),
        ("FlatValue", [1, "a", [1, 2], None], [{"a": 1}, [[1]], [{"a": 1}]]),
    ],
)
def test_values_of_a_type(name: str, accepted: list[Any], refused: list[Any]) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(getattr(field_types, name))
    for value in accepted:
        assert adapter.validate_python(value, strict=True) == value
    for value in refused:
        with pytest.raises(ValidationError):
            adapter.validate_python(value, strict=True)


def test_an_error_about_a_path_does_not_quote_a_password() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(field_types.PlainPath).validate_python("postgresql://u:hush@h/d")
    assert "hush" not in caught.value.errors(include_input=False)[0]["msg"]


def test_a_principal_is_a_role_or_a_user() -> None:
    assert user_of("analysts") is None
    assert user_of(principal_of("bob")) == "bob"
