"""Signed notes and checkpoints: published ones are read and verified, ours read back, everything else is refused."""

import base64
import contextlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from connector.provenance.checkpoint import parse_checkpoint, sign_checkpoint, verify_checkpoint
from connector.provenance.note import NoteError, NoteSigner, NoteVerifier, parse_note, sign_note, verify_note
from connector.vault import verify_signature

PUBLISHED = json.loads((Path(__file__).parents[3] / "vectors/transparency-log/notes.json").read_text())
ORIGIN = "urn:concord:st-elisabeth-hospital:3f9a2c1b"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
SIGNER = NoteSigner(ORIGIN, PUBLIC, KEY.sign)
VERIFIER = NoteVerifier(ORIGIN, PUBLIC, verify_signature)
ROOT = bytes(range(32))


def published_verifier(text):
    name, key_id, public = text.split("+", 2)
    verifier = NoteVerifier(name, base64.b64decode(public)[1:], verify_signature)
    assert verifier.key_id.hex() == key_id
    return verifier


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_notes_verify(case):
    assert verify_note(parse_note(case["note"]), published_verifier(case["key"])) is None


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_notes_with_another_text_do_not_verify(case):
    changed = case["note"].replace("t", "T", 1)
    assert "does not match" in verify_note(parse_note(changed), published_verifier(case["key"]))


def test_signing_gives_the_published_note_byte_for_byte():
    # The private key printed in the example of Go's note package.
    seed = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
    key = Ed25519PrivateKey.from_private_bytes(seed)
    text = PUBLISHED[0]["note"].partition("\n\n")[0] + "\n"
    signer = NoteSigner("PeterNeumann", key.public_key().public_bytes_raw(), key.sign)
    assert sign_note(text, signer) == PUBLISHED[0]["note"]


def test_a_checkpoint_of_the_go_checksum_database_is_read():
    checkpoint = parse_checkpoint(PUBLISHED[1]["note"])
    assert (checkpoint.origin, checkpoint.size) == ("go.sum database tree", 31700353)


@given(st.integers(0, 10**18), st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_reads_back_and_verifies(size, root):
    checkpoint = parse_checkpoint(sign_checkpoint(size, root, SIGNER))
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, size, root)
    assert verify_checkpoint(checkpoint, VERIFIER) is None


@given(st.data())
def test_no_changed_character_of_a_checkpoint_goes_unseen(data):
    note = sign_checkpoint(1234, ROOT, SIGNER)
    where = data.draw(st.integers(0, len(note) - 1))
    character = data.draw(st.sampled_from("0Az+/= \n—é\t").filter(lambda new: new != note[where]))
    changed = note[:where] + character + note[where + 1 :]
    with contextlib.suppress(NoteError):
        assert verify_checkpoint(parse_checkpoint(changed), VERIFIER)


def test_a_checkpoint_of_another_log_or_key_is_refused():
    checkpoint = parse_checkpoint(sign_checkpoint(3, ROOT, SIGNER))
    assert verify_checkpoint(checkpoint, NoteVerifier("urn:concord:other:00000000", PUBLIC, verify_signature))
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert verify_checkpoint(checkpoint, NoteVerifier(ORIGIN, other, verify_signature)) == (
        "it is not signed by the expected key"
    )


def test_signatures_of_witnesses_are_passed_over():
    witness = Ed25519PrivateKey.generate()
    signer = NoteSigner("witness.example", witness.public_key().public_bytes_raw(), witness.sign)
    note = sign_checkpoint(3, ROOT, SIGNER)
    line = sign_note(note.rpartition("\n\n")[0] + "\n", signer).rpartition("\n\n")[2]
    assert verify_checkpoint(parse_checkpoint(note + line), VERIFIER) is None
    assert verify_note(parse_note(note + line), NoteVerifier(signer.name, signer.public, verify_signature)) is None


def test_one_bad_signature_of_the_expected_key_spoils_the_note():
    note = sign_checkpoint(3, ROOT, SIGNER)
    forged = base64.b64encode(SIGNER.key_id + bytes(64)).decode()
    assert verify_checkpoint(parse_checkpoint(f"{note}— {ORIGIN} {forged}\n"), VERIFIER)


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n3\nAAAA\n",  # root too short
        f"{ORIGIN}\n03\n{base64.b64encode(ROOT).decode()}\n",  # leading zero
        f"{ORIGIN}\n-3\n{base64.b64encode(ROOT).decode()}\n",
        f"{ORIGIN}\n3\n",
        f"\n3\n{base64.b64encode(ROOT).decode()}\n",
        f"{ORIGIN}\n3\n{base64.b64encode(ROOT).decode()}=\n",
        f"{ORIGIN}\n3\n\u00e9{base64.b64encode(ROOT).decode()}\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text):
    with pytest.raises(NoteError):
        parse_checkpoint(sign_note(text, SIGNER))


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name\n",
        "text\n\n— na me AAAAAAAA\n",
        "text\n\n— name AAAA\n",  # a key id and no signature
        "text\n\n— name ####\n",
        "text\n\n- name AAAAAAAA\n",
        "text\n\n— name AAAAAAAA",
        "te\0xt\n\n— name AAAAAAAA\n",
        "x" * 70_000 + "\n\n— name AAAAAAAA\n",
    ],
)
def test_what_is_no_note_is_refused(note):
    with pytest.raises(NoteError):
        parse_note(note)


def test_a_checkpoint_that_could_not_be_read_back_is_not_signed():
    with pytest.raises(NoteError):
        sign_checkpoint(-1, ROOT, SIGNER)
    with pytest.raises(NoteError):
        sign_checkpoint(1, b"short", SIGNER)
    with pytest.raises(NoteError):
        sign_checkpoint(1, ROOT, NoteSigner("a name with spaces", PUBLIC, KEY.sign))
