"""Encrypted secrets: readable with any of the keys, for their owner only."""

from __future__ import annotations

from typing import Any

import pytest

from reports.crypto import decrypt, encrypt
from reports.exceptions import WrongKey


def test_a_secret_is_decrypted_for_its_owner_only() -> None:
    token = encrypt("hush", owner="a")
    assert "hush" not in token
    assert decrypt(token, owner="a") == "hush"
    with pytest.raises(WrongKey):
        decrypt(token, owner="b")


def test_keys_are_rotated(settings: Any) -> None:
    settings.DATA_KEYS = ["old"]
    old = encrypt("hush", owner="a")
    settings.DATA_KEYS = ["new", "old"]
    new = encrypt("hush", owner="a")
    assert decrypt(old, owner="a") == "hush"
    settings.DATA_KEYS = ["new"]
    assert decrypt(new, owner="a") == "hush"
    with pytest.raises(WrongKey):
        decrypt(old, owner="a")


@pytest.mark.parametrize("token", ["", "not a token", "gAAAAA"])
def test_something_else_is_not_decrypted(token: str) -> None:
    with pytest.raises(WrongKey):
        decrypt(token, owner="a")
