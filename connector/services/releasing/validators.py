"""The strong validator of a segment: a keyed digest over everything its bytes follow from.

It can be computed without making the bytes. It changes when a record in it changes, what a person's decision rests on,
the profile, the day by which ages are grouped, the format, or the software; and not otherwise. It is keyed by the
domain of the contract, so that nobody outside can guess what is in a segment and compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple, Protocol

from connector.ports import PersonCoder
from connector.records import Release
from connector.services.releasing.contract import Contract
from connector.services.releasing.deciding import Judged
from connector.services.releasing.selecting import Chosen
from policy.canonical import Json, canonical
from policy.residual import Residual

_WHAT = "ReleaseSegment"


class Keyed(Protocol):
    """Keyed ids of what belongs to no person (`connector.vault`)."""

    def id(self, resource_type: str, resource_id: str) -> str:
        """The keyed replacement of an id."""
        ...


class Proof(NamedTuple):
    """What a segment rests on of one person: digests, all hexadecimal."""

    code: str
    basis: str
    residual: str
    inputs: str


def proof_of(judged: Judged, coder: PersonCoder, chosen: Chosen) -> Proof:
    """What a segment rests on of one person."""
    link, wallet, lines = judged.basis
    basis = sha256(canonical([link, wallet, list(lines)])).hexdigest()
    inputs = chosen.known or inputs_of(chosen)
    return Proof(coder.code, basis, _residual(judged.decision.residual), inputs)


def inputs_of(chosen: Chosen) -> str:
    """SHA-256 over what was chosen of a person, and over what must not be found in it."""
    whole = sha256()
    for text in (chosen.subject, *chosen.identifiers):
        _add(whole, text.encode("utf-8", "surrogatepass"))
    _add(whole, b"")
    for one in chosen.records:
        name = f"{one.kind}/{one.id}".encode("utf-8", "surrogatepass")
        whole.update(b"%d:%b%d:%b" % (len(name), name, len(one.body), one.body))
    return whole.hexdigest()


def validator(
    keyed: Keyed, contract: Contract, release: Release, proofs: Sequence[Proof], kind: str, deletions: bool
) -> str:
    """The id of a segment: 32 hexadecimal digits. `kind`: the one kind of record it holds, empty where it holds any."""
    facts: Json = [
        1, software(), contract.agreement.id, contract.profile_name or "", contract.text and "own", contract.release,
        str(release.as_of), release.format, kind, deletions, [list(one) for one in proofs],
    ]  # fmt: skip
    return keyed.id(_WHAT, sha256(canonical(facts)).hexdigest()).replace("-", "")


def _add(whole: object, part: bytes) -> None:
    whole.update(len(part).to_bytes(8, "big"))  # type: ignore[attr-defined] # a hash
    whole.update(part)  # type: ignore[attr-defined]


@lru_cache(maxsize=256)
def _residual(residual: Residual) -> str:
    return sha256(canonical(residual.to_json())).hexdigest()


@lru_cache(maxsize=1)
def software() -> str:
    """The version of the software that made the bytes."""
    try:
        return version("concord-connector")
    except PackageNotFoundError:
        return "0"
