"""The de-identification profile of a contract, for who receives under it: its whole text, by the agreed digest.

The provider hands it to the counter-party of a contract that names it, whether the contract still runs or not: who has
records must be able to say what was done to them. A profile holds rules, no data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from connector.deidentify.profile import Profile, ProfileError, load_profile, packaged_profiles, read_profile
from connector.identity.members import Member
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.ports import Transaction
from connector.problems import Problem, conflict, missing
from connector.records import Agreement
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.steward.profiles import profile_named
from contracts.terms import bound_terms

_ROLES = ("researcher", "steward", "dpo", "operator")


@dataclass(frozen=True, slots=True)
class ContractProfile:
    """What a contract says is done to records: the profile it names, with its text. `standing`: of the contract."""

    agreement: str
    name: str
    version: str
    digest: str
    title: str
    summary: str
    text: str
    standing: str


class ContractProfiles:
    """Either side of a contract reads the profile in it; a provider hands it out."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def of(self, actor: Actor, agreement: str) -> ContractProfile:
        """The profile of a contract of ours, in either role. Raises Problem 403, 404, 409, 502."""
        require(actor, *_ROLES)
        found = await self._context.store.read(lambda tx: tx.get(Agreement, agreement))
        ours = "researcher" if found is not None and found.role == "consumer" else "steward"
        if found is None or actor.role not in (ours, "dpo", "operator"):
            raise missing("There is no such contract here")
        if not _pinned(found):
            raise missing("This contract names no profile")
        if found.role == "provider":
            profile = await self._context.store.read(lambda tx: _kept(tx, found))
        else:
            profile = _packaged(_pinned(found)) or await self._fetched(found)
        return _shown(found, profile)

    async def hand_out(self, sender: Member, agreement: str) -> dict[str, Any]:
        """`GET /consent/profiles?agreement=`: for the consumer of that contract only. Raises Problem 404, 410."""
        found = await self._context.store.read(lambda tx: tx.get(Agreement, agreement))
        if found is None or found.counterparty != sender.id or found.role != "provider" or not _pinned(found):
            raise missing("There is no such contract between us")
        profile = await self._context.store.read(lambda tx: _kept(tx, found))
        return {"profile": profile.pinned, "text": profile.text}

    async def _fetched(self, agreement: Agreement) -> Profile:
        """From the provider; what it sends counts only when it is what the contract names, digest and all."""
        members = self._context.members
        try:
            address = f"{members.exchange(agreement.counterparty)}/profiles?agreement={quote(agreement.id, '')}"
            answer = await members.fetch(agreement.counterparty, address)
        except (OutboundRefused, Unreachable):
            raise Problem(502, "not-reached", "The provider cannot be reached", "", None, "the same later") from None
        if not answer.ok:
            detail = f"it answered with status {answer.status}"
            raise Problem(502, "no-profile", "The provider does not give out the profile", detail)
        try:
            profile = read_profile(str(orjson.loads(answer.body)["text"]))
        except (ValueError, KeyError, TypeError):
            profile = None
        if profile is None or profile.pinned != _pinned(agreement):
            raise conflict("What the provider sent is not the profile of this contract", "another-profile")
        return profile


def why_none(pinned: str) -> str:
    """Why the profile that a contract names is not here, in words for both sides."""
    name, _, digest = pinned.partition(":")
    if name in packaged_profiles() and load_profile(name).digest != digest:
        return (
            f"The contract names an earlier version of {name}, which does not come with this Concord any more; "
            f"the version here is {load_profile(name).version}. Agree on terms that name it, or keep the older Concord"
        )
    return "The profile that the contract names is not kept here any more, or cannot be read"


def _kept(tx: Transaction, agreement: Agreement) -> Profile:
    """Raises Problem 410."""
    pinned = _pinned(agreement)
    for release in ("R4", "R5", "R4B"):
        found = profile_named(tx, pinned, release)
        if found is not None and found.pinned == pinned:
            return found
    raise Problem(410, "no-profile", "The profile of this contract is gone", why_none(pinned))


def _pinned(agreement: Agreement) -> str:
    """What the terms say; empty when they name none."""
    try:
        return bound_terms(agreement.policy or {}).profile or agreement.profile
    except ValueError:
        return agreement.profile


def _packaged(pinned: str) -> Profile | None:
    """One that comes with Concord too is the same, whoever reads it: its digest says so."""
    try:
        found = load_profile(pinned.partition(":")[0])
    except ProfileError:
        return None
    return found if found.pinned == pinned else None


def _shown(agreement: Agreement, profile: Profile) -> ContractProfile:
    return ContractProfile(
        agreement.id, profile.name, profile.version, profile.digest, profile.title, profile.summary, profile.text,
        agreement.standing,
    )  # fmt: skip
