"""The master secret behind a key service: what lies on disk, what happens when the service is away or says no."""

from __future__ import annotations

import base64
import json
import secrets
from functools import partial

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.outbound.client import Outbound
from connector.outbound.transit import Transit
from connector.vault import (
    FileVault,
    KeyServiceError,
    MemorySealedStore,
    VaultFileError,
    VaultLockedError,
    Watched,
    WrappedVault,
    open_vault,
)
from connector.vault.wrapped import token_in, unwrap, wrap
from tests.unit.connector.outbound.conftest import serving  # noqa: F401 - the scripted server

TOKEN = "hvs.token-of-the-test"


class Service:
    """The transit engine over real HTTP: AES-GCM under a key that never leaves it."""

    def __init__(self) -> None:
        self.cipher, self.status, self.shape = AESGCM(secrets.token_bytes(32)), 200, None

    async def script(self, peer, head: bytes, body: bytes) -> bytes:
        if f"x-vault-token: {TOKEN}".encode() not in head.lower().replace(TOKEN.lower().encode(), TOKEN.encode()):
            return _http(403, {"errors": ["permission denied on path transit/x for policy secret-policy"]})
        if self.status != 200:
            return _http(self.status, {"errors": ["sealed, at node internal-7"]})
        asked = json.loads(body)
        if self.shape is not None:
            return _http(200, self.shape)
        if b"/v1/transit/encrypt/concord " in head:
            nonce = secrets.token_bytes(12)
            sealed = nonce + self.cipher.encrypt(nonce, base64.b64decode(asked["plaintext"]), None)
            return _http(200, {"data": {"ciphertext": f"vault:v1:{base64.b64encode(sealed).decode()}"}})
        sealed = base64.b64decode(asked["ciphertext"].removeprefix("vault:v1:"))
        plain = self.cipher.decrypt(sealed[:12], sealed[12:], None)
        return _http(200, {"data": {"plaintext": base64.b64encode(plain).decode()}})


def _http(status: int, value: object) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    return file


@pytest.fixture
async def transit(serving, token):  # noqa: F811
    engine = Service()
    peer = await serving(engine.script)
    async with Outbound() as outbound:
        made = Transit(outbound, peer.origin, "concord", partial(token_in, token), allow_http=True)
        made.engine = engine
        yield made


@pytest.fixture
def folder(tmp_path):
    FileVault.create(tmp_path / "vault").keys.create("participant")
    return tmp_path / "vault"


async def test_wrapped_nothing_on_the_disk_opens_the_vault_and_the_service_does(folder, transit):
    store = MemorySealedStore()
    before = FileVault(folder).domain("a", store).person("p").code
    public, master = FileVault(folder).keys.public("participant"), (folder / "master.secret").read_bytes()
    await wrap(folder, transit)
    kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert master not in kept
    assert base64.b64encode(master) not in kept
    assert not (folder / "master.secret").exists()
    vault = await open_vault(folder, transit)
    assert isinstance(vault, WrappedVault)
    assert (vault.domain("a", store).person("p").code, vault.keys.public("participant")) == (before, public)
    with pytest.raises(VaultFileError, match="there is no vault here"):
        FileVault(folder)
    with pytest.raises(VaultFileError, match="no key service"):
        await open_vault(folder, None)


async def test_unwrapped_it_is_as_it_was(folder, transit):
    master = (folder / "master.secret").read_bytes()
    await wrap(folder, transit)
    await unwrap(folder, transit)
    assert (folder / "master.secret").read_bytes() == master
    assert not (folder / "master.wrapped").exists()
    assert type(await open_vault(folder, transit)) is FileVault


async def test_a_service_that_does_not_give_it_back_changes_nothing(folder, transit):
    transit.engine.shape = {"data": {"ciphertext": "vault:v1:AAAA", "plaintext": base64.b64encode(b"x" * 32).decode()}}
    with pytest.raises(KeyServiceError, match="nothing was changed"):
        await wrap(folder, transit)
    assert (folder / "master.secret").exists()
    assert not (folder / "master.wrapped").exists()


async def test_wrapped_by_another_key_it_does_not_open(folder, transit):
    await wrap(folder, transit)
    transit.name = "transit:transit/other"
    with pytest.raises(VaultFileError, match="another key"):
        await open_vault(folder, transit)


@pytest.mark.parametrize(("status", "words"), [(403, "refuses our token"), (503, "is sealed"), (404, "no such engine"),
                                               (500, "status 500"), (302, "status 302")])  # fmt: skip
async def test_a_refusal_says_which_and_nothing_of_the_service_itself(folder, transit, status, words):
    await wrap(folder, transit)
    transit.engine.status = status
    with pytest.raises(KeyServiceError, match=words) as caught:
        await open_vault(folder, transit)
    assert "internal-7" not in str(caught.value)
    assert "policy" not in str(caught.value)


@pytest.mark.parametrize("shape", [[], {"data": None}, {"data": {"plaintext": 7}}, {"data": {"plaintext": "*"}}, "x"])
async def test_an_answer_of_another_shape_opens_nothing(folder, transit, shape):
    await wrap(folder, transit)
    transit.engine.shape = shape
    with pytest.raises(KeyServiceError, match="do not understand"):
        await open_vault(folder, transit)


async def test_a_token_that_others_can_read_is_not_used(folder, transit, token):
    token.chmod(0o644)
    with pytest.raises(KeyServiceError, match="0600"):
        await wrap(folder, transit)


async def test_an_unreachable_service_is_told_apart(folder, token):
    async with Outbound() as outbound:
        away = Transit(outbound, "http://127.0.0.1:9", "concord", partial(token_in, token), allow_http=True)
        with pytest.raises(KeyServiceError, match="cannot be reached"):
            await wrap(folder, away)


async def test_the_vault_is_locked_after_two_looks_without_a_word_and_opens_again(folder, transit):
    await wrap(folder, transit)
    vault, heard = await open_vault(folder, transit), []
    watched = Watched(vault)
    transit.engine.status = 503
    await watched.look(heard.append)
    vault.domain("a", MemorySealedStore())  # one look without an answer is no lock
    await watched.look(heard.append)
    for use in (lambda: vault.domain("a", MemorySealedStore()), lambda: vault.box("x"),
                lambda: vault.people(MemorySealedStore())):  # fmt: skip
        with pytest.raises(VaultLockedError, match="sealed"):
            use()
    transit.engine.status = 200
    await watched.look(heard.append)
    vault.domain("a", MemorySealedStore())
    assert heard == ["the key service is sealed", ""]


async def test_a_service_that_opens_another_secret_locks_too(folder, transit):
    await wrap(folder, transit)
    vault, heard = await open_vault(folder, transit), []
    watched = Watched(vault)
    transit.engine.shape = {"data": {"plaintext": base64.b64encode(b"y" * 32).decode()}}
    await watched.look(heard.append)
    await watched.look(heard.append)
    assert "another secret" in vault.locked
