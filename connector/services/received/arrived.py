"""What arrived in one transfer, file by file, and whether that is what its sender's signed manifest says."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from connector.services.releasing.manifest import Manifest, differences, whole_digest

if TYPE_CHECKING:
    from connector.records import Transfer

_FIGURES = ("people", "resources", "bytes", "sha256", "deletions")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """One file of a release as it arrived: its number, what was counted in it, the SHA-256 (hex) of its bytes."""

    segment: int
    people: int
    resources: int
    bytes: int
    sha256: str
    deletions: bool = False


@dataclass(frozen=True, slots=True)
class Arrived:
    """All of a release. `people` are the distinct ones in files that are not deletions.

    `nameless` counts lines that name nobody, `whole` says that every file ended with a line; `continues` is the digest
    of the manifest that was carried on from; `earlier` that an earlier manifest under the agreement is known here.
    """

    files: tuple[ArrivedFile, ...]
    people: int
    nameless: int = 0
    whole: bool = True
    continues: str = ""
    earlier: bool = False
    release: str = ""

    @property
    def resources(self) -> int:
        """Lines in all."""
        return sum(one.resources for one in self.files)

    @property
    def bytes(self) -> int:
        """Bytes in all."""
        return sum(one.bytes for one in self.files)


def verdict(transfer: Transfer, arrived: Arrived, manifest: Manifest) -> tuple[bool, str]:
    """Whether what arrived is what the manifest says, and what was found, in words."""
    claims = manifest.wire()
    facts: dict[str, Any] = {
        "transfer": transfer.their_pid, "agreement": transfer.agreement, "dataset": transfer.dataset,
        "people": arrived.people, "resources": arrived.resources, "bytes": arrived.bytes,
        "sha256": _digest(arrived, manifest),
    }  # fmt: skip
    if arrived.release:
        facts["release"] = arrived.release
    wrong = [*differences(claims, facts), *_of_files(arrived, manifest), *_of_the_chain(arrived, manifest)]
    if arrived.nameless:
        wrong.append(f"{arrived.nameless} lines that name nobody, which were not stored")
    if not arrived.whole:
        wrong.append("the last line is cut off")
    if wrong:
        return False, f"Not what the sender's manifest says: {', '.join(wrong)}."
    return True, "Counts and digest agree with the sender's signed manifest."


def _digest(arrived: Arrived, manifest: Manifest) -> str:
    """Over the digests of the files; in a manifest that names none it is over the one body."""
    if not manifest.files and len(arrived.files) == 1:
        return arrived.files[0].sha256
    return whole_digest(one.sha256 for one in arrived.files)


def _of_files(arrived: Arrived, manifest: Manifest) -> list[str]:
    """What is wrong with single files; nothing where the manifest names none."""
    claimed = [one.model_dump() for one in manifest.files]
    ours = [asdict(one) for one in arrived.files]
    if not claimed:
        return []
    if len(claimed) != len(ours):
        return [f"{len(ours)} files, and not {len(claimed)}"]
    if claimed != ours and Counter(map(_facts, claimed)) == Counter(map(_facts, ours)):
        return ["the order of the files"]
    wrong = []
    for place, (said, one) in enumerate(zip(claimed, ours, strict=True), 1):
        names = [name for name in ("segment", *_FIGURES) if said[name] != one[name]]
        wrong += [f"file {place} ({', '.join(names)})"] if names else []
    return wrong if len(wrong) <= _MOST_NAMED else [*wrong[:_MOST_NAMED], f"{len(wrong) - _MOST_NAMED} files more"]


def _facts(one: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(one[name] for name in ("segment", *_FIGURES))


def _of_the_chain(arrived: Arrived, manifest: Manifest) -> list[str]:
    wrong = [] if (manifest.continues or "") == arrived.continues else ["what it carries on from (continues)"]
    if arrived.earlier and manifest.previous is None:
        wrong.append("the manifest before it (previous)")
    return wrong
