"""De-identifying what somebody sends: by an allow-list profile, or by a foreign rule file that the steward added.

For who has a FHIR resource and wants it back without what identifies; it is no release: nobody's consent is asked,
nothing is kept or logged of what comes through, and whoever may use it has the record already. Releases use allow-list
profiles only. Keys come from the vault, a set for each rule set and profile by its name, so that the outputs of two
cannot be joined; the keys that stand in a rule file are not taken over.

A rule file is kept as an `OwnProfile` record: its name behind `rules:`, what stood in it without its keys as the text.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from threading import Lock
from typing import Any, NamedTuple

from connector.deidentify.foreign.reading import RuleFile, read_document, read_file
from connector.deidentify.foreign.report import Finding, Refused, RuleFileError
from connector.deidentify.foreign.ruleset import RuleSet
from connector.deidentify.profile import FHIR, Profile, ProfileError
from connector.ports import Parcel, Task, Transaction
from connector.problems import Problem, conflict, invalid, missing
from connector.records import OwnProfile
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.steward.profiles import is_own, profile_chosen
from connector.sources.fhir_error import SourceError
from connector.sources.fhir_reading import Prepared, prepare
from connector.vault.coders import PersonCoder
from connector.vault.foreign_ciphers import RuleSetKeys, rule_set_keys

ROLES = ("steward", "operator")
PREFIX = "rules:"
LONGEST_NAME = 60
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
INLINE = 65_536
"""Bytes up to which a body is de-identified at once; a longer one in a thread, so that others need not wait for it."""
NOT_HERE = frozenset({"withheld-type", "unknown-type"})
_FRESH = 1.0
"""Seconds for which a rule set is taken as it was found last."""
_WORDS = {
    "not-json": "it is no JSON", "too-deep": "it is nested too deeply", "shape": "a value of another kind than FHIR's",
    "unknown-type": "no kind of resource that this release of FHIR knows", "removed": "a rule takes all of it away",
    "unknown-element": "FHIR knows no such element here", "generalize": "a case cannot be answered for this value",
    "condition": "the condition of a rule cannot be answered here", "number": "a number cannot be changed as asked",
    "date": "a date cannot be moved", "rule": "a rule cannot be run here", "key": "there is no key for a rule",
    "withheld-type": "the profile lets no resource of this kind leave", "leak": "an identifier was found in the result",
    "no-subject": "it does not say whom it is about", "modifier-extension": "an extension that changes its meaning",
    "implicit-rules": "it is under rules of its own", "foreign-subject": "it is about somebody else",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RuleSetRow:
    """A rule file that was added: `format` microsoft or miracum, `notes` what is worth knowing about it."""

    name: str
    digest: str
    format: str
    release: str
    rules: int
    notes: list[str] = field(default_factory=list)
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RuleFileReport:
    """What a rule file holds: usable when nothing is refused."""

    usable: bool
    format: str
    release: str
    rules: int
    refused: list[str]
    notes: list[str]


class Done(NamedTuple):
    """What came of a body: the bytes to hand back, and how many resources of a Bundle stayed behind."""

    body: bytes
    withheld: int = 0


@dataclass(slots=True)
class _Ready:
    """A rule set or profile ready for use: what it was made of, when that was last looked at, and its keys."""

    digest: str
    looked: float
    keys: RuleSetKeys
    rules: RuleSet | None = None
    profile: Profile | None = None
    scope: str = ""
    lock: Lock = field(default_factory=Lock)

    def by_rules(self, body: bytes, as_of: date) -> Done:
        """What a rule set makes of a body. Raises Refused."""
        with self.lock:
            assert self.rules is not None  # noqa: S101 - only asked where there are some
            return Done(self.rules.apply(body, as_of, self.scope))


class Deidentifying:
    """Rule sets, and what is done with them. Every method raises Problem 403 for other roles than the steward's."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ready: dict[str, _Ready] = {}

    async def rows(self, actor: Actor) -> list[RuleSetRow]:
        """Every rule set there is here."""
        require(actor, *ROLES)
        kept = await self._context.store.read(_kept)
        return [_row(one) for one in kept]

    async def check(self, actor: Actor, text: str) -> RuleFileReport:
        """What there is to say about a rule file, before anything is done with it."""
        require(actor, *ROLES)
        return await asyncio.to_thread(report, text)

    async def add(self, actor: Actor, name: str, text: str) -> RuleSetRow:
        """Keep a rule file under a name. Raises Problem 400 when it cannot be used, 409 when the name is taken."""
        require(actor, *ROLES)
        if len(name) > LONGEST_NAME or _NAME.fullmatch(name) is None:
            raise invalid(
                "This is not a name", "name", "small letters, digits and single hyphens, such as safe-harbor-1"
            )
        file, findings = await asyncio.to_thread(_usable, text)
        notes = [str(one) for one in findings]
        row = OwnProfile(
            digest=file.digest, name=PREFIX + name, version="", text=_text(file, notes), standing="active",
            added_at=self._context.clock(), added_by=actor.account,
        )  # fmt: skip
        await self._context.store.write(lambda tx: self._keep(tx, row, actor, len(file.rules)))
        self._ready.pop(name, None)
        return _row(row)

    def _keep(self, tx: Transaction, row: OwnProfile, actor: Actor, rules: int) -> None:
        if tx.find(OwnProfile, name=row.name):
            raise conflict("There is a rule set of this name; take it away first, or choose another name")
        if tx.get(OwnProfile, row.digest) is not None:
            raise conflict("This very file is here already, under another name")
        tx.add(row)
        facts = {"name": row.name.removeprefix(PREFIX), "rules": rules, "by": actor.entry}
        self._context.log(tx, "rules.added", row.digest, facts)

    async def remove(self, actor: Actor, name: str) -> None:
        """Take a rule set away. Added again under this name, its keys are the same. Raises Problem 404."""
        require(actor, *ROLES)

        def command(tx: Transaction) -> None:
            found = tx.find(OwnProfile, name=PREFIX + name)
            if not found:
                raise missing("There is no rule set of this name here")
            tx.remove(OwnProfile, name=PREFIX + name)
            self._context.log(tx, "rules.removed", found[0].digest, {"name": name, "by": actor.entry})

        await self._context.store.write(command)
        self._ready.pop(name, None)

    async def apply(self, actor: Actor, body: bytes, profile: str) -> Done:
        """De-identify one body under a named rule set or a packaged profile. Raises Problem 400, 403, 404, 413, 422."""
        require(actor, *ROLES)
        now = self._context.clock()
        ready = self._ready.get(profile)
        if ready is None or now.timestamp() - ready.looked > _FRESH:
            ready = await self._looked(profile, now)
        try:
            if ready.profile is not None:
                return await self._by_profile(ready, ready.profile, body, now.date())
            if len(body) <= INLINE:
                return ready.by_rules(body, now.date())
            return await asyncio.to_thread(ready.by_rules, body, now.date())
        except Refused as refused:
            raise unfit(refused.code, refused.where) from None
        except SourceError as fault:
            raise unfit("source", fault.where or "/", fault.accepted, fault.what) from None

    async def _looked(self, name: str, now: datetime) -> _Ready:
        known = self._ready.get(name)
        rows = await self._context.store.look(lambda tx: tx.find(OwnProfile, name=PREFIX + name))
        profile = None if rows else await self._profile(name)
        digest = rows[0].digest if profile is None else profile.digest
        if known is not None and known.digest == digest:
            known.looked = now.timestamp()
            return known
        keys = rule_set_keys(self._context.vault, f"{'profile' if profile else 'rules'} {name}")
        found = _Ready(digest, now.timestamp(), keys, None, profile, name)
        if profile is None:
            found.rules = await asyncio.to_thread(_compiled, rows[0], keys)
        self._ready[name] = found
        return found

    async def _profile(self, name: str) -> Profile:
        try:
            profile = await self._context.store.look(lambda tx: profile_chosen(tx, name))
        except ProfileError:
            raise missing("There is no profile and no rule set of this name here", "unknown-profile") from None
        if profile.format != FHIR:
            raise invalid("This profile is not for FHIR records", "profile", "a profile for FHIR records")
        return profile

    async def _by_profile(self, ready: _Ready, profile: Profile, body: bytes, as_of: date) -> Done:
        """What an allow-list makes of a body, as in a release: in a worker, searched for identifiers afterwards."""
        prepared = await asyncio.to_thread(prepare, body, lambda _: True)
        order = _people(prepared)
        parcels = tuple(
            Parcel(
                PersonCoder(ready.keys.person(person)), person,
                tuple(one.body for one, whose in zip(prepared.records, order, strict=True) if whose == person),
                tuple(prepared.identifiers),
            )
            for person in dict.fromkeys(order)
        )  # fmt: skip
        text = profile.text if is_own(profile) else ""
        done = await self._context.data.renderer.render(Task(profile.name, profile.digest, as_of, parcels, text))
        if any(one.leaks for one in done):
            raise unfit("leak", "/")
        lines = {person: iter(one.lines) for person, one in zip(dict.fromkeys(order), done, strict=True)}
        return _collected([next(lines[person]) for person in order], single=not _is_bundle(body))


def _people(prepared: Prepared) -> list[str]:
    """Whom each record is about; one about nobody goes with the only person there is. Raises Problem 422."""
    people = {record.subject for record in prepared.records if record.subject is not None}
    only = next(iter(people)) if len(people) == 1 else None
    found = [record.subject or only for record in prepared.records]
    if None in found or prepared.gone:
        raise unfit("no-subject", "/")
    return [person for person in found if person is not None]


def _collected(lines: list[bytes | str], *, single: bool) -> Done:
    """The lines as one body. Kinds that a profile has no words for stay behind; what else is refused ends it."""
    for line in lines:
        if isinstance(line, str) and line not in NOT_HERE:
            raise unfit(line, "/")
    kept = [line.rstrip() for line in lines if isinstance(line, bytes)]
    if single and len(lines) == 1:
        if not kept:
            raise unfit("withheld-type", "/resourceType")
        return Done(kept[0])
    entries = b",".join(b'{"resource":' + line + b"}" for line in kept)
    inside = b',"entry":[' + entries + b"]" if kept else b""
    return Done(b'{"resourceType":"Bundle","type":"collection"' + inside + b"}", len(lines) - len(kept))


def _is_bundle(body: bytes) -> bool:
    found = json.loads(body)
    return isinstance(found, dict) and found.get("resourceType") == "Bundle"


def report(text: str) -> RuleFileReport:
    """What a rule file holds and what is wrong with it."""
    try:
        file, findings = _usable(text)
    except Problem as problem:
        refused = problem.detail.split("; ")
        return RuleFileReport(False, "", "", 0, refused, [])
    return RuleFileReport(True, file.dialect, file.release, len(file.rules), [], [str(one) for one in findings])


def unfit(code: str, where: str, accepted: str | None = None, words: str = "") -> Problem:
    """What was sent cannot be de-identified; nothing of it stands in the words."""
    known = code if code in _WORDS else "unfit"
    words = words or _WORDS.get(code, "a record that cannot be judged")
    return Problem(422, f"not-deidentified-{known}", "This cannot be de-identified", words, where, accepted)


def _usable(text: str) -> tuple[RuleFile, list[Finding]]:
    try:
        file, noted = read_file(text)
        made = RuleSet(file, RuleSetKeys(bytes(32)))
    except RuleFileError as fault:
        raise Problem(
            400, "rules", "This rule file cannot be used", str(fault), None, "rules as the report asks"
        ) from None
    return file, [*noted, *made.findings]


def _text(file: RuleFile, notes: list[str]) -> str:
    return json.dumps({"foreign": file.dialect, "release": file.release, "notes": notes, "document": file.plain})


def _kept(tx: Transaction) -> list[OwnProfile]:
    return [row for row in tx.find(OwnProfile, order="name") if row.name.startswith(PREFIX)]


def _row(kept: OwnProfile) -> RuleSetRow:
    told: dict[str, Any] = json.loads(kept.text)
    return RuleSetRow(
        kept.name.removeprefix(PREFIX), kept.digest, told["foreign"], told["release"],
        len(told["document"]["fhirPathRules"]), told["notes"], kept.added_at and kept.added_at.astimezone(UTC),
    )  # fmt: skip


def _compiled(kept: OwnProfile, keys: RuleSetKeys) -> RuleSet:
    told = json.loads(kept.text)
    file, _ = read_document(told["document"], told["foreign"], kept.digest)
    return RuleSet(file, keys)
