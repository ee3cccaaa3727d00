"""Codes and keyed ids: their form, their check character, and that the fast way gives the textbook value."""

import hmac
import pickle
import re
from hashlib import sha256
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.vault import KeyedIds, PersonCoder
from connector.vault.codes import ALPHABET, check_value, encode, is_code

KEYS = st.binary(min_size=32, max_size=32)
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@pytest.mark.parametrize(
    ("alphabet", "text"),
    [
        # Published examples of ISO 7064 MOD 37,36 (Global Release Identifier) and MOD 11,10.
        (ALPHANUMERIC, "A12425GABC1234002M"),
        ("0123456789", "002006673085"),
        ("0123456789", "794623"),
    ],
)
def test_check_characters_are_those_of_iso_7064(alphabet, text):
    values = [alphabet.index(character) for character in text]
    assert check_value(values[:-1], len(alphabet)) == values[-1]


@given(KEYS)
def test_a_code_is_26_unmistakable_characters(digest):
    code = encode(digest)
    assert re.fullmatch(r"[a-z2-7]{26}", code)
    assert is_code(code)


@given(KEYS, KEYS)
def test_a_code_keeps_125_bits_of_its_digest(one, other):
    same = int.from_bytes(one[:16], "big") >> 3 == int.from_bytes(other[:16], "big") >> 3
    assert (encode(one) == encode(other)) == same


@given(KEYS)
def test_every_wrong_character_of_a_code_is_found(digest):
    code = encode(digest)
    for where in range(26):
        for wrong in ALPHABET:
            if wrong != code[where]:
                assert not is_code(code[:where] + wrong + code[where + 1 :])


def test_nearly_every_swap_of_neighbours_is_found():
    swaps = missed = 0
    for number in range(300):
        code = encode(sha256(b"%d" % number).digest())
        for where in range(25):
            swapped = code[:where] + code[where + 1] + code[where] + code[where + 2 :]
            if swapped != code:
                swaps += 1
                missed += is_code(swapped)
    assert missed / swaps < 0.01


@pytest.mark.parametrize("text", ["", "a" * 25, "a" * 27, "A" * 26, "0" * 26, "é" * 26, "a" * 25 + " "])
def test_what_is_no_code_is_not_taken_for_one(text):
    assert not is_code(text)


@given(
    KEYS, st.sampled_from(["Patient", "Observation"]), st.text(st.characters(exclude_categories=("Cs",)), max_size=80)
)
def test_the_two_state_hash_is_hmac_sha256(key, resource_type, resource_id):
    digest = hmac.new(key, b"id\0" + f"{resource_type}/{resource_id}".encode(), "sha256").hexdigest()
    made = UUID(KeyedIds(key).id(resource_type, resource_id))
    expected = int(digest[:32], 16) & ~(0xF << 76 | 0x3 << 62) | 8 << 76 | 2 << 62
    assert made.int == expected


@given(KEYS, st.text("abc-.1", min_size=1, max_size=64))
def test_a_replaced_id_is_a_uuid_and_a_valid_fhir_id(key, resource_id):
    made = PersonCoder(key).id("Observation", resource_id)
    assert FHIR_ID.fullmatch(made)
    assert (str(UUID(made)), UUID(made).variant, UUID(made).version) == (made, RFC_4122, 8)


def test_ids_of_different_types_or_keys_differ():
    coder, other = PersonCoder(bytes(32)), PersonCoder(b"x" * 32)
    made = {c.id(kind, name) for c in (coder, other) for kind in ("Observation", "Condition") for name in ("1", "2")}
    assert len(made) == 8


@given(KEYS)
def test_dates_move_by_1_to_180_days_either_way(key):
    days = PersonCoder(key).days
    assert days != 0
    assert -180 <= days <= 180


def test_every_shift_occurs_and_none_is_favoured():
    shifts = [PersonCoder(sha256(b"%d" % number).digest()).days for number in range(7200)]
    assert set(shifts) == {*range(-180, 0), *range(1, 181)}
    assert max(shifts.count(day) for day in set(shifts)) < 60


@given(KEYS)
def test_a_coder_travels_to_a_worker_and_gives_the_same(key):
    coder = PersonCoder(key)
    travelled = pickle.loads(pickle.dumps(coder))
    assert (travelled.code, travelled.days, travelled.id("A", "1")) == (coder.code, coder.days, coder.id("A", "1"))
    assert pickle.loads(pickle.dumps(KeyedIds(key))).id("A", "1") == KeyedIds(key).id("A", "1")


@given(KEYS)
def test_a_persons_code_date_shift_and_ids_do_not_show_each_other(key):
    coder = PersonCoder(key)
    assert UUID(coder.id("", "")).hex[:12] != sha256(coder.code.encode()).hexdigest()[:12]
    assert encode(hmac.digest(key, b"id\0code", "sha256")) != coder.code
