"""Deciding for somebody else: when it begins and ends, about what, and whose no outweighs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.authority import (
    Kind,
    Mandate,
    ages,
    birthday,
    disagree,
    ends_at,
    is_minor,
    known_jurisdiction,
    may_refuse,
    of_age_at,
    own_no,
    own_no_in,
)
from policy.consent import ConsentRecord

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROXY = {"kind": "proxy", "authority": "parent"}
SELF = {"kind": "self", "authority": None}


def version(number: int, state: str, signer=SELF, minutes: int | None = None) -> ConsentRecord:
    allows = state in ("given", "renewed")
    urn = "urn:uuid:c2f1b0a4-1a52-4f9f-9a53-0b8f8f7e6d44"
    decided = NOW + timedelta(minutes=number if minutes is None else minutes)
    return ConsentRecord.from_json(
        {
            "id": urn, "version": number, "previous": "0" * 64 if number > 1 else None, "state": state, "study": "s",
            "study_digest": "0" * 64, "link": "l", "holder": "h", "wallet": "w", "recipients": ["r"] if allows else [],
            "purposes": ["urn:p"] if allows else [], "data": [{"dataset": "d", "categories": None}] if allows else [],
            "window": None, "decided_at": decided, "valid_until": NOW + timedelta(days=9),
            "words": {"version": "1", "language": "en", "digest": "0" * 64}, "signer": signer, "on_withdrawal": None,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("jurisdiction", "majority", "own_refusal"),
    [("DE", 18, 16), ("FR", 18, 15), ("ES", 18, 14), ("BE", 18, 13), ("GB", 18, 13), ("GB-SCT", 16, 13),
     ("CA", 18, 16), ("CA-BC", 19, 16), ("ZZ", 18, 16), ("", 18, 16)],
)  # fmt: skip
def test_ages_are_those_of_the_region_then_the_country_then_the_general_ones(jurisdiction, majority, own_refusal):
    assert (ages(jurisdiction).majority, ages(jurisdiction).own_refusal) == (majority, own_refusal)


def test_a_child_comes_of_age_at_the_beginning_of_the_birthday():
    born = date(2008, 11, 22)
    assert of_age_at(born, "DE") == datetime(2026, 11, 22, tzinfo=UTC)
    assert not is_minor(born, "DE", datetime(2026, 11, 22, tzinfo=UTC))
    assert is_minor(born, "DE", datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC))
    assert not is_minor(None, "DE", NOW)


def test_who_was_born_on_a_leap_day_has_a_birthday_every_year():
    assert birthday(date(2008, 2, 29), 18) == date(2026, 3, 1)
    assert birthday(date(2008, 2, 29), 16) == date(2024, 2, 29)


def test_a_minors_own_no_is_heard_from_the_age_of_their_country():
    assert may_refuse(date(2012, 11, 22), "ES", NOW)
    assert not may_refuse(date(2012, 11, 23), "ES", NOW)
    assert not may_refuse(date(2012, 11, 22), "DE", NOW)
    assert may_refuse(None, "DE", NOW)


@pytest.mark.parametrize("code", ["DE", "GB-SCT", "CA-BC", "US-AL"])
def test_codes_of_countries_and_regions_are_read(code):
    assert known_jurisdiction(code)


@pytest.mark.parametrize("code", ["", "de", "DEU", "D", "GB-", "GB-scot", "GB-SCOT", "Ä1", "DE DE", "DE-A-B"])
def test_other_text_is_no_jurisdiction(code):
    assert not known_jurisdiction(code)


def test_the_authority_of_a_parent_ends_when_the_child_comes_of_age_or_before():
    born = date(2010, 5, 1)
    grown = datetime(2028, 5, 1, tzinfo=UTC)
    assert ends_at(Kind.PARENT, None, born, "DE") == grown
    assert ends_at(Kind.PARENT, NOW + timedelta(days=9), born, "DE") == NOW + timedelta(days=9)
    assert ends_at(Kind.PARENT, datetime(2040, 1, 1, tzinfo=UTC), born, "DE") == grown
    assert ends_at(Kind.ATTORNEY, None, born, "DE") is None
    assert ends_at(Kind.GUARDIAN, None, None, "DE") is None
    with pytest.raises(ValueError, match="date of birth"):
        ends_at(Kind.PARENT, None, None, "DE")


@given(
    begins=st.integers(-50, 50), until=st.none() | st.integers(-50, 50), ended=st.none() | st.integers(-50, 50),
    at=st.integers(-60, 60), verified=st.booleans(),
)  # fmt: skip
def test_an_authority_is_in_force_from_its_beginning_until_the_first_of_its_ends(begins, until, ended, at, verified):
    def moment(days):
        return None if days is None else NOW + timedelta(days=days)

    mandate = Mandate(
        kind=Kind.PARENT, verified=verified, begins=moment(begins), until=moment(until), ended=moment(ended)
    )
    ends = [one for one in (until, ended) if one is not None]
    assert mandate.in_force(moment(at)) == (verified and begins <= at and all(at < end for end in ends))


def test_an_authority_is_about_the_studies_it_names():
    some = Mandate(kind=Kind.COURT, verified=True, begins=NOW, studies=frozenset({"s"}))
    assert (some.covers("s"), some.covers("t")) == (True, False)
    assert Mandate(kind=Kind.COURT, verified=True, begins=NOW).covers("t")
    assert not Mandate(kind=Kind.COURT, verified=True, begins=NOW, studies=frozenset()).covers("s")


def test_a_no_does_not_wear_off_when_a_proxy_repeats_it():
    own = [version(1, "given", PROXY), version(2, "withdrawn"), version(3, "withdrawn", PROXY)]
    assert own_no_in(own)
    assert own_no(own)
    assert not own_no_in([*own, version(4, "given")])


@pytest.mark.parametrize("state", ["refused", "withdrawn", "suspended"])
def test_refusing_stopping_and_pausing_are_each_a_no(state):
    chain = [version(1, "given"), version(2, state)] if state != "refused" else [version(1, state)]
    assert own_no(chain)
    assert own_no_in(chain)


def test_a_yes_here_and_a_no_there_at_one_moment_is_no_no_to_the_study():
    assert not own_no([version(1, "refused", minutes=5), version(1, "given", minutes=5)])
    assert own_no([version(1, "given", minutes=5), version(1, "refused", minutes=6)])


@given(
    chain=st.lists(st.tuples(st.sampled_from(["given", "refused"]), st.booleans()), min_size=1, max_size=8),
    noes=st.integers(1, 4),
)
def test_whatever_proxies_add_never_turns_the_persons_own_no(chain, noes):
    said = [version(n, state, SELF if own else PROXY) for n, (state, own) in enumerate(chain, 1)]
    added = [version(len(said) + n, "refused", PROXY) for n in range(1, noes + 1)]
    assert own_no_in(said) == own_no_in([*said, *added])
    assert own_no(said) == own_no([*said, *added])


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["yes", "no"])), st.sampled_from("abcd"))
def test_people_disagree_when_another_wants_the_contrary(wishes, who):
    others = [wish for name, wish in wishes.items() if name != who]
    assert disagree(wishes, who, "yes") == ("no" in others)
    assert disagree(wishes, who, "no") == ("yes" in others)
