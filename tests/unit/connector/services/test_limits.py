"""Allowances: a rate, ten seconds' worth of it at once, bounded memory, and stops that nothing else uses up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from connector.problems import Problem
from connector.services.limits import AT_ONCE, MOST, Allowance, Limits, kind_of, place_of


@dataclass
class Rates:
    limit_address: int = 1
    limit_participant: int = 1
    limit_person: int = 1
    limit_refused: int = 1


class Clock:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def used_up(allowance: Allowance, caller: str = "a") -> int:
    count = 0
    while not allowance.take(caller):
        count += 1
    return count


@pytest.mark.parametrize("rate", [1, 3, 1000])
def test_ten_seconds_worth_may_come_at_once_and_no_more(clock, rate):
    assert used_up(Allowance(rate, clock)) == rate * AT_ONCE


def test_what_was_used_comes_back_at_the_rate(clock):
    allowance = Allowance(2, clock)
    used_up(allowance)
    assert allowance.take("a") == pytest.approx(0.5)
    clock.at += 0.5
    assert allowance.take("a") == 0.0
    assert allowance.take("a") == pytest.approx(0.5)
    clock.at += 3600
    assert used_up(allowance) == 20


def test_waiting_in_vain_uses_nothing(clock):
    allowance = Allowance(1, clock)
    used_up(allowance)
    assert [allowance.take("a") for _ in range(100)] == [pytest.approx(1.0)] * 100


def test_one_caller_does_not_use_up_what_another_has(clock):
    allowance = Allowance(1, clock)
    used_up(allowance, "a")
    assert used_up(allowance, "b") == AT_ONCE


def test_without_a_rate_everybody_may_come_and_nobody_is_remembered(clock):
    allowance = Allowance(0, clock)
    assert not any(allowance.take("a") for _ in range(10_000))
    assert len(allowance) == 0


def test_so_many_callers_are_remembered_and_no_more(clock):
    allowance = Allowance(1, clock, most=50)
    for number in range(1000):
        allowance.take(str(number))
    assert len(allowance) == 50


def test_who_has_everything_back_is_forgotten_before_those_who_have_not(clock):
    allowance = Allowance(1, clock, most=3)
    used_up(allowance, "busy")
    for caller in ("b", "c"):
        allowance.take(caller)
    clock.at += 2.0
    allowance.take("d")
    assert allowance.left("busy") == 0.0
    assert len(allowance) == 2
    assert used_up(allowance, "busy") == 2


PATHS = [
    ("/me/studies/urn:x/stop", "stop"), ("/me/studies/urn:x/stopped", "stop"), ("/me/pause", "stop"),
    ("/consent/withdrawals", "stop"), ("/consent/consents", "stop"), ("/api/consents/withdraw", "stop"),
    ("/api/desk/people/x/opt-out", "stop"), ("/steward/people/x/opt-out", "stop"), ("/api/desk/people/x", "other"),
    ("/", "way"), ("/sign-in", "way"), ("/sign-in/callback", "way"), ("/me/permissions", "way"),
    ("/static/a.css", "way"),
    ("/dsp/2025-1/negotiations/request", "other"), ("/consent/studies", "other"), ("/research/catalogue", "other"),
    ("/dsp/2025-1/catalog/datasets/x/stop", "other"), ("/dsp/2025-1/negotiations/x/stop", "other"),
    ("/x/stop", "other"),
    ("/data/releases/1/stop", "other"), ("/api/consents/withdraw/x", "other"), ("/consent/consents/x", "other"),
    ("/consent/profiles", "other"), ("/mex", "other"), ("/record", "way"), ("/sign-in-x", "other"),
    ("/data/releases/1/segments", "other"), ("/steward", "other"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "kind"), PATHS)
def test_what_a_request_is_about_is_read_from_its_path(path, kind):
    assert kind_of(path) == kind


def called_often(call: Callable[[str, str], None], path: str) -> None:
    for _ in range(100):
        call("one", path)


def test_nothing_else_uses_up_what_a_stop_needs(clock):
    limits = Limits(Rates(), clock)
    while not limits.of_address("here", "/research"):
        pass
    while not limits.of_address("here", "/me"):
        pass
    for call in (limits.participant, limits.person):
        for path in ("/research", "/me"):
            with pytest.raises(Problem) as refused:
                called_often(call, path)
            assert (refused.value.status, refused.value.code, refused.value.retry_after) == (429, "rate-limited", 1)
        call("one", "/me/studies/x/stopped")
    assert limits.of_address("here", "/me/studies/x/stopped") == 0.0


CATALOGUE, STOP = "/dsp/2025-1/catalog/request", "/consent/withdrawals"


@pytest.mark.parametrize("path", [CATALOGUE, STOP])
def test_who_was_refused_too_often_waits_and_holds_up_nobody_we_know(clock, path):
    limits = Limits(Rates(limit_address=1000), clock)
    for _ in range(100):
        limits.refused("there")
    assert limits.of_address("there", path) > 0
    assert limits.of_address("there", path, member="urn:known") == 0.0
    assert limits.of_address("elsewhere", path) == 0.0


@pytest.mark.parametrize(
    "path", ["/health/live", "/idp/back-channel", "/me/permissions", "/data/releases/1", "/steward"]
)
def test_only_doors_of_participants_close_for_who_was_refused_too_often(clock, path):
    limits = Limits(Rates(), clock)
    for _ in range(100):
        limits.refused("there")
    assert limits.of_address("there", path) == 0.0


@pytest.mark.parametrize("path", ["/health/live", "/idp/back-channel"])
def test_strangers_of_an_address_do_not_use_up_what_its_supervisor_and_sign_in_provider_need(clock, path):
    limits = Limits(Rates(), clock)
    while not limits.of_address("there", "/research"):
        pass
    assert limits.of_address("there", path) == 0.0


@pytest.mark.parametrize("path", [CATALOGUE, STOP])
def test_strangers_of_an_address_do_not_use_up_what_a_member_there_needs_and_members_not_each_others(clock, path):
    limits = Limits(Rates(limit_refused=0), clock)
    for caller in ("", "urn:one"):
        while not limits.of_address("there", path, member=caller):
            pass
    assert limits.of_address("there", path, member="urn:other") == 0.0


@pytest.mark.parametrize("path", ["/research", "/me", "/me/studies/x/stop"])
def test_strangers_of_an_address_do_not_use_up_what_a_session_needs_with_or_without_a_cookie(clock, path):
    limits = Limits(Rates(), clock)
    limits.met("anns")
    for made_up in ("", "nobodys", "another"):
        while not limits.of_address("there", path, session=made_up):
            pass
    assert limits.of_address("there", path, session="nobodys, and new") > 0
    assert limits.of_address("there", path, session="anns") == 0.0
    limits.over("anns")
    assert limits.of_address("there", path, session="anns") > 0


def test_so_many_sessions_are_remembered_and_no_more(clock):
    limits = Limits(Rates(limit_address=0), clock)
    for number in range(MOST + 10):
        limits.met(str(number))
    assert len(limits._sessions) == MOST


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"), ("testclient", "no address"), ("::1", "::1"),
        ("x" * 50_000, "no address"),
        ("unknown", "no address"), ("", "no address"), ("::1%one", "::1"), ("fe80::1%one", "fe80::/64"),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_network_of_one_caller_counts_as_one_address(address, counts_as):
    assert place_of(address) == counts_as
