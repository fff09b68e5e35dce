"""Which addresses may be called that users enter."""

from __future__ import annotations

import pytest

from common.outbound import connecting, http_client
from common.outbound.connecting import AddressRules

_PRIVATE = """127.0.0.1 10.0.0.1 169.254.169.254 192.168.1.1 100.64.0.1 0.0.0.1 224.0.0.1 240.0.0.1
    ::1 fe80::1%eth0 fd00::1 ff02::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: fec0::1 ::7f00:1
    64:ff9b:1::7f00:1 2001::1"""


@pytest.mark.parametrize("address", _PRIVATE.split())
def test_a_private_address_is_not_allowed(address: str) -> None:
    assert not AddressRules().allow(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert AddressRules().allow(address)


def test_a_host_with_one_forbidden_address_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [(2, 1, 6, "", ("1.1.1.1", 80)), (2, 1, 6, "", ("127.0.0.1", 80))]
    monkeypatch.setattr(connecting.socket, "getaddrinfo", lambda *args, **kwargs: addresses)
    with pytest.raises(http_client.AddressNotAllowed):
        http_client.post("http://both.example.com/", b"", {}, AddressRules())
