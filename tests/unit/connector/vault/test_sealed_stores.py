"""One suite for every store of sealed secrets; what a store does not do here, the vault may not rely on."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.vault import FileSealedStore, MemorySealedStore, VaultFileError


@pytest.fixture(params=["memory", "files"])
def store(request, tmp_path):
    return MemorySealedStore() if request.param == "memory" else FileSealedStore(tmp_path / "keys")


def test_what_was_put_is_got_by_its_name_only(store):
    assert store.put({"a": b"1", "b": b"2"}) == {"a": b"1", "b": b"2"}
    assert store.get(["a", "c"]) == {"a": b"1"}
    assert store.get([]) == {}


def test_the_first_secret_under_a_name_stands(store):
    store.put({"a": b"first"})
    assert store.put({"a": b"second", "b": b"new"}) == {"a": b"first", "b": b"new"}
    assert store.get(["a"]) == {"a": b"first"}


def test_writers_at_once_agree_on_one_secret(store):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: store.put({"a": b"%d" % number})["a"], range(40)))
    assert set(answers) == {store.get(["a"])["a"]}


def test_a_destroyed_secret_is_gone_and_its_name_free(store):
    store.put({"a": b"1", "b": b"2"})
    assert store.delete(["a", "c"]) == 1
    assert store.get(["a", "b"]) == {"b": b"2"}
    assert store.delete(["a"]) == 0
    assert store.put({"a": b"3"}) == {"a": b"3"}


def test_key_files_are_for_their_owner_alone(tmp_path):
    store = FileSealedStore(tmp_path / "keys")
    store.put({"log": b"sealed"})
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["log.key"]
    assert stat.S_IMODE((tmp_path / "keys/log.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_file_others_can_read_is_refused(tmp_path, mode):
    store = FileSealedStore(tmp_path / "keys")
    store.put({"log": b"sealed"})
    (tmp_path / "keys/log.key").chmod(mode)
    with pytest.raises(VaultFileError, match="0600"):
        store.get(["log"])


def test_a_directory_others_can_enter_is_refused(tmp_path):
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(VaultFileError, match="0700"):
        FileSealedStore(tmp_path / "keys")


def test_a_link_in_place_of_a_key_file_is_refused(tmp_path):
    store = FileSealedStore(tmp_path / "keys")
    (tmp_path / "elsewhere").write_bytes(b"x")
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / "keys/log.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultFileError):
        store.get(["log"])


@pytest.mark.parametrize("name", ["", "../log", "a/b", ".log", "Log", "log.key", "a" * 101, "-x", "a\0"])
def test_a_name_that_is_no_plain_file_name_is_refused(tmp_path, name):
    store = FileSealedStore(tmp_path / "keys")
    with pytest.raises(VaultFileError, match="name of a key"):
        store.put({name: b"x"})
    assert list((tmp_path / "keys").iterdir()) == []
