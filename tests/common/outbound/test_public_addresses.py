"""Which addresses are public, network by network of IANA's special-purpose registries."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from common.outbound.public_addresses import is_public, reached_address

_SPECIAL = """
    0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29
    192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/31 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24
    192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    255.255.255.255/32
    ::1/128 ::/128 ::/96 ::ffff:0:0/104 ::ffff:7f00:0/104 64:ff9b::/104 64:ff9b::7f00:0/104 64:ff9b:1::/48 100::/64
    100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32
    2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20
    5f00::/16 fc00::/7 fd00::/8 fe80::/10 fec0::/10 ff00::/8 4000::/2 1000::/4 ::ffff:0:0:0/96
"""
_PUBLIC = """
    1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255
    192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
    2000:: 2001:200:: 2001:db7:ffff:: 2001:db9:: 2003:: 2606:4700::1111 2620:4f:7fff:: 2620:4f:8001:: 3fff:1000::
    ::ffff:8.8.8.8 64:ff9b::808:808"""


@pytest.mark.parametrize("text", _SPECIAL.split())
def test_no_address_of_a_special_network_is_public(text: str) -> None:
    network = ip_network(text)
    for address in (network[0], network[network.num_addresses // 2], network[-1]):
        assert not is_public(reached_address(address)), address


@pytest.mark.parametrize("text", _PUBLIC.split())
def test_the_addresses_around_special_networks_are_public(text: str) -> None:
    assert is_public(reached_address(ip_address(text)))


@pytest.mark.parametrize("text", ["::ffff:10.1.2.3", "64:ff9b::10.1.2.3"])
def test_a_translated_address_is_looked_at_as_the_one_it_reaches(text: str) -> None:
    assert reached_address(IPv6Address(text)) == IPv4Address("10.1.2.3")
