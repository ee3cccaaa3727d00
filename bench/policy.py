"""What a decision costs: `python -m bench.policy [--quick]` (`make bench-policy`).

Concord beside cedarpy, the fastest policy engine that Python can call, on the same small policy (party is c1, action is
use, target is a1, purpose is one of two, consent is true, begin <= now < end), and beside the least that Python itself
can do: a bare comprehension over the same columns, `json.loads` of the same text. All in one run, turn by turn, warm,
medians; before anything is timed both engines must give the same answers. cedarpy is at its best: policies, entities
and requests are parsed once and reused, and of its two ways to ask (one by one, a hundred at once) the faster counts.
Exits with 1 if a ratio misses its bar. Needs no network.
"""

import gc
import json
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from typing import Any, NamedTuple

import cedarpy

from bench.ratio import Ratio, rate, seconds_of, show, turns
from policy.categories import CATEGORIES
from policy.columns import Columns
from policy.decision import Action, Outcome, Regime, Residual, Scope
from policy.facts import Facts, Question
from policy.instants import wire
from policy.odrl import compiled
from policy.odrl.evaluating import Compiled, Request, State, compile_policy
from policy.odrl.library import Library
from policy.odrl.model import XSD, Literal
from policy.odrl.reading import read
from policy.odrl.vocabulary import ODRL, PURPOSE
from policy.population import Answers, prepare
from policy.purposes import DPV

QUICK = "--quick" in sys.argv[1:]
ROUNDS, WINDOW = (3, 0.1) if QUICK else (7, 0.5)
PEOPLE = 100_000 if QUICK else 1_000_000
POLICIES, BATCH = 1_000, 100

NOW, BEGIN, END = (datetime(year, 6, 1, tzinfo=UTC) for year in (2026, 2025, 2028))
ACADEMIC, PUBLIC, MARKETING = (DPV + name for name in ("AcademicResearch", "PublicBenefit", "Marketing"))
CONSENT = "https://example.org/terms#consent"


# --- the small policy, in both languages ------------------------------------------------------------------------------


def small_policy(target: str = "urn:a1") -> dict[str, Any]:
    """The policy in the wire form of the Dataspace Protocol."""
    return {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "Agreement",
        "@id": f"urn:policy:{target}",
        "assigner": "urn:p1",
        "assignee": "urn:c1",
        "target": target,
        "permission": [
            {
                "action": "use",
                "constraint": [
                    {"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": [ACADEMIC, PUBLIC]},
                    {"leftOperand": CONSENT, "operator": "eq", "rightOperand": True},
                    {"leftOperand": "dateTime", "operator": "gteq", "rightOperand": wire(BEGIN)},
                    {"leftOperand": "dateTime", "operator": "lt", "rightOperand": wire(END)},
                ],
            }
        ],
    }


def small_cedar(target: str = "urn:a1") -> str:
    """The same in Cedar; instants as whole seconds, which it compares fastest."""
    return (
        f'permit(principal == Party::"urn:c1", action == Action::"use", resource == Asset::"{target}") '
        f'when {{ (context.purpose == "{ACADEMIC}" || context.purpose == "{PUBLIC}") && context.consent '
        f"&& context.now >= {_seconds(BEGIN)} && context.now < {_seconds(END)} }};"
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


class Case(NamedTuple):
    """One thing to ask, of either."""

    target: str = "urn:a1"
    party: str = "urn:c1"
    purpose: str = PUBLIC
    consent: str = "true"
    now: datetime = NOW

    def ours(self) -> tuple[Request, State]:
        """As a request and a state of the world."""
        features = {PURPOSE: (Literal(self.purpose),), CONSENT: (Literal(self.consent, f"{XSD}boolean"),)}
        return Request(f"{ODRL}use", self.target, self.party, features), State(now=self.now)

    def cedar(self) -> dict[str, Any]:
        """As a request of Cedar; with the context as text, which cedarpy then need not write out."""
        context = {"purpose": self.purpose, "consent": self.consent == "true", "now": _seconds(self.now)}
        return {
            "principal": {"type": "Party", "id": self.party},
            "action": {"type": "Action", "id": "use"},
            "resource": {"type": "Asset", "id": self.target},
            "context": json.dumps(context),
        }


CASES = (
    Case(), Case(purpose=ACADEMIC), Case(now=BEGIN), Case(consent="false"), Case(purpose=MARKETING), Case(now=END),
    Case(now=BEGIN - timedelta(seconds=1)), Case(party="urn:c2"), Case(target="urn:a0"),
)  # fmt: skip


class Cedar:
    """cedarpy with everything parsed beforehand."""

    def __init__(self, targets: list[str]) -> None:
        self._policies = cedarpy.PolicySet.from_str("\n".join(small_cedar(target) for target in targets))
        self._entities = cedarpy.Entities.from_json_str("[]")

    def permits(self, case: Case) -> bool:
        """The answer."""
        return bool(self._one(case.cedar()).allowed)

    def _one(self, request: dict[str, Any]) -> Any:
        return cedarpy.is_authorized(request, self._policies, self._entities)

    def rate(self, cases: list[Case]) -> float:
        """Decisions per second, the faster of its two ways to ask."""
        requests = [case.cedar() for case in cases]
        waiting = cycle(requests)
        alone = rate(lambda: self._one(next(waiting)), WINDOW)
        batch = (requests * BATCH)[:BATCH]
        together = rate(lambda: cedarpy.is_authorized_batch(batch, self._policies, self._entities), WINDOW) * BATCH
        return max(alone, together)


def agree(ask: Callable[[Request, State], Outcome], cedar: Cedar) -> None:
    """Stop if the two engines differ about anything."""
    for case in CASES:
        ours = ask(*case.ours()) is Outcome.PERMIT
        if ours is not cedar.permits(case):
            raise SystemExit(f"the engines differ: {case}: {'permit' if ours else 'no'} here")


# --- the five comparisons ---------------------------------------------------------------------------------------------


def verdict_and_report() -> Iterator[Ratio]:
    """One policy: the bare verdict, and the verdict with its report."""
    small, cedar, case = compile_policy(read(small_policy())), Cedar(["urn:a1"]), Case()
    agree(small.verdict, cedar)
    agree(lambda request, state: small.report(request, state).outcome, cedar)
    request, state = case.ours()
    ours, theirs = turns(
        ROUNDS, lambda: rate(lambda: small.verdict(request, state), WINDOW), lambda: cedar.rate([case])
    )
    yield show("one policy, verdict only", _each(ours), _each(theirs), Ratio("verdict", ours / theirs, 5, True))
    ours, theirs = turns(ROUNDS, lambda: rate(lambda: small.report(request, state), WINDOW), lambda: cedar.rate([case]))
    yield show("one policy, full report", _each(ours), _each(theirs), Ratio("report", ours / theirs, 1, True))


def many_policies() -> Iterator[Ratio]:
    """A thousand policies about a thousand targets, asked about one after the other, with the full report."""
    targets = [f"urn:a{number}" for number in range(1, POLICIES + 1)]
    library = Library(compile_policy(read(small_policy(target))) for target in targets)
    cedar = Cedar(targets)
    agree(library.verdict, cedar)
    agree(lambda request, state: library.report(request, state).outcome, cedar)
    cases = [Case(target=target) for target in random.Random(1).sample(targets, BATCH)]
    waiting = cycle([case.ours() for case in cases])
    ours, theirs = turns(
        ROUNDS, lambda: rate(lambda: library.report(*next(waiting)), WINDOW), lambda: cedar.rate(cases)
    )
    yield show(
        f"{POLICIES:,} policies, full report", _each(ours), _each(theirs), Ratio("1000", ours / theirs, 10, True)
    )


def compiling() -> Iterator[Ratio]:
    """The small policy from its text to one that can be asked, beside parsing the text as JSON.

    The closures of a rule are made when it is first asked; what that adds is printed below, as it has no bar.
    """
    text = json.dumps(small_policy())
    request, state = Case().ours()

    def ready() -> Compiled:
        return compile_policy(read(json.loads(text)))

    agree(ready().verdict, Cedar(["urn:a1"]))
    ours, floor = turns(ROUNDS, lambda: 1e6 / rate(ready, WINDOW), lambda: 1e6 / rate(lambda: json.loads(text), WINDOW))
    ratio = Ratio("compile", ours / floor, 20, False)
    yield show("read and compile a small policy", f"{ours:,.1f} us", f"{floor:,.1f} us JSON", ratio)
    first = 1e6 / rate(lambda: ready().verdict(request, state), WINDOW)
    print(f"  with its closures and its first answer {first:,.1f} us, {first / floor:.1f} times parsing its JSON")


def _each(rate: float) -> str:
    return f"{rate:,.0f}/s"


# --- a population -----------------------------------------------------------------------------------------------------

STUDY, HOLDER, GROUP, DATASET, DIGEST = "urn:study", "urn:h", "urn:c1", "urn:a1", "5" * 64
WANTED, FIRST_DAY, LAST_DAY = ("laboratory", "conditions"), date(2016, 1, 1), date(2024, 12, 31)


def people(count: int) -> Columns:
    """So many people in no order: no two with the same times, hardly two with the same purposes, categories, window."""
    some = random.Random(7)
    chance, pick, within = some.random, some.choice, some.randrange
    purposes = [DPV + name for name in ("AcademicResearch", "ResearchAndDevelopment", "PublicBenefit", "Marketing")]
    purposes += [DPV + name for name in ("ServiceProvision", "Personalisation", "Payment", "LegalCompliance")]
    kinds, rows = sorted(CATEGORIES), range(count)
    day = date(2010, 1, 1)
    return Columns(
        study=STUDY,
        holder=HOLDER,
        linked=[chance() < 0.98 for _ in rows],
        states=[pick(["given"] * 6 + ["refused", "withdrawn", "suspended", None]) for _ in rows],
        digests=[DIGEST if chance() < 0.97 else "6" * 64 for _ in rows],
        recipients=[(GROUP,) if chance() < 0.9 else ("urn:c2", GROUP) for _ in rows],
        purposes=[tuple(some.sample(purposes, within(1, 4))) for _ in rows],
        data=[((DATASET, None if chance() < 0.3 else tuple(some.sample(kinds, within(1, 4)))),) for _ in rows],
        starts=[None if chance() < 0.5 else day + timedelta(days=within(4_000)) for _ in rows],
        ends=[None if chance() < 0.5 else day + timedelta(days=4_000 + within(4_000)) for _ in rows],
        decided_at=[NOW - timedelta(seconds=within(-(10**6), 10**8)) for _ in rows],
        valid_until=[NOW + timedelta(seconds=within(-(10**7), 10**8)) for _ in rows],
        heard_at=[NOW - timedelta(seconds=within(90_000)) for _ in rows],
        opted_out_at=[None if chance() < 0.9 else NOW + timedelta(days=within(-100, 20)) for _ in rows],
        stops=[()] * count,
    )


def bare(people: Columns) -> list[bool]:
    """The least: the plain conditions, each written out, over the columns of purposes to opt-out."""
    now, purpose, wanted, first, last = NOW, ACADEMIC, frozenset(WANTED), FIRST_DAY, LAST_DAY
    return [
        state == "given" and decided <= now < until and purpose in agreed
        and (data[0][1] is None or not wanted.isdisjoint(data[0][1]))
        and (start is None or start <= last) and (end is None or end >= first)
        and (opted is None or opted > now)
        for state, agreed, data, start, end, decided, until, opted in zip(
            people.states, people.purposes, people.data, people.starts, people.ends, people.decided_at,
            people.valid_until, people.opted_out_at, strict=True,
        )
    ]  # fmt: skip


def population() -> Iterator[Ratio]:
    """One agreement, everybody: index, reasons and counts, beside a comprehension that only says yes or no."""
    agreement = {"@type": "Agreement", "@id": "urn:g", "assigner": HOLDER, "assignee": GROUP, "target": DATASET}
    terms = [{"leftOperand": "purpose", "operator": "isA", "rightOperand": f"{DPV}ResearchAndDevelopment"}]
    agreement |= {"permission": [{"action": "use", "constraint": terms}]}
    question = Question(
        regime=Regime.CONSENT, action=Action.RELEASE, now=NOW, requester=GROUP, dataset=DATASET, purposes=(ACADEMIC,),
        study=STUDY, study_digest=DIGEST,
    )  # fmt: skip
    facts = Facts(policy=compiled(agreement), holder=HOLDER, study_approved=True)
    selected = Residual((Scope(DATASET, WANTED, FIRST_DAY, LAST_DAY),))
    everybody = people(PEOPLE)
    gc.collect()

    def bulk() -> Answers:
        return prepare(question, facts, selected).decide(everybody)

    found, plain = bulk(), bare(everybody)
    if not 0 < found.permitted <= PEOPLE or len(plain) != PEOPLE:
        raise SystemExit("nobody is permitted: this measures nothing")
    ours, floor = turns(ROUNDS, lambda: seconds_of(bulk), lambda: seconds_of(lambda: bare(everybody)))
    ratio = Ratio("population", ours / floor, 10, False)
    yield show(f"{PEOPLE:,} consents at once", f"{ours:.3f} s", f"{floor:.3f} s bare", ratio)
    told = ", ".join(f"{code} {count:,}" for code, count in sorted(found.by_code.items(), key=lambda one: -one[1]))
    print(f"  {told}; the bare one says yes to {sum(plain):,}")


def main() -> int:
    """Everything, and one line of its ratios."""
    print(f"{'':<34}{'Concord':>18}{'floor':>20}{'ratio':>10}")
    parts = (verdict_and_report, many_policies, compiling, population)
    ratios = [ratio for part in parts for ratio in part()]
    print("ratios: " + ", ".join(map(str, ratios)))
    return 0 if all(ratio.met for ratio in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
