"""No secret shows itself: not in a repr, a format, a log line, or a traceback with every local variable."""

import logging
import traceback

import pytest

from connector.vault import FileVault, MemorySealedStore, VaultError
from connector.vault.secret import Secret


@pytest.fixture
def vault(tmp_path):
    made = FileVault.create(tmp_path / "vault")
    made.keys.create("participant")
    return made


def secrets_of(tmp_path, vault, store):
    """Every secret there is, by the white-box way, in the forms a leak could take."""
    domain = vault.domain("agreement", store)
    name = domain.secret_name("p1")
    raw = [
        (tmp_path / "vault/master.secret").read_bytes(),
        vault.keys.signing_key("participant")._key.private_bytes_raw(),
        domain._domain_key.reveal(),
        domain._naming_key.reveal(),
        domain.person("p1")._key,
        domain._sealer.open(name, store.get([name])[name]).reveal(),
    ]
    # A repr of bytes may cut or escape; a run of eight bytes of it is a leak already.
    return [form for value in raw for form in (value.hex(), repr(value)[2:-1], repr(value[:8])[2:-1], str(list(value)))]


def assert_hidden(text, found):
    assert not [form for form in found if form in text]


def test_objects_of_the_vault_do_not_print_what_they_hold(tmp_path, vault):
    store = MemorySealedStore()
    found = secrets_of(tmp_path, vault, store)
    domain = vault.domain("agreement", store)
    things = [vault, vault.keys, vault.keys.signing_key("participant"), domain, domain.person("p1"), domain.shared()]
    things += [vault._master, vault._signers, domain._sealer]
    for thing in things:
        for text in (repr(thing), str(thing), f"{thing}", f"{[thing]!r}", "%s" % thing, repr({"k": thing})):  # noqa: UP031
            assert_hidden(text, found)
            assert text.count("<") == 1 or text.startswith("[")


def test_a_log_line_with_a_vault_object_holds_no_secret(tmp_path, vault, caplog):
    store = MemorySealedStore()
    found = secrets_of(tmp_path, vault, store)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("t").warning("vault %r domain %s", vault, vault.domain("agreement", store).person("p1"))
    assert "vault" in caplog.text
    assert_hidden(caplog.text, found)


def traceback_below(error):
    """The traceback from the first frame that is not this file's: the frames here hold what they search for."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    shown = traceback.TracebackException(type(error), error, trace, capture_locals=True)
    return "".join(shown.format())


def broken_calls(vault, store):
    """Calls that fail with a secret within reach of the failing frames."""
    domain = vault.domain("agreement", store)
    coder = domain.person("p1")
    name = domain.secret_name("p2")
    store.put({name: b"\x01" + bytes(60), "person": b"\x01" + bytes(60)})
    return [
        lambda: domain.person("p2"),
        lambda: domain.people(["p1", "p2"]),
        lambda: vault.people(store).sign("person", b"x"),
        lambda: vault.people(store).sign("nobody", b"x"),
        lambda: vault.keys.create("participant"),
        lambda: vault.keys.sign("participant", "not bytes"),
        lambda: vault.keys.signing_key("participant").sign(None),
        lambda: coder.id("Patient", "\ud800"),
        lambda: domain.person("\ud800"),
        lambda: vault.domain("\ud800", store),
        lambda: FileVault.create(vault.keys._store._directory.parent),
    ]


@pytest.mark.parametrize("number", range(11))
def test_a_traceback_with_every_local_variable_holds_no_secret(tmp_path, vault, number):
    store = MemorySealedStore()
    found = secrets_of(tmp_path, vault, store)
    call = broken_calls(vault, store)[number]
    with pytest.raises((VaultError, TypeError, ValueError)) as caught:
        call()
    shown = traceback_below(caught.value)
    assert "self = <" in shown or "cls = <" in shown
    assert_hidden(shown, found)


def test_a_damaged_master_secret_is_not_shown_by_its_refusal(tmp_path, vault):
    content = b"half-of-a-master-secret"
    (tmp_path / "vault/master.secret").write_bytes(content)
    with pytest.raises(VaultError) as caught:
        FileVault(tmp_path / "vault")
    assert "half-of" not in traceback_below(caught.value)


def test_the_test_would_see_a_leak(tmp_path, vault):
    found = secrets_of(tmp_path, vault, MemorySealedStore())
    with pytest.raises(AssertionError):
        assert_hidden(f"key={vault._master.reveal()!r}", found)


def test_secrets_compare_by_value_and_are_no_dictionary_keys():
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    with pytest.raises(TypeError):
        hash(Secret(b"a"))
