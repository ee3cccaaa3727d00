"""A master secret behind a real key service, OpenBao or HashiCorp Vault, where one is on the path: wrapped, locked."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connector.outbound.client import Outbound
from connector.outbound.transit import Transit
from connector.vault.errors import KeyServiceError, VaultLockedError
from connector.vault.vault import MASTER, FileVault
from connector.vault.wrapped import WRAPPED, Watched, WrappedVault, open_vault, unwrap, wrap
from tests.servers import hashicorp
from tests.servers.hashicorp import KEY, Server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    program = next(filter(None, map(shutil.which, ("bao", "vault"))), None)
    if program is None:
        pytest.skip("neither OpenBao (bao) nor HashiCorp Vault (vault) is on the path")
    async with hashicorp.running(Path(program), tmp_path) as made:
        yield made


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    FileVault.create(tmp_path / "vault")
    return tmp_path / "vault"


def transit(outbound: Outbound, server: Server, key: str = KEY, **more: str) -> Transit:
    return Transit(outbound, server.origin, key, lambda: server.token, allow_http=True, **more)


async def test_wrapped_it_opens_only_through_the_service_and_unwrapped_it_is_as_before(outbound, server, folder):
    service, sealed = transit(outbound, server), FileVault(folder).box("test").seal("name", b"a secret")
    await wrap(folder, service)
    assert not (folder / MASTER).exists()
    assert b"vault:v1:" in (folder / WRAPPED).read_bytes()
    opened = await open_vault(folder, service)
    assert isinstance(opened, WrappedVault)
    assert opened.box("test").open("name", sealed) == b"a secret"
    await unwrap(folder, service)
    assert FileVault(folder).box("test").open("name", sealed) == b"a secret"


async def test_after_the_key_was_rotated_the_old_wrapping_still_opens(outbound, server, folder):
    service = transit(outbound, server)
    await wrap(folder, service)
    await server.call("POST", f"transit/keys/{KEY}/rotate")
    assert isinstance(await open_vault(folder, service), WrappedVault)
    await server.call("POST", f"transit/keys/{KEY}/config", {"min_decryption_version": 2})
    with pytest.raises(KeyServiceError):
        await open_vault(folder, service)


async def test_a_withdrawn_token_locks_the_vault_and_another_one_opens_it_again(outbound, server, folder):
    await wrap(folder, transit(outbound, server))
    opened = await open_vault(folder, transit(outbound, server))
    assert isinstance(opened, WrappedVault)
    watched, heard = Watched(opened), []
    await watched.look(heard.append)
    assert heard == []
    await server.call("POST", "auth/token/revoke", {"token": server.token})
    for _ in range(2):
        await watched.look(heard.append)
    assert heard == ["the key service refuses our token"]
    with pytest.raises(VaultLockedError):
        opened.box("test")
    server.token = await server.new_token()
    await watched.look(heard.append)
    assert heard[-1] == ""
    opened.box("test")


async def test_a_sealed_service_opens_nothing(outbound, server, folder):
    await wrap(folder, transit(outbound, server))
    await server.call("PUT", "sys/seal")
    with pytest.raises(KeyServiceError, match="is sealed"):
        await open_vault(folder, transit(outbound, server))


async def test_what_is_not_there_or_not_ours_is_said(outbound, server, folder):
    for service in (transit(outbound, server, "another"), transit(outbound, server, mount="elsewhere")):
        with pytest.raises(KeyServiceError, match="refuses our token"):
            await wrap(folder, service)
    assert (folder / MASTER).exists()
    assert not (folder / WRAPPED).exists()
