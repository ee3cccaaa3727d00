"""The end of a release: its provenance, its manifest, its record, and word to the wallets, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

from connector.ports import Archive, Transaction
from connector.provenance.facts import Party, ReleasedFile, ReleaseFacts
from connector.provenance.prov import release_ntriples, release_prov
from connector.records import HandedOver, Link, LogCheckpoint, Release
from connector.services.context import Context
from connector.services.duties import occasions
from connector.services.exchange import speech
from connector.services.releasing import uses
from connector.services.releasing.contract import Contract
from connector.services.releasing.course import Course, Over
from connector.services.releasing.manifest import (
    PEOPLE_REASONS,
    RESOURCE_REASONS,
    LogState,
    Manifest,
    UsedProfile,
    folded,
)
from policy.canonical import canonical
from policy.reasons import REASONS

_FELL = {
    "consent-changed": "You changed your answer while it was being sent.",
    "leak": "It could not be made sure that your name was removed, so nothing was sent.",
}
"""Why somebody was taken out on the way, where it is no reason of a decision."""
_MEDIA = {"records": "application/fhir+ndjson", "stream": "text/event-stream"}


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody of whom nothing left: their link (empty: none), wallet and why."""

    link: str
    wallet: str
    reason: str
    words: str


@dataclass(slots=True)
class Account:
    """What is known at the end of a release beside its record."""

    refused: list[Refused]
    withheld_resources: Counter[str]

    def withheld(self, course: Course) -> dict[str, int]:
        """People of whom nothing left, by reason; with those released they are all people of the dataset."""
        counts = Counter(one.reason for one in self.refused)
        counts.update(one.fallen or "nothing-released" for one in course.subjects.values() if not one.resources)
        return dict(counts)


def file_stem(release: str) -> str:
    """What the provenance files of a release are called."""
    return release.removeprefix("urn:uuid:")


async def complete(course: Course, account: Account, archive: Archive) -> None:
    """Everything was handed over: state it, signed, before the answer ends. Raises Over."""
    context, now = course.context, course.context.clock()
    withheld = account.withheld(course)
    release = replace(
        course.release, digest=course.digest.hexdigest(), withheld=withheld, finished_at=now, standing="complete",
        withheld_resources=dict(account.withheld_resources),
    )  # fmt: skip
    facts = _facts(context, course.contract, release)
    document = canonical(release_prov(facts))  # type: ignore[arg-type]
    await archive.keep(f"{file_stem(release.id)}.json", document)
    await archive.keep(f"{file_stem(release.id)}.nt", release_ntriples(facts).encode())
    release = replace(release, provenance=sha256(document).hexdigest())
    course.release = await context.store.write(lambda tx: _completed(tx, course, release, account))


async def broken_off(course: Course, account: Account, standing: str, *, told: bool = False) -> None:
    """The release ended early: note how far it came, and tell the wallets what left unless they were told."""
    context = course.context
    release = replace(
        course.release, standing=standing, withheld=account.withheld(course), finished_at=context.clock(),
        digest=course.digest.hexdigest(), withheld_resources=dict(account.withheld_resources),
    )  # fmt: skip

    def command(tx: Transaction) -> None:
        if _save(tx, release):
            context.log(tx, f"release.{standing}", release.id, {"release": release.id, "offset": release.offset})
            occasions.released(tx, context, release)
            if not told:
                _tell(tx, course, account, refused=False)
            tx.ring("releases")

    await context.store.write(command)


def recover(tx: Transaction, context: Context, release: Release, contract: Contract | None) -> None:
    """A release whose process died: it is broken, and its people are told what had left."""
    now = context.clock()
    tx.alter(Release, {"standing": "broken", "finished_at": now}, id=release.id, standing="running")
    context.log(tx, "release.broken", release.id, {"release": release.id, "offset": release.offset})
    occasions.released(tx, context, release)
    if contract is None:
        return
    lines = []
    for handed in tx.find(HandedOver, release=release.id):
        for link in tx.find(Link, person=handed.person, standing=["active", "disputed"]):
            lines.append(uses.Line(link.id, link.wallet, handed.resources))
    uses.tell(tx, context, contract, release.id, lines, now)


def _completed(tx: Transaction, course: Course, release: Release, account: Account) -> Release:
    context = course.context
    release = replace(release, manifest=_manifest(tx, context, course.contract, release))
    if not _save(tx, release):
        raise Over("ended")
    context.log(
        tx, "release.complete", release.id,
        {"release": release.id, "agreement": release.agreement, "people": release.people, "bytes": release.bytes,
         "resources": release.resources, "sha256": release.digest, "provenance": release.provenance,
         "manifest": sha256(release.manifest.encode()).hexdigest()},
    )  # fmt: skip
    occasions.released(tx, context, release)
    _tell(tx, course, account, refused=True)
    tx.ring("releases")
    return release


def _save(tx: Transaction, release: Release) -> bool:
    names = ("standing", "digest", "withheld", "withheld_resources", "manifest", "provenance", "finished_at")
    changes = {name: getattr(release, name) for name in names}
    return tx.alter(Release, changes, id=release.id, standing="running") == 1


def _tell(tx: Transaction, course: Course, account: Account, *, refused: bool) -> None:
    lines = [
        uses.Line(one.judged.link, one.judged.wallet, one.resources)
        for one in course.subjects.values()
        if one.resources
    ]
    if refused:
        lines += [uses.Line(one.link, one.wallet, 0, one.words) for one in account.refused if one.link]
        lines += [
            uses.Line(one.judged.link, one.judged.wallet, 0, _FELL.get(one.fallen) or words_of(one.fallen))
            for one in course.subjects.values()
            if one.fallen and not one.resources and one.judged.link
        ]
    uses.tell(tx, course.context, course.contract, course.release.id, lines, course.context.clock())


def words_of(code: str) -> str:
    """The sentence of a reason of a decision."""
    return REASONS[code][1] if code in REASONS else "It was stopped before anything was sent."


def _manifest(tx: Transaction, context: Context, contract: Contract, release: Release) -> str:
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
        withheld=folded(release.withheld or {}, PEOPLE_REASONS),
        withheld_resources=folded(release.withheld_resources or {}, RESOURCE_REASONS),
        log=LogState(size=newest[0].size if newest else 0, root=newest[0].root.hex() if newest else ""),
        provenance=release.provenance, started_at=_time(release.started_at, context),
        finished_at=_time(release.finished_at, context),
    )  # fmt: skip
    return speech.say(context, speech.MANIFEST, claims.wire())


def _facts(context: Context, contract: Contract, release: Release) -> ReleaseFacts:
    """The provenance as the recipient may read it: its digest stands in the manifest, so it must not tell more."""
    profile = contract.profile
    if profile is None:
        raise Over("ended")
    file = ReleasedFile(
        id=f"{release.id}#body", sha256=release.digest, media_type=_MEDIA[release.kind], bytes=release.bytes,
        resources=release.resources,
    )  # fmt: skip
    return ReleaseFacts(
        release=release.id, started_at=_time(release.started_at, context), ended_at=_time(release.finished_at, context),
        dataset=contract.dataset, agreement=release.agreement, study=contract.terms.study,
        profile=f"urn:concord:profile:{profile.name}", profile_sha256=profile.digest,
        provider=Party(context.me.id, context.me.name),
        recipient=Party.of_member(contract.recipient, context.members.name_of(contract.recipient)),
        software_name="concord-connector", software_version=_version(), files=(file,),
        withheld_people=_codes(folded(release.withheld or {}, PEOPLE_REASONS)),
        withheld_resources=_codes(folded(release.withheld_resources or {}, RESOURCE_REASONS)),
    )  # fmt: skip


def _codes(counts: Mapping[str, int | str]) -> dict[str, int | str]:
    return dict(counts)


def _time(moment: datetime | None, context: Context) -> datetime:
    return moment or context.clock()


def _version() -> str:
    try:
        return version("concord-connector")
    except PackageNotFoundError:
        return "0"
