"""Which IP addresses are public, private, or nobody's to name."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.outbound.addresses import is_private, is_public


@pytest.mark.parametrize("ip", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450::1"])
def test_hosts_on_the_internet_are_public(ip: str) -> None:
    assert is_public(ip)
    assert not is_private(ip)


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "127.255.255.254", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1"]
)
def test_hosts_an_operator_may_name_are_private_and_not_public(ip: str) -> None:
    assert is_private(ip)
    assert not is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        *("0.0.0.0", "0.1.2.3", "169.254.169.254", "192.0.0.9", "192.0.2.1", "192.88.99.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808"),
        *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1"),
        *("fe80::1", "fec0::1", "ff02::1", "ff0e::1", "4000::1"),
        *("", "localhost", "127.1", "2130706433", "1.2.3.4/32", "fe80::1%eth0"),
    ],
)
def test_other_addresses_are_neither(ip: str) -> None:
    assert not is_public(ip)
    assert not is_private(ip)


@given(st.ip_addresses())
def test_no_address_is_both_and_public_is_never_wider_than_the_standard_library(address: object) -> None:
    text = str(address)
    assert not (is_public(text) and is_private(text))
    assert not is_public(text) or ipaddress.ip_address(text).is_global
