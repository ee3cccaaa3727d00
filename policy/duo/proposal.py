"""What somebody proposes to do with data, as DUO sees it, and the same as a question to an ODRL policy.

Whatever is left out is not known, and meets no limit. What the applicant states a use is not (`not_for`) is a fact like
any other: no vocabulary says that medical research develops no methods, only whoever does the research can.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from policy.duo import terms as t
from policy.odrl.evaluating import Request, State
from policy.odrl.model import REFERENCE, XSD, Literal
from policy.odrl.vocabulary import ANALYSE, APPROVED, DISTRIBUTE, ODRL, PURPOSE, RECIPIENT, STUDY_APPROVAL
from policy.purposes import covers, expand, known, purpose

Stated = Mapping[str, frozenset[str]]
_NOTHING: Stated = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One proposed use.

    `purposes`, `not_for`, `diseases` and `population` are terms (IRI or bundled prefix); `broader` states of what else
    each disease or population is a kind, `within` of what each place is a part. `recipient_kind` is "non-profit" or
    "for-profit". `done` are the shorthands of the modifiers whose duty is done or promised: IRB, COL, PUB, RTN.
    `publishing` says that what is proposed is to make results public.
    """

    purposes: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    diseases: tuple[str, ...] = ()
    population: str | None = None
    age: str | None = None
    gender: str | None = None
    project: str | None = None
    user: str | None = None
    institution: str | None = None
    recipient_kind: str | None = None
    places: tuple[str, ...] = ()
    broader: Stated = field(default_factory=lambda: _NOTHING)
    within: Stated = field(default_factory=lambda: _NOTHING)
    done: frozenset[str] = frozenset()
    now: datetime | None = None
    publishing: bool = False

    def commercial_use(self) -> str | None:
        """Whether the use is promised not to be commercial: "no", "not-promised", or None where nobody has said."""
        answers = [covers(t.NCU, one) for one in self.purposes]
        if True in answers:
            return t.NOT_COMMERCIAL
        return None if None in answers or not answers else t.NOT_PROMISED

    def request(self, dataset: str) -> Request:
        """The proposal as a request about a data set: to analyse it, or to publish; all use at once is neither."""
        features = {left: tuple(values) for left, values in self._features() if values}
        return Request(DISTRIBUTE if self.publishing else ANALYSE, dataset, self.institution, features, at=self.now)

    def state(self) -> State:
        """What is known of the world it would happen in."""
        kinds = {one: frozenset({t.DISEASE_ROOT}) | self.broader.get(one, frozenset()) for one in self.diseases}
        return State(
            now=self.now,
            part_of=self.within,
            kinds={**self.broader, **kinds},
            apart=self._apart() if self.not_for else _NOTHING,
            executors=frozenset(key for name in self.done for key in _DUTIES.get(name, ())),
        )

    def _apart(self) -> Stated:
        # Who states that a use is not for something states it of all that lies within that.
        excluded = frozenset().union(*map(_within, self.not_for))
        return dict.fromkeys(map(_known, self.purposes), excluded)

    def _features(self) -> Iterator[tuple[str, list[Literal]]]:
        yield PURPOSE, [Literal(_known(one), REFERENCE) for one in self.purposes]
        yield t.DISEASE, [Literal(one, REFERENCE) for one in self.diseases]
        yield t.SPATIAL, [Literal(one, REFERENCE) for one in self.places]
        yield t.PROJECT, _one(self.project)
        yield t.POPULATION, _one(self.population)
        yield t.AGE, _one(self.age)
        yield t.GENDER, _one(self.gender)
        yield t.USER, _one(self.user)
        yield RECIPIENT, _one(self.institution)
        yield t.RECIPIENT_KIND, _one(self.recipient_kind)
        yield t.COMMERCIAL_USE, _one(self.commercial_use())
        yield ELAPSED, [Literal("P0D", f"{XSD}duration")]
        yield STUDY_APPROVAL, _one(APPROVED if "IRB" in self.done else "not-approved")


# Nothing has been used yet, so no time has passed since.
ELAPSED = f"{ODRL}elapsedTime"

# What each is called where it is a duty: by us, and in the published rendering.
_DUTIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "IRB": (t.PROVIDE_APPROVAL,),
        "COL": (t.COLLABORATE,),
        "RTN": (t.RETURN_DATA,),
        "PUB": (t.PUBLISH_RESULTS, DISTRIBUTE),
    }
)


def _one(value: str | None) -> list[Literal]:
    return [] if value is None else [Literal(value)]


@lru_cache(maxsize=64)
def _within(term: str) -> frozenset[str]:
    return frozenset(iri for iri in known() if covers(term, iri) is True)


def _known(term: str) -> str:
    found = purpose(term)
    return found.iri if found else expand(term)
