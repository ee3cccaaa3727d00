"""De-identification profiles at a provider: those that come with Concord, and a steward's own, by digest.

A changed file is a new version with a digest of its own. Contracts keep the one they name: an own profile is kept as
long as there is this store, and its name means the version that was added last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace

from connector.deidentify.checking import Finding, check
from connector.deidentify.comparing import difference
from connector.deidentify.coverage import Coverage
from connector.deidentify.profile import FHIR, Profile, ProfileError, load_profile, packaged_profiles, read_profile
from connector.ports import Parcel, Task, Transaction
from connector.problems import conflict, invalid, missing
from connector.records import Agreement, Dataset, OwnProfile, Person, Source, SourceRecord
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.steward.profile_views import (
    ProfileCheck,
    ProfileCoverage,
    ProfileDifference,
    ProfileRow,
    ProfileText,
)
from connector.vault.coders import PersonCoder

MOST_RECORDS = 20_000
_ROLES = ("steward", "operator")
_PACKAGED = frozenset(packaged_profiles())
ACTIVE, REPLACED, RETIRED = "active", "replaced", "retired"
_LONGEST_WHY = 500


def is_own(profile: Profile) -> bool:
    """Whether a profile is this participant's own: then a worker needs its text."""
    return profile.name not in _PACKAGED


def profile_named(tx: Transaction, pinned: str, release: str = "R4") -> Profile | None:
    """The profile that a contract pins as `name:digest`; None when it is not here, is broken, or not for this release.

    Of a packaged one there is only the version in use, which may be another than the contract's: compare `pinned`.
    """
    name, _, digest = pinned.partition(":")
    try:
        if name in _PACKAGED:
            profile = load_profile(name)
        else:
            row = tx.get(OwnProfile, digest) if digest else None
            if row is None or (profile := read_profile(row.text)).pinned != pinned:
                return None
        profile.fits(release)
    except ProfileError:
        return None
    return profile


def profile_offered(tx: Transaction, name: str) -> Profile:
    """The profile for a new offer: one that is not retired. Raises `ProfileError`."""
    profile = profile_chosen(tx, name)
    row = tx.get(OwnProfile, profile.digest) if is_own(profile) else None
    if row is not None and row.standing == RETIRED:
        raise ProfileError(f"the profile {profile.name} {profile.version} is retired; contracts that name it keep it")
    return profile


def profile_chosen(tx: Transaction, name: str) -> Profile:
    """The profile a steward means: by name the newest, or exactly one by `name:digest`. Raises `ProfileError`."""
    if ":" in name:
        found = profile_named(tx, name)
        if found is None or found.pinned != name:
            raise ProfileError("there is no profile of this name and digest here")
        return found
    if name in _PACKAGED:
        return load_profile(name)
    rows = tx.find(OwnProfile, name=name, order="-added_at", limit=1)
    if not rows:
        known = sorted({*_PACKAGED, *(row.name for row in _own(tx))})
        raise ProfileError(f"no such de-identification profile; there are: {', '.join(known)}")
    return read_profile(rows[0].text)


class Profiles:
    """Profiles as the steward sees, checks, adds and tries them. Every method raises Problem 403 for another role."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def rows(self, actor: Actor) -> list[ProfileRow]:
        """Every profile there is here, the packaged ones first, own ones by name and age."""
        require(actor, *_ROLES)
        return await self._context.store.read(lambda tx: list(_rows(tx)))

    async def show(self, actor: Actor, name: str) -> ProfileText:
        """One profile with its text, by name or `name:digest`. Raises Problem 404."""
        require(actor, *_ROLES)

        def query(tx: Transaction) -> ProfileText:
            profile = _found(tx, name)
            return ProfileText(next(row for row in _rows(tx) if row.digest == profile.digest), profile.text)

        return await self._context.store.read(query)

    async def check(self, actor: Actor, text: str) -> ProfileCheck:
        """Look through the text of a profile file, before anything is done with it."""
        require(actor, *_ROLES)
        return await asyncio.to_thread(checked, text)

    async def add(self, actor: Actor, text: str) -> ProfileRow:
        """Keep a profile of our own; the same text again changes nothing. Raises Problem 400, 409 (also: retired)."""
        require(actor, *_ROLES)
        looked = await asyncio.to_thread(check, text)
        profile = looked.profile
        if profile is None:
            first = looked.faults[0]
            raise invalid(first.words, f"line {first.line}", "a file that `concord profile check` has no fault with")
        if profile.name in _PACKAGED:
            raise conflict("A profile of this name comes with Concord; give yours another one")
        await self._context.store.write(lambda tx: self._keep(tx, profile, actor))
        return (await self.show(actor, profile.pinned)).profile

    async def retire(self, actor: Actor, name: str, why: str) -> ProfileRow:
        """Offer nothing under one of our own any more; contracts that name it keep it until their end.

        Raises Problem 400, 404, 409 while a dataset in the catalogue is offered under it.
        """
        require(actor, *_ROLES)
        words = " ".join(why.split())
        if not 0 < len(words) <= _LONGEST_WHY:
            raise invalid("It is not said why", "why", f"1 to {_LONGEST_WHY} characters")
        pinned = await self._context.store.write(lambda tx: self._retire(tx, name, words, actor))
        return (await self.show(actor, pinned)).profile

    def _retire(self, tx: Transaction, name: str, why: str, actor: Actor) -> str:
        profile = _found(tx, name)
        row = tx.get(OwnProfile, profile.digest) if is_own(profile) else None
        if row is None:
            raise conflict("This profile comes with Concord; offer under another one", "not-our-own")
        if row.standing == RETIRED:
            return profile.pinned
        if offered := tx.count(Dataset, standing="published", profile=profile.pinned):
            raise conflict(
                f"{offered} datasets in the catalogue are offered under it", "still-offered", "their withdrawal first"
            )
        tx.change(row, standing=RETIRED)
        facts = {"name": profile.name, "version": profile.version, "why": why, "by": actor.entry}
        self._context.log(tx, "profile.retired", profile.digest, facts)
        return profile.pinned

    def _keep(self, tx: Transaction, profile: Profile, actor: Actor) -> None:
        known = tx.get(OwnProfile, profile.digest)
        if known is not None and known.standing == RETIRED:
            raise conflict("This profile is retired", "retired", "another version")
        if known is not None:
            return
        before = tx.find(OwnProfile, name=profile.name)
        if any(row.version == profile.version for row in before):
            raise conflict("There is a profile of this name and version with other rules; raise its version")
        tx.alter(OwnProfile, {"standing": REPLACED}, name=profile.name, standing=ACTIVE)
        tx.add(OwnProfile(
            digest=profile.digest, name=profile.name, version=profile.version, text=profile.text,
            added_at=self._context.clock(), added_by=actor.account,
        ))  # fmt: skip
        facts = {"name": profile.name, "version": profile.version, "by": actor.entry}
        self._context.log(tx, "profile.added", profile.digest, facts)

    async def difference(self, actor: Actor, before: str, after: str, release: str = "R4") -> ProfileDifference:
        """What one profile does otherwise than another. Raises Problem 400, 404."""
        require(actor, *_ROLES)
        old, new = await self._context.store.read(lambda tx: (_found(tx, before), _found(tx, after)))
        return compared(old, new, release)

    async def coverage(self, actor: Actor, name: str, source: str, limit: int) -> ProfileCoverage:
        """What a profile would do to records of a source, at most `limit` of them. Raises Problem 400, 404."""
        require(actor, *_ROLES)
        most = min(max(limit, 1), MOST_RECORDS)
        profile, kept = await self._context.store.read(lambda tx: (_found(tx, name), tx.get(Source, source)))
        if kept is None:
            raise missing("There is no such source here")
        if profile.format != FHIR or kept.kind != "fhir":
            raise invalid(
                "Coverage is told of FHIR records, by a profile for these", "source", "a source of FHIR records"
            )
        try:
            profile.fits(kept.release)
        except ProfileError as fault:
            raise invalid(str(fault), "profile") from None
        people = await self._context.store.read(
            lambda tx: [(one.id, one.source_id) for one in tx.find(Person, source=source, order="id")]
        )
        counting, seen, looked = Coverage(profile, kept.release), 0, 0
        for person, subject in people:
            if seen >= most:
                break
            bodies = await self._context.store.read(lambda tx, of=person: _bodies(tx, of))  # type: ignore[misc]
            await self._count(counting, profile, kept.release, subject, tuple(bodies[: most - seen]))
            seen, looked = seen + len(bodies[: most - seen]), looked + 1
        told = counting.report()
        return ProfileCoverage(
            told.profile, told.release, kept.name, looked, len(people), told.records, told.released, told.kinds,
            told.listed, told.unknown, told.unused, told.refused,
        )  # fmt: skip

    async def _count(
        self, counting: Coverage, profile: Profile, release: str, subject: str, bodies: tuple[bytes, ...]
    ) -> None:
        """Records of one person, under codes that are made for this and kept nowhere."""
        parcel = Parcel(PersonCoder(self._context.random(32)), subject, bodies, ())
        text = profile.text if is_own(profile) else ""
        task = Task(profile.name, profile.digest, self._context.clock().date(), (parcel,), text, release)
        (prepared,) = await self._context.data.renderer.render(task)
        await asyncio.to_thread(_compared, counting, bodies, prepared.lines)


def checked(text: str) -> ProfileCheck:
    """What `check` finds, as the doors show it."""
    looked = check(text)
    try:
        profile: Profile | None = looked.profile or read_profile(text)
    except ProfileError:
        profile = None
    named = (profile.name, profile.version, profile.digest) if profile else ("", "", "")
    faults = list(looked.faults)
    if profile is not None and profile.name in _PACKAGED and load_profile(profile.name).digest != profile.digest:
        faults.append(Finding(0, "a profile of this name comes with Concord: give yours another name"))
    return ProfileCheck(not faults, *named, faults, list(looked.warnings))


def compared(before: Profile, after: Profile, release: str) -> ProfileDifference:
    """What two profiles do otherwise, as the doors show it. Raises Problem 400 when one is not for this release."""
    try:
        told = difference(before, after, release)
    except ProfileError as fault:
        raise invalid(str(fault), "release", "a release that both profiles are for") from None
    return ProfileDifference(before.pinned, after.pinned, release, told.kept, told.dropped, told.changed, told.lists)


def _compared(counting: Coverage, bodies: Iterable[bytes], lines: Iterable[bytes | str]) -> None:
    for body, line in zip(bodies, lines, strict=True):
        counting.add(body, line)


def _bodies(tx: Transaction, person: str) -> list[bytes]:
    return [row.body for row in tx.find(SourceRecord, person=person, deleted=False)]


def _own(tx: Transaction) -> list[OwnProfile]:
    """Our own profiles; rows with a colon in their name are foreign rule files, kept in the same place."""
    return [row for row in tx.find(OwnProfile, order="name") if ":" not in row.name]


def _found(tx: Transaction, name: str) -> Profile:
    try:
        return profile_chosen(tx, name)
    except ProfileError as fault:
        raise missing(str(fault)) from None


def _rows(tx: Transaction) -> Iterator[ProfileRow]:
    for name in sorted(_PACKAGED):
        yield _row(tx, load_profile(name), own=False)
    for kept in _own(tx):
        try:
            row = replace(_row(tx, read_profile(kept.text), own=True), standing=kept.standing)
        except ProfileError as fault:
            row = ProfileRow(kept.name, kept.version, kept.digest, "", str(fault), "", [], True, "unreadable")
        yield replace(row, added_at=kept.added_at, added_by=kept.added_by)


def _row(tx: Transaction, profile: Profile, *, own: bool) -> ProfileRow:
    used = {"profile": profile.pinned}
    return ProfileRow(
        profile.name, profile.version, profile.digest, profile.title, profile.summary, profile.format,
        list(profile.releases), own, datasets=tx.count(Dataset, standing="published", **used),
        agreements=tx.count(Agreement, role="provider", **used),
    )  # fmt: skip
