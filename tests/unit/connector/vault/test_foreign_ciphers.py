"""The keys of foreign rule sets: textbook values, and nothing in common between two sets."""

import hmac
from base64 import b64decode

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connector.vault import FileVault
from connector.vault.foreign_ciphers import FileKeys, NoKeyError, RuleSetKeys, rule_set_keys


@pytest.mark.parametrize("key", ["123", "k" * 64, "k" * 100])
def test_a_digest_is_hmac_sha256_as_everywhere(key):
    assert (
        FileKeys({"cryptoHashKey": key}).digest("häß") == hmac.new(key.encode(), "häß".encode(), "sha256").hexdigest()
    )


def test_a_key_context_is_hkdf_as_miracum_derives_it():
    derived = HKDF(
        algorithm=SHA256(), length=32, salt=b"FhirPseudonymizer.KeyDerivation.v1", info=b"study-1:cryptoHash"
    ).derive(b"master")  # fmt: skip
    keys = FileKeys({"cryptoHashKey": "master"}, context="study-1")
    assert keys.digest("x") == hmac.new(derived.hex().encode(), b"x", "sha256").hexdigest()


@pytest.mark.parametrize("by_hex", [True, False])
def test_a_cipher_of_the_tools_is_aes_cbc_with_its_vector_in_front(by_hex):
    key = "fhir-pseudonymizer000000"
    text = FileKeys({"encryptKey": key}, by_hex=by_hex).encrypted("123456")
    raw = bytes.fromhex(text) if by_hex else b64decode(text)
    opener = Cipher(algorithms.AES(key.encode()), modes.CBC(raw[:16])).decryptor()
    plain = opener.update(raw[16:]) + opener.finalize()
    assert plain == b"123456" + bytes([10]) * 10


def test_without_a_key_nothing_is_made_up():
    keys = FileKeys({})
    for act in (
        lambda: keys.digest("x"),
        lambda: keys.encrypted("x"),
        lambda: keys.days("x"),
        lambda: keys.pseudonym("d", "x"),
    ):
        with pytest.raises(NoKeyError):
            act()


def test_the_shift_of_the_tools_is_theirs():
    assert (
        FileKeys({"dateShiftKey": "123"}).days("example") == 41
    )  # patient-basic-target.json: 2000-01-01 to 2000-02-11


def test_what_the_vaults_keys_seal_opens_again_and_not_when_changed():
    keys = RuleSetKeys(bytes(32))
    texts = {keys.encrypted("123456") for _ in range(200)}
    assert len(texts) == 200
    sealed = b64decode(texts.pop())
    assert keys.decrypted(sealed) == "123456"
    with pytest.raises(InvalidTag):
        keys.decrypted(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_shifts_stay_within_fifty_days_and_are_never_none():
    keys = RuleSetKeys(bytes(32))
    days = {keys.days(str(number)) for number in range(2000)}
    assert days == set(range(-50, 51)) - {0}


def test_two_rule_sets_of_one_vault_have_nothing_in_common(tmp_path):
    vault = FileVault.create(tmp_path / "vault")
    one, same, other = (rule_set_keys(vault, name) for name in ("a", "a", "b"))
    assert one.digest("x") == same.digest("x")
    assert one.pseudonym("d", "x") == same.pseudonym("d", "x")
    assert one.digest("x") != other.digest("x")
    assert one.pseudonym("d", "x") not in {other.pseudonym("d", "x"), one.pseudonym("e", "x"), one.pseudonym("", "dx")}
    assert one.person("p") != other.person("p")
    assert "a" not in repr(one).lower().replace("rulesetkeys", "").replace("hidden", "")
