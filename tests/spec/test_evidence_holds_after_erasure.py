"""What a participant promises about its evidence: it proves what happened, forgets people, and cannot be rewritten."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.provenance import merkle
from connector.provenance.checkpoint import parse_checkpoint, sign_checkpoint, verify_checkpoint
from connector.provenance.entry import SALT_BYTES, Entry, commit, erase
from connector.provenance.note import NoteSigner, NoteVerifier
from connector.provenance.verify import verify_log
from connector.vault import LOG_KEY, FileVault, MemorySealedStore, verify_signature

ORIGIN = "urn:concord:st-elisabeth-hospital:3f9a2c1b"
AGREEMENT = "urn:uuid:7d1f4c3a-0000-4000-8000-000000000001"


class Hospital:
    """A vault, and a log in memory as the store would keep it."""

    def __init__(self, directory):
        self.vault = FileVault.create(directory)
        self.public = self.vault.keys.create(LOG_KEY)
        self.people = self.vault.domain(AGREEMENT, MemorySealedStore())
        self.signer = NoteSigner(ORIGIN, self.public, self.vault.keys.signing_key(LOG_KEY).sign)
        self.verifier = NoteVerifier(ORIGIN, self.public, verify_signature)
        self.rows = []
        self.nodes = {}
        self.edge = merkle.CompactRange()

    def log(self, kind, body):
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=len(self.rows))
        salt = bytes([len(self.rows)]) * SALT_BYTES
        row = commit(Entry(len(self.rows), at, kind, AGREEMENT, body, salt))
        self.rows.append(row)
        self.nodes |= {(level, place): node for level, place, node in self.edge.append(row.leaf_hash)}

    def read(self, level, position):
        return self.nodes[level, position]

    def checkpoint(self):
        return sign_checkpoint(self.edge.size, self.edge.root(), self.signer)


@pytest.fixture
def hospital(tmp_path):
    made = Hospital(tmp_path / "vault")
    for number in range(13):
        made.log("release.person", {"code": made.people.person(f"person-{number}").code, "resources": 7})
    return made


def test_an_entry_is_proven_to_stand_in_the_log_by_its_proof_and_the_checkpoint_alone(hospital):
    checkpoint = parse_checkpoint(hospital.checkpoint())
    assert verify_checkpoint(checkpoint, hospital.verifier) is None
    proof = merkle.inclusion_proof(4, checkpoint.size, hospital.read)
    leaf = hospital.rows[4].leaf_hash
    assert merkle.verify_inclusion(leaf, 4, checkpoint.size, proof, checkpoint.root)
    assert not merkle.verify_inclusion(hospital.rows[5].leaf_hash, 4, checkpoint.size, proof, checkpoint.root)


def test_whoever_kept_an_old_checkpoint_is_shown_that_nothing_in_it_was_rewritten(hospital):
    old = parse_checkpoint(hospital.checkpoint())
    for _ in range(9):
        hospital.log("consent.given", {"study": "urn:uuid:1"})
    new = parse_checkpoint(hospital.checkpoint())
    proof = merkle.consistency_proof(old.size, new.size, hospital.read)
    assert merkle.verify_consistency(old.size, new.size, old.root, new.root, proof)


def test_a_person_who_withdraws_is_forgotten_and_the_log_still_holds(hospital):
    code = hospital.people.person("person-3").code
    assert hospital.people.destroy("person-3")
    hospital.rows[3] = erase(hospital.rows[3])
    hospital.log("log.erased", {"entries": [3]})
    note = hospital.checkpoint()

    found = verify_log(hospital.rows, [note], hospital.verifier, hospital.read)
    assert (found.ok, found.signed, found.erased) == (True, 14, 1)
    assert not any(code in str(tuple(row)) for row in hospital.rows)
    assert hospital.people.person("person-3").code != code


def test_a_later_consent_starts_under_a_new_code_name_that_nobody_can_join_to_the_old(hospital):
    before = hospital.people.person("person-3")
    hospital.people.destroy("person-3")
    after = hospital.people.person("person-3")
    assert after.code != before.code
    assert after.id("Observation", "1") != before.id("Observation", "1")
    assert hospital.people.person("person-4").code != after.code


def test_one_changed_byte_of_the_stored_log_is_found_and_its_entry_named(hospital):
    row = hospital.rows[6]
    hospital.rows[6] = row._replace(body=row.body.replace("7", "8"))
    found = verify_log(hospital.rows, [hospital.checkpoint()], hospital.verifier)
    assert (found.ok, found.first_bad) == (False, 6)
    assert found.what.startswith("entry 6 was changed")
