"""The vault's directory and its signing keys: made once, sealed, bound to their names, gone when destroyed."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from connector.vault import (
    LOG_KEY,
    PARTICIPANT_KEY,
    FileVault,
    KeyExistsError,
    MemorySealedStore,
    SealBrokenError,
    UnknownKeyError,
    Vault,
    VaultFileError,
    verify_signature,
)


@pytest.fixture
def vault(tmp_path):
    return FileVault.create(tmp_path / "vault")


def test_a_vault_is_made_once_and_opened_after_that(tmp_path):
    made: Vault = FileVault.create(tmp_path / "vault")
    public = made.keys.create(PARTICIPANT_KEY)
    assert FileVault(tmp_path / "vault").keys.public(PARTICIPANT_KEY) == public
    with pytest.raises(VaultFileError, match="already"):
        FileVault.create(tmp_path / "vault")
    assert FileVault(tmp_path / "vault").keys.public(PARTICIPANT_KEY) == public


def test_no_vault_is_made_by_opening(tmp_path):
    with pytest.raises(VaultFileError, match="no vault"):
        FileVault(tmp_path / "vault")


def test_two_vaults_have_different_master_secrets(tmp_path):
    FileVault.create(tmp_path / "a")
    FileVault.create(tmp_path / "b")
    assert (tmp_path / "a/master.secret").read_bytes() != (tmp_path / "b/master.secret").read_bytes()


def test_the_master_secret_is_for_its_owner_alone(tmp_path):
    FileVault.create(tmp_path / "vault")
    path = tmp_path / "vault/master.secret"
    assert (stat.S_IMODE(path.stat().st_mode), len(path.read_bytes())) == (0o600, 32)
    path.chmod(0o644)
    with pytest.raises(VaultFileError, match="0600"):
        FileVault(tmp_path / "vault")


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_master_secret_is_refused(tmp_path, content):
    FileVault.create(tmp_path / "vault")
    (tmp_path / "vault/master.secret").write_bytes(content)
    with pytest.raises(VaultFileError, match="not a master secret"):
        FileVault(tmp_path / "vault")


def test_a_key_signs_what_its_public_half_verifies(vault):
    public = vault.keys.create(PARTICIPANT_KEY)
    signature = vault.keys.sign(PARTICIPANT_KEY, b"message")
    Ed25519PublicKey.from_public_bytes(public).verify(signature, b"message")
    assert verify_signature(public, b"message", signature)
    assert not verify_signature(public, b"another", signature)
    opened = vault.keys.signing_key(PARTICIPANT_KEY)
    assert (opened.public, opened.sign(b"message")) == (public, signature)


@pytest.mark.parametrize(("public", "signature"), [(b"", bytes(64)), (bytes(31), bytes(64)), (bytes(32), b"")])
def test_malformed_keys_and_signatures_do_not_verify(public, signature):
    assert not verify_signature(public, b"message", signature)


def test_a_key_is_not_replaced(vault):
    public = vault.keys.create(LOG_KEY)
    with pytest.raises(KeyExistsError, match="log"):
        vault.keys.create(LOG_KEY)
    assert vault.keys.public(LOG_KEY) == public


def test_an_unknown_key_signs_nothing(vault):
    assert not vault.keys.has(LOG_KEY)
    for act in (vault.keys.public, vault.keys.signing_key, lambda name: vault.keys.sign(name, b"x")):
        with pytest.raises(UnknownKeyError, match="log"):
            act(LOG_KEY)


def test_a_destroyed_key_signs_nothing_and_comes_back_as_another(vault):
    people = vault.people(MemorySealedStore())
    public = people.create("person-1")
    assert people.has("person-1")
    assert people.destroy("person-1")
    assert not people.destroy("person-1")
    with pytest.raises(UnknownKeyError):
        people.sign("person-1", b"x")
    assert people.create("person-1") != public


def test_a_sealed_key_moved_to_another_name_does_not_open(vault):
    store = MemorySealedStore()
    people = vault.people(store)
    people.create("person-1")
    store.put({"person-2": store.get(["person-1"])["person-1"]})
    with pytest.raises(SealBrokenError):
        people.sign("person-2", b"x")


def test_a_changed_byte_of_a_sealed_key_is_found(vault):
    store = MemorySealedStore()
    people = vault.people(store)
    people.create("person-1")
    sealed = store.get(["person-1"])["person-1"]
    for where in range(len(sealed)):
        store.delete(["person-1"])
        store.put({"person-1": sealed[:where] + bytes([sealed[where] ^ 1]) + sealed[where + 1 :]})
        with pytest.raises(SealBrokenError):
            people.sign("person-1", b"x")
    for short in (b"", sealed[:1], sealed[:13], sealed[:-1]):
        store.delete(["person-1"])
        store.put({"person-1": short})
        with pytest.raises(SealBrokenError):
            people.public("person-1")


def test_keys_sealed_under_another_master_do_not_open(tmp_path, vault):
    store = MemorySealedStore()
    vault.people(store).create("person-1")
    with pytest.raises(SealBrokenError):
        FileVault.create(tmp_path / "other").people(store).public("person-1")


def test_a_key_and_a_persons_secret_are_sealed_under_different_keys(vault):
    store = MemorySealedStore()
    coder = vault.domain("agreement", store)
    name = coder.secret_name("p")
    vault.people(store).create(name)
    with pytest.raises(SealBrokenError):
        coder.person("p")


def test_a_private_key_never_stands_in_a_file_as_it_is(tmp_path, vault):
    vault.keys.create(PARTICIPANT_KEY)
    raw = vault.keys.signing_key(PARTICIPANT_KEY)._key.private_bytes_raw()
    for path in (tmp_path / "vault").rglob("*"):
        if path.is_file():
            assert raw not in path.read_bytes()
