"""The end of a release: its provenance, its manifest, its record, and word to the wallets, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import orjson

from connector.ports import Archive, Transaction
from connector.provenance.facts import Party, ReleasedFile, ReleaseFacts
from connector.provenance.fhir import fhir_provenance
from connector.provenance.prov import release_ntriples, release_prov
from connector.records import HandedOver, Link, LogCheckpoint, LogEntry, Release
from connector.services.context import Context
from connector.services.duties import occasions
from connector.services.exchange import speech
from connector.services.releasing import uses
from connector.services.releasing.contract import Contract
from connector.services.releasing.course import Course, Over
from connector.services.releasing.manifest import (
    NDJSON,
    PEOPLE_REASONS,
    RESOURCE_REASONS,
    LogState,
    Manifest,
    ReleasedPart,
    UsedProfile,
    folded,
    whole_digest,
)
from connector.services.releasing.permitting import DECIDED, Refused
from connector.services.releasing.validators import software
from policy.canonical import canonical
from policy.reasons import REASONS

_FELL = {
    "consent-changed": "You changed your answer while it was being sent.",
    "leak": "It could not be made sure that your name was removed, so nothing was sent.",
}
"""Why somebody was taken out on the way, where it is no reason of a decision."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A release of which all was handed over: its record with all counts, its files, and what people are told."""

    release: Release
    files: tuple[ReleasedPart, ...]
    told: tuple[uses.Line, ...] = ()
    deletions: int = 0
    reasons: tuple[str, ...] = PEOPLE_REASONS


@dataclass(slots=True)
class Account:
    """What is known at the end of a release beside its record."""

    refused: list[Refused]
    withheld_resources: Counter[str]
    dropped: int = 0

    def withheld(self, course: Course) -> dict[str, int]:
        """People of whom nothing left, by reason; with those released they are all people of the dataset."""
        counts = Counter(one.reason for one in self.refused)
        counts.update(one.fallen or "nothing-released" for one in course.subjects.values() if not one.resources)
        return dict(counts)


def file_stem(release: str) -> str:
    """What the provenance files of a release are called."""
    return release.removeprefix("urn:uuid:")


async def complete(course: Course, account: Account, archive: Archive) -> None:
    """Everything of one body was handed over: state it, signed, before the answer ends. Raises Over."""
    release = course.release
    file = ReleasedPart(
        segment=1, people=release.people, resources=release.resources, bytes=release.bytes,
        sha256=course.digest.hexdigest(),
    )  # fmt: skip
    release = replace(
        release, withheld=account.withheld(course), withheld_resources=dict(account.withheld_resources),
        dropped_elements=account.dropped,
    )  # fmt: skip
    course.release = await conclude(
        course.context, course.contract, Whole(release, (file,), _told(course, account)), archive
    )


async def conclude(context: Context, contract: Contract, whole: Whole, archive: Archive) -> Release:
    """State what left: provenance, manifest, record and word to the wallets, in one transaction. Raises Over."""
    release = replace(
        whole.release, digest=whole_digest(file.sha256 for file in whole.files), finished_at=context.clock(),
        standing="complete",
    )  # fmt: skip
    facts = _facts(context, contract, release, whole)
    document = canonical(release_prov(facts))  # type: ignore[arg-type]
    await archive.keep(f"{file_stem(release.id)}.json", document)
    await archive.keep(f"{file_stem(release.id)}.nt", release_ntriples(facts).encode())
    if facts.files:
        resource = canonical(fhir_provenance(facts))  # type: ignore[arg-type]
        await archive.keep(f"{file_stem(release.id)}.fhir.json", resource)
    release = replace(release, provenance=sha256(document).hexdigest())
    return await context.store.write(lambda tx: _concluded(tx, context, contract, replace(whole, release=release)))


async def broken_off(course: Course, account: Account, standing: str, *, told: bool = False) -> None:
    """The release ended early: note how far it came, and tell the wallets what left unless they were told."""
    context = course.context
    release = replace(
        course.release, standing=standing, withheld=account.withheld(course), finished_at=context.clock(),
        digest=course.digest.hexdigest(), withheld_resources=dict(account.withheld_resources),
    )  # fmt: skip
    lines = () if told else _left(course)

    await context.store.write(lambda tx: cut_short(tx, context, course.contract, release, lines))


def cut_short(
    tx: Transaction, context: Context, contract: Contract | None, release: Release, told: Iterable[uses.Line]
) -> None:
    """Note that a release is over before all of it was handed over, and tell what had left; once."""
    if _save(tx, release):
        context.log(tx, f"release.{release.standing}", release.id, {"release": release.id, "offset": release.offset})
        occasions.released(tx, context, release)
        if contract is not None:
            uses.tell(tx, context, contract, release.id, told, context.clock())
        tx.ring("releases")


def recover(tx: Transaction, context: Context, release: Release, contract: Contract | None) -> None:
    """A release whose process died: it is broken, and its people are told what had left."""
    lines = []
    for handed in tx.find(HandedOver, release=release.id):
        for link in tx.find(Link, person=handed.person, standing=["active", "disputed"]):
            lines.append(uses.Line(link.id, link.wallet, handed.resources))
    cut_short(tx, context, contract, replace(release, standing="broken", finished_at=context.clock()), lines)


def _concluded(tx: Transaction, context: Context, contract: Contract, whole: Whole) -> Release:
    release = replace(whole.release, manifest=_manifest(tx, context, contract, whole))
    if not _save(tx, release):
        raise Over("ended")
    context.log(
        tx, "release.complete", release.id,
        {"release": release.id, "agreement": release.agreement, "people": release.people, "bytes": release.bytes,
         "resources": release.resources, "sha256": release.digest, "provenance": release.provenance,
         "manifest": sha256(release.manifest.encode()).hexdigest()},
    )  # fmt: skip
    occasions.released(tx, context, release)
    uses.tell(tx, context, contract, release.id, whole.told, context.clock())
    tx.ring("releases")
    return release


_STATED = (
    "standing", "digest", "withheld", "withheld_resources", "manifest", "provenance", "finished_at", "people",
    "resources", "bytes", "dropped_elements",
)  # fmt: skip


def _save(tx: Transaction, release: Release) -> bool:
    changes = {name: getattr(release, name) for name in _STATED}
    return tx.alter(Release, changes, id=release.id, standing="running") == 1


def _left(course: Course) -> tuple[uses.Line, ...]:
    """What left of whom, for their wallets."""
    return tuple(
        uses.Line(one.judged.link, one.judged.wallet, one.resources)
        for one in course.subjects.values()
        if one.resources
    )


def _told(course: Course, account: Account) -> tuple[uses.Line, ...]:
    """What left of whom, and of whom nothing did and why."""
    fallen = (one for one in course.subjects.values() if one.fallen and not one.resources and one.judged.link)
    return (
        *_left(course),
        *refused_lines(account.refused),
        *(uses.Line(one.judged.link, one.judged.wallet, 0, words_of(one.fallen)) for one in fallen),
    )


def refused_lines(refused: Iterable[Refused]) -> Iterator[uses.Line]:
    """What is told to those of whom nothing left, where they have a wallet."""
    return (uses.Line(one.link, one.wallet, 0, one.words) for one in refused if one.link)


def words_of(code: str) -> str:
    """Why somebody was taken out on the way, as a sentence for them."""
    return _FELL.get(code) or (REASONS[code][1] if code in REASONS else "It was stopped before anything was sent.")


def _manifest(tx: Transaction, context: Context, contract: Contract, whole: Whole) -> str:
    release = whole.release
    before = tx.find(Release, agreement=release.agreement, standing="complete", order="-finished_at", limit=1)
    newest = tx.find(LogCheckpoint, order="-size", limit=1)
    if contract.profile is None:
        raise Over("ended")
    claims = Manifest(
        release=release.id, previous=sha256(before[0].manifest.encode()).hexdigest() if before else None,
        provider=context.me.id, recipient=contract.recipient, agreement=release.agreement, transfer=release.transfer,
        dataset=contract.dataset, study=contract.terms.study,
        profile=UsedProfile(name=contract.profile.name, digest=contract.profile.digest), people=release.people,
        resources=release.resources, bytes=release.bytes, chunks=release.chunks, sha256=release.digest,
        withheld=folded(release.withheld or {}, whole.reasons),
        withheld_resources=folded(release.withheld_resources or {}, RESOURCE_REASONS),
        log=LogState(size=newest[0].size if newest else 0, root=newest[0].root.hex() if newest else ""),
        provenance=release.provenance, started_at=_time(release.started_at, context),
        finished_at=_time(release.finished_at, context), files=whole.files, format=release.format,
        continues=release.continues or None, dropped_elements=release.dropped_elements, deletions=whole.deletions,
        decided=_decided(tx, release),
    )  # fmt: skip
    return speech.say(context, speech.MANIFEST, claims.wire())


def _decided(tx: Transaction, release: Release) -> str | None:
    """The digest of the decisions, as our log has it."""
    for entry in tx.find(LogEntry, subject=release.id, kind=DECIDED, limit=1):
        value = orjson.loads(entry.body or "{}").get("decisions")
        return value if isinstance(value, str) else None
    return None


def _facts(context: Context, contract: Contract, release: Release, whole: Whole) -> ReleaseFacts:
    """The provenance as the recipient may read it: its digest stands in the manifest, so it must not tell more."""
    profile = contract.profile
    if profile is None:
        raise Over("ended")
    return ReleaseFacts(
        release=release.id, started_at=_time(release.started_at, context), ended_at=_time(release.finished_at, context),
        dataset=contract.dataset, agreement=release.agreement, study=contract.terms.study,
        profile=f"urn:concord:profile:{profile.name}", profile_sha256=profile.digest,
        provider=Party(context.me.id, context.me.name),
        recipient=Party.of_member(contract.recipient, context.members.name_of(contract.recipient)),
        software_name="concord-connector", software_version=software(),
        files=tuple(_file(release, file) for file in whole.files),
        withheld_people=_codes(folded(release.withheld or {}, whole.reasons)),
        withheld_resources=_codes(folded(release.withheld_resources or {}, RESOURCE_REASONS)),
    )  # fmt: skip


def _file(release: Release, file: ReleasedPart) -> ReleasedFile:
    name = "body" if release.asked is None else f"segment-{file.segment}"
    return ReleasedFile(
        id=f"{release.id}#{name}", sha256=file.sha256, bytes=file.bytes, resources=file.resources,
        media_type=NDJSON if file.deletions else release.format,
    )  # fmt: skip


def _codes(counts: Mapping[str, int | str]) -> dict[str, int | str]:
    return dict(counts)


def _time(moment: datetime | None, context: Context) -> datetime:
    return moment or context.clock()
