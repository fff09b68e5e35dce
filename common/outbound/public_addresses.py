"""Which IP addresses belong to the public internet.

The networks are those of IANA's special-purpose address registries (RFC 6890) of 2025, and multicast. They are listed
here because the flags of `ipaddress` change with each version of Python, and take several of them for public.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

Address = IPv4Address | IPv6Address

_SPECIAL_IPV4 = [
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network, RFC 791
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # shared by a provider's customers, RFC 6598
        "127.0.0.0/8",  # this host, RFC 1122
        "169.254.0.0/16",  # link-local, RFC 3927; metadata of cloud machines
        "172.16.0.0/12",  # private, RFC 1918
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.31.196.0/24",  # AS112, RFC 7535
        "192.52.193.0/24",  # AMT, RFC 7450
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
        "192.168.0.0/16",  # private, RFC 1918
        "192.175.48.0/24",  # AS112, RFC 7534
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved, RFC 1112; limited broadcast
    )
]
#: The only IPv6 addresses that IANA has made global unicast (RFC 4291, section 2.4).
_GLOBAL_IPV6 = ip_network("2000::/3")
_SPECIAL_IPV6 = [
    ip_network(network)
    for network in (
        "2001::/23",  # protocol assignments, RFC 2928; in it Teredo, RFC 4380, and ORCHID, RFC 7343
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4, RFC 3056: the relay chooses what it reaches
        "2620:4f:8000::/48",  # AS112, RFC 7534
        "3fff::/20",  # documentation, RFC 9637
    )
]
#: Addresses that are translated to the IPv4 address in their last 32 bits: by the kernel, and by NAT64 (RFC 6052).
_TRANSLATED = (ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96"))


def reached_address(address: Address) -> Address:
    """The address that a connection ends at: of an IPv6 address that is translated to IPv4, the IPv4 address."""
    if isinstance(address, IPv6Address) and any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """True for an address that anybody on the internet could have. Look at the `reached_address`."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _SPECIAL_IPV6)
