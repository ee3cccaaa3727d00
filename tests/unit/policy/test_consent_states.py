"""The ten states of a consent: which may follow which, who may say what, what a later edition leaves alone."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.consent import ALLOWING, ConsentError, ConsentRecord, EffectiveState, State, effective_state, follows
from policy.consent import chain_fault as fault
from policy.consent_gate import ask_person, chain_faults
from policy.decision import Outcome
from tests.unit.policy.story import NOW, story
from tests.unit.policy.test_consent_records import FIRST, SIGNERS, captures

PERSON = {"kind": "self", "authority": None}
PARENT = {"kind": "proxy", "authority": "urn:uuid:parent"}
CONTROLLER = {"kind": "controller", "authority": story.holder}

# As reference 1.3 and 3 tell it: what a record may become, state by state.
MAY_FOLLOW = {
    "draft": {"draft", "requested", "deferred", "refused", "given"},
    "requested": {"draft", "requested", "deferred", "refused", "given"},
    "deferred": {"draft", "requested", "deferred", "refused", "given"},
    "refused": {"given", "refused", "deferred", "suspended"},
    "given": {"given", "renewed", "suspended", "withdrawn", "terminated", "invalidated"},
    "renewed": {"given", "renewed", "suspended", "withdrawn", "terminated", "invalidated"},
    "suspended": {"given", "renewed", "suspended", "refused", "withdrawn", "terminated", "invalidated"},
    "withdrawn": {"given", "suspended", "withdrawn", "terminated", "invalidated"},
    "terminated": {"given", "withdrawn", "terminated", "invalidated"},
    "invalidated": {"given", "invalidated"},
}
NAMES = sorted(MAY_FOLLOW)


def standing(state, signer=PERSON):
    """A second version in that state, after a given one: the chain before it does not matter here."""
    return story.next(story.record(), state=state, signer=signer)


def test_every_state_is_told_about():
    assert set(MAY_FOLLOW) == {state.value for state in State}


@pytest.mark.parametrize("before", NAMES)
@pytest.mark.parametrize("after", NAMES)
def test_one_state_follows_another_only_where_the_table_says_so(before, after):
    first = standing(before)
    found = fault(first, story.next(first, state=after))
    assert (found is None) == (after in MAY_FOLLOW[before])
    assert found in {None, "state"}


@pytest.mark.parametrize("state", NAMES)
def test_a_chain_begins_only_with_what_can_be_said_first(state):
    if state in FIRST:
        assert follows(None, story.record(state=state))
    else:
        with pytest.raises(ConsentError):
            story.record(state=state)


@pytest.mark.parametrize("state", ["given", "renewed", "suspended", "withdrawn", "terminated"])
def test_a_stop_can_always_be_said(state):
    standing_one = standing(state)
    assert follows(standing_one, story.next(standing_one, state="withdrawn"))


@pytest.mark.parametrize("signer", [PERSON, PARENT, CONTROLLER], ids=lambda one: one["kind"])
def test_a_stop_can_be_said_by_whoever_speaks_for_the_person(signer):
    assert follows(story.record(), story.next(story.record(), state="suspended", signer=signer))


@pytest.mark.parametrize("state", NAMES)
def test_only_given_and_renewed_allow(state):
    allows = effective_state(standing(state), NOW) in {EffectiveState.GIVEN, EffectiveState.RENEWED}
    assert allows == (state in {"given", "renewed"})
    assert allows == (State(state) in ALLOWING)


@pytest.mark.parametrize("missing", ["recipients", "purposes", "data"])
@pytest.mark.parametrize("state", ["given", "renewed"])
def test_what_allows_names_recipients_purposes_and_data(state, missing):
    with pytest.raises(ConsentError):
        story.next(story.record(), state=state, **{missing: []})


@pytest.mark.parametrize("state", sorted({*NAMES} - {"given", "renewed"}))
def test_what_allows_nothing_need_not_name_them(state):
    assert story.next(story.record(), state=state, recipients=[], purposes=[], data=[]).state.value == state


def test_what_allows_ends_after_it_begins():
    with pytest.raises(ConsentError):
        story.next(story.record(), state="renewed", valid_until="2026-10-01T08:00:00Z")


# --- who may say yes after whom ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("refused", "given"),
        ("withdrawn", "given"),
        ("suspended", "given"),
        ("suspended", "renewed"),
    ],
)
def test_a_proxy_never_overrules_a_persons_own_no(before, after):
    own_no = standing(before)
    assert fault(own_no, story.next(own_no, state=after, signer=PARENT)) == "authority"
    assert follows(own_no, story.next(own_no, state=after, signer=PERSON))


@given(
    before=st.sampled_from(NAMES),
    after=st.sampled_from(NAMES),
    signer=st.sampled_from([one for one in SIGNERS if one["kind"] == "proxy"]),
)
def test_no_proxy_turns_a_persons_own_no_into_a_yes(before, after, signer):
    own = standing(before)
    following = story.next(own, state=after, signer=signer)
    if before in {"refused", "withdrawn", "suspended"} and after in {"given", "renewed"}:
        assert not follows(own, following)
    else:
        assert fault(own, following) != "authority"


@pytest.mark.parametrize(
    "steps",
    [
        [("refused", PERSON), ("suspended", PARENT), ("given", PARENT)],
        [("refused", PERSON), ("refused", PARENT), ("given", PARENT)],
        [("refused", PERSON), ("deferred", PARENT), ("requested", CONTROLLER), ("given", PARENT)],
        [("given", PERSON), ("withdrawn", PERSON), ("terminated", CONTROLLER), ("given", PARENT)],
        [("given", PARENT), ("suspended", PERSON), ("suspended", PARENT), ("renewed", PARENT)],
    ],
)
def test_no_detour_turns_a_persons_own_no_into_a_proxys_yes(steps):
    chain = []
    for state, signer in steps:
        said = {"state": state, "signer": signer}
        chain.append(story.next(chain[-1], **said) if chain else story.record(**said))
    assert all(follows(before, after) for before, after in pairwise(chain))
    assert chain[-1].name in set(chain_faults(story.facts(consents=tuple(chain))))
    assert ask_person(story.question(), story.facts(consents=tuple(chain))).outcome is not Outcome.PERMIT
    own_yes = story.next(chain[-2], state="given", signer=PERSON)
    assert not set(chain_faults(story.facts(consents=(*chain[:-1], own_yes))))


@pytest.mark.parametrize("before", ["refused", "withdrawn", "suspended"])
def test_a_proxy_may_change_what_a_proxy_said(before):
    by_proxy = standing(before, PARENT)
    assert follows(by_proxy, story.next(by_proxy, state="given", signer=PARENT))


@pytest.mark.parametrize("after", ["refused", "deferred"])
def test_a_proxy_may_add_a_no_to_a_persons_no(after):
    own_no = standing("refused")
    assert follows(own_no, story.next(own_no, state=after, signer=PARENT))


def test_what_a_proxy_allowed_rests_from_the_end_of_their_authority_on():
    until = "2026-11-22T09:30:00Z"
    allowed = story.record(signer=PARENT | {"until": until})
    assert effective_state(allowed, NOW) is EffectiveState.AUTHORITY_ENDED
    later = story.record(signer=PARENT | {"until": "2026-11-22T09:30:01Z"})
    assert effective_state(later, NOW) is EffectiveState.GIVEN


def test_what_a_proxy_forbade_stays_forbidden_when_their_authority_ends():
    refused = story.record(state="refused", signer=PARENT | {"until": "2026-10-02T00:00:00Z"})
    assert effective_state(refused, NOW) is EffectiveState.REFUSED


@pytest.mark.parametrize(
    "signer",
    [
        {"kind": "self", "authority": None, "until": "2030-01-01T00:00:00Z"},
        {"kind": "controller", "authority": "urn:x", "record": "urn:uuid:11111111-1111-4111-8111-111111111111"},
        {"kind": "controller", "authority": None},
        {"kind": "authority", "authority": None},
        {"kind": "proxy", "authority": "urn:x", "record": "a guardianship"},
    ],
)
def test_a_signer_that_makes_no_sense_is_refused(signer):
    with pytest.raises(ConsentError):
        story.record(signer=signer)


# --- how it was taken, and what it replaces ---------------------------------------------------------------------------


@given(captures)
def test_how_a_consent_was_taken_survives_its_json_form(capture):
    record = story.record(capture=capture)
    assert ConsentRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert record.to_json()["capture"] == capture


@pytest.mark.parametrize("name", ["capture", "replaces"])
def test_a_record_that_does_not_use_them_is_written_as_before(name):
    assert name not in story.record().to_json()
    assert not {"until", "record"} & story.record().to_json()["signer"].keys()


@pytest.mark.parametrize(
    "change",
    [
        {"capture": {"channel": "telepathy"}},
        {"capture": {}},
        {"capture": {"channel": "desk", "assurance": "certain"}},
        {"capture": {"channel": "desk", "name": "Erika Mustermann"}},
        {"capture": {"channel": "desk", "evidence": "scan.pdf"}},
        {"replaces": [""]},
        {"replaces": "source/1"},
        {"replaces": ["source/1"] * 201},
    ],
)
def test_a_capture_or_replacement_that_cannot_be_is_refused(change):
    with pytest.raises(ConsentError) as caught:
        story.record(**change)
    assert "Erika" not in str(caught.value)


def test_what_a_consent_replaces_is_part_of_what_was_signed():
    assert story.record(replaces=["source/1"]).digest() != story.record().digest()
    assert story.record(capture={"channel": "desk"}).digest() != story.record().digest()
