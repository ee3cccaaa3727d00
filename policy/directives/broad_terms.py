"""The broad consent of the Medical Informatics Initiative as data: policies, validity, documents, and what a use needs.

Everything is read from `data/mii_broad_consent.json`; its source and licence stand in `data/SOURCE.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from policy.instants import day
from policy.purposes import packaged

OID = "urn:oid:"


class Kind(StrEnum):
    """What a document of the broad consent does."""

    CONSENT = "consent"
    REFUSAL = "refusal"
    WITHDRAWAL = "withdrawal"
    PARTIAL_WITHDRAWAL = "partial-withdrawal"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: the module it is part of, how many years it holds (None: it is used up by being used once)."""

    module: str
    years: int | None


@dataclass(frozen=True, slots=True)
class Package:
    """The policies one use needs (reference S12, S13).

    Every one of `gates` says whether data may be used now; `window` says of which days they may be. Where one of
    `retrospective` is agreed to as well, the window begins at `lookback`.
    """

    gates: tuple[str, ...]
    window: str
    retrospective: tuple[str, ...]
    lookback: date

    @property
    def required(self) -> frozenset[str]:
        """Every policy that one consent has to carry, for its yes to count."""
        return frozenset({*self.gates, self.window})


@dataclass(frozen=True, slots=True)
class Terms:
    """The whole vocabulary. `research` are the purposes that the broad consent is about."""

    system: str
    version: str
    research: tuple[str, ...]
    packages: Mapping[str, Package]
    policies: Mapping[str, Policy]
    documents: Mapping[str, Kind]

    def module_of(self, code: str) -> str:
        """The module that a policy is part of; empty for what is no policy."""
        return self.policies[code].module if code in self.policies else ""


@cache
def terms() -> Terms:
    """Return the packaged vocabulary."""
    stated = packaged("mii_broad_consent.json")
    return Terms(
        system=stated["system"],
        version=stated["version"],
        research=tuple(stated["research"]),
        packages={
            name: Package(tuple(one["gates"]), one["window"], tuple(one["retrospective"]), day(one["lookback"]))
            for name, one in stated["packages"].items()
        },
        policies={code: Policy(one["module"], one["years"]) for code, one in stated["policies"].items()},
        documents={oid: Kind(one["kind"]) for oid, one in stated["documents"].items()},
    )
