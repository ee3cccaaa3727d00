"""Opening a participant's vault: with the master secret on its own disk, or unwrapped by the key service it names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from connector.founding import VAULT
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused
from connector.outbound.transit import Transit
from connector.problems import Problem, invalid
from connector.settings import Settings
from connector.vault import FileVault, KeyService, VaultError, open_vault
from connector.vault.wrapped import token_in


def key_service(settings: Settings, outbound: Outbound) -> KeyService | None:
    """The key service of the settings, None when they name none. Raises Problem 400 for an address we may not call."""
    if settings.key_service_token_file is None:
        return None
    try:
        return Transit(
            outbound, settings.key_service_url, settings.key_service_key,
            partial(token_in, settings.key_service_token_file),
            mount=settings.key_service_mount, allow_http=settings.environment == "development",
        )  # fmt: skip
    except OutboundRefused as refused:
        raise invalid(
            f"The key service's address cannot be used: {refused}", "key_service_url", "an https address"
        ) from None


async def opened(settings: Settings, outbound: Outbound) -> FileVault:
    """The vault of a participant. Raises Problem 503 with one clear line when it does not open."""
    try:
        return await open_vault(settings.directory / VAULT, key_service(settings, outbound))
    except VaultError as fault:
        raise shut(fault) from None


def shut(fault: VaultError) -> Problem:
    """The vault does not open, as a problem."""
    return Problem(503, "vault-shut", "The vault does not open", str(fault), "vault")


def opened_beside(settings: Settings) -> FileVault:
    """The same for a command beside a participant that does not run."""

    async def once() -> FileVault:
        async with Outbound() as outbound:
            return await opened(settings, outbound)

    return asyncio.run(once())


@asynccontextmanager
async def service_of(settings: Settings) -> AsyncIterator[tuple[KeyService, Path]]:
    """The key service and the vault's directory, for moving the master secret. Raises Problem 400 without a service."""
    async with Outbound() as outbound:
        service = key_service(settings, outbound)
        if service is None:
            raise invalid(
                "The settings name no key service", "key_service_url", "its address, and key_service_token_file"
            )
        yield service, settings.directory / VAULT
