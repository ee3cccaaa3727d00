"""What consent decisions cost: `python -m bench.consent [--quick]` (`make bench-consent`).

One whole decision (every gate, the filter) about a person with 50 consents of 20 rules each: its 99th percentile, for
consents that were just read, whose plans are not made yet, and again for the same ones; every decision is about another
person at another time. Timed is the processor's time, which on an otherwise idle core is the time it takes; the clock's
stands beside it. Then the explanation, every word of it read, beside the decision that it explains.

And 100,000 people, each with FHIR provision trees of their own (purposes, recipients, labels, codes, dates, exceptions
three deep), decided against one contract as a set. The floor reads the same records and nothing else: the same JSON
texts are parsed by the same parser, and every element of every provision is visited once. All in one run; before
anything is timed, the set must answer what one-by-one answers. Exits with 1 if a bar is missed. Needs no network.
"""

import gc
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from time import perf_counter, process_time
from typing import Any, NamedTuple

import orjson

from bench.ratio import Ratio, show, turns
from policy.columns import Person
from policy.decide import decide
from policy.decision import Action, Regime
from policy.directives.asking import ACTIONS, Asking
from policy.directives.explaining import explain
from policy.directives.reading import DirectiveError, read_directive
from policy.facts import Facts, Question
from policy.odrl import compiled
from policy.population import Answers, prepare
from policy.purposes import ACT_REASON, DPV

QUICK = "--quick" in sys.argv[1:]
PEOPLE = 5_000 if QUICK else 100_000
ROUNDS = 1 if QUICK else 3
DECISIONS, PERSONS = (200, 20) if QUICK else (2_000, 100)
CONSENTS, RULES = 50, 20
BAR_P99, BAR_BULK, BAR_EXPLAIN = 0.005, 20.0, 2.0

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOLDER, GROUP, STUDY, DATASET, DIGEST = "urn:h", "urn:g", "urn:study", "urn:d", "5" * 64
HL7 = "http://terminology.hl7.org/CodeSystem"
SENSITIVE = ("ETH", "PSY", "SUD", "HIV", "SDV", "SPI")
CODES = ("74013-4", "8302-2", "29463-7", "85354-9", "15074-8", "4548-4")
KINDS = ("Observation", "Condition", "MedicationRequest", "Procedure", "Encounter", "DiagnosticReport")

Json = dict[str, Any]


def coding(system: str, code: str) -> Json:
    """A FHIR Coding."""
    return {"system": f"{HL7}/{system}" if ":" not in system else system, "code": code}


class Writer:
    """Writes people's consents: no two alike."""

    def __init__(self, seed: int) -> None:
        self._some = random.Random(seed)

    def person(self, number: int) -> list[bytes]:
        """The consents of one person, as JSON texts: one, sometimes two, sometimes none."""
        count = self._some.choices([0, 1, 2], [5, 85, 10])[0]
        return [orjson.dumps(self.consent(number, one, self._some.randrange(3, 7))) for one in range(count)]

    def consent(self, person: int, number: int, rules: int) -> Json:
        """One consent with a root and so many exceptions."""
        some = self._some
        purposes = [coding("v3-ActReason", code) for code in some.sample(["HRESCH", "TREAT", "HPAYMT", "PUBHLTH"], 2)]
        root: Json = {"type": some.choices(["permit", "deny"], [8, 2])[0], "purpose": purposes}
        if some.random() < 0.5:
            root["actor"] = [self._actor("IRCP", some.choice([GROUP, GROUP, "Organization/other"]))]
        if some.random() < 0.4:
            root["dataPeriod"] = self._period()
        root["provision"] = [self._rule(1) for _ in range(rules)]
        return {
            "resourceType": "Consent", "id": f"c{person}-{number}",
            "status": some.choices(["active", "inactive"], [9, 1])[0],
            "scope": {"coding": [coding("consentscope", "research")]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": {"reference": f"Patient/{person}"}, "dateTime": self._day(2018, 2025),
            "policy": [{"uri": "urn:policy:base"}], "provision": root,
        }  # fmt: skip

    def _rule(self, depth: int) -> Json:
        some = self._some
        rule: Json = {"type": some.choice(["deny", "permit"])}
        kind = some.randrange(5)
        if kind == 0:
            rule["securityLabel"] = [coding("v3-ActCode", code) for code in some.sample(SENSITIVE, 2)]
        elif kind == 1:
            rule["code"] = [
                {"coding": [{"system": "http://loinc.org", "code": code}]} for code in some.sample(CODES, 2)
            ]
        elif kind == 2:
            rule["class"] = [{"system": "http://hl7.org/fhir/resource-types", "code": some.choice(KINDS)}]
        elif kind == 3:
            rule["dataPeriod"] = self._period()
        else:
            rule["purpose"] = [coding("v3-ActReason", some.choice(["HRESCH", "HMARKT", "TREAT"]))]
            rule["period"] = {"start": self._day(2019, 2024), "end": self._day(2027, 2032)}
        if depth < 3 and some.random() < 0.3:
            rule["provision"] = [self._rule(depth + 1)]
        return rule

    def _actor(self, role: str, reference: str) -> Json:
        return {"role": {"coding": [coding("v3-ParticipationType", role)]}, "reference": {"reference": reference}}

    def _period(self) -> Json:
        return {"start": self._day(2010, 2018), "end": self._day(2019, 2026)}

    def _day(self, first: int, last: int) -> str:
        return str(date(first, 1, 1) + timedelta(days=self._some.randrange((last - first) * 365)))


def agreement() -> Json:
    """A contract that asks each person."""
    terms = [{"leftOperand": "purpose", "operator": "isA", "rightOperand": f"{DPV}ResearchAndDevelopment"}]
    parties = {"@type": "Agreement", "@id": "urn:a", "assigner": HOLDER, "assignee": GROUP, "target": DATASET}
    return parties | {"permission": [{"action": "use", "constraint": terms}]}


QUESTION = Question(
    regime=Regime.CONSENT, action=Action.RELEASE, now=NOW, requester=GROUP, dataset=DATASET, study=STUDY,
    purposes=(f"{ACT_REASON}HRESCH",), study_digest=DIGEST,
)  # fmt: skip
SHARED = Facts(
    policy=compiled(agreement()), holder=HOLDER, study_approved=True, broad_consent=True,
    known_actors=frozenset({"Organization/other"}),
)  # fmt: skip


def known(number: int, texts: list[bytes]) -> Person:
    """What a holder knows of one person, read from the texts it keeps."""
    directives, unreadable = [], 0
    for text in texts:
        try:
            directives.append(read_directive(orjson.loads(text)))
        except (DirectiveError, orjson.JSONDecodeError):
            unreadable += 1
    return Person(
        subjects=frozenset({f"Patient/{number}"}), directives=tuple(directives), unreadable_directives=unreadable
    )


def in_bulk(people: list[list[bytes]]) -> Answers:
    """Everybody, from the texts to the answers."""
    everybody = (known(number, texts) for number, texts in enumerate(people))
    return prepare(QUESTION, SHARED).decide_people(everybody)


def only_read(people: list[list[bytes]]) -> int:
    """The floor: parse each text, and visit every element of every provision."""
    visited = 0
    for texts in people:
        for text in texts:
            waiting = [orjson.loads(text)["provision"]]
            while waiting:
                for name, value in waiting.pop().items():
                    visited += 1
                    if name == "provision":
                        waiting += value
    return visited


def population() -> Iterator[Ratio]:
    """100,000 people against one contract, beside reading them."""
    writer = Writer(7)
    people = [writer.person(number) for number in range(PEOPLE)]
    found = in_bulk(people[:2_000])
    for number, texts in enumerate(people[:2_000]):
        alone = decide(QUESTION, known(number, texts).facts(SHARED))
        verdict = found.verdicts[found.indices[number]]
        same = verdict.outcome is alone.outcome and (alone.permits or verdict.reason.code == alone.because[0].code)
        if not same:
            raise SystemExit(f"one by one and as a set differ about person {number}")
    settle()
    answers: list[Answers] = []
    ours, floor = turns(
        ROUNDS,
        lambda: timed(lambda: answers.append(in_bulk(people))).cpu,
        lambda: timed(lambda: only_read(people)).cpu,
    )
    if not answers[-1].permitted:
        raise SystemExit("nobody is permitted: this measures nothing")
    ratio = Ratio("population", ours / floor, BAR_BULK, False)
    yield show(f"{PEOPLE:,} people, full trees", f"{ours:.2f} s", f"{floor:.2f} s reading", ratio)
    told = ", ".join(
        f"{code} {count:,}" for code, count in sorted(answers[-1].by_code.items(), key=lambda one: -one[1])
    )
    print(f"  {told}")


class Times(NamedTuple):
    """How long something took: on the processor, and on the wall."""

    cpu: float
    wall: float


def timed(act: Callable[[], object]) -> Times:
    """Run something with an empty nursery, so that it pays for its own rubbish and for nobody else's."""
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    act()
    return Times(process_time() - cpu, perf_counter() - wall)


def settle() -> None:
    """Take all that is there now, the bench's own inputs foremost, from what the collector walks through."""
    gc.collect()
    gc.freeze()


def asking_of(question: Question, person: Person) -> Asking:
    """The request of a decision, as the explanation takes it."""
    return Asking(
        now=question.now, subjects=person.subjects, requester=frozenset({GROUP}), purposes=question.purposes,
        action=ACTIONS[question.action], custodians=frozenset({HOLDER}),
        known_actors=SHARED.known_actors | {GROUP, HOLDER},
    )  # fmt: skip


def persons() -> Iterator[tuple[Question, list[bytes], int]]:
    """Somebody else at another time for each decision, each with 50 consents of 20 rules."""
    writer = Writer(11)
    written = [
        [orjson.dumps(writer.consent(one, number, RULES - 1)) for number in range(CONSENTS)] for one in range(PERSONS)
    ]
    settle()
    for number in range(DECISIONS):
        yield replace(QUESTION, now=NOW + timedelta(seconds=number)), written[number % PERSONS], number % PERSONS


def one_decision() -> Iterator[Ratio]:
    """50 consents of 20 rules about one person: the 99th percentile, and the explanation."""
    first, later, told = list[Times](), list[Times](), list[Times]()
    for question, texts, number in persons():
        person = known(number, texts)  # just read: nothing of the last decision is left
        facts, asking = person.facts(SHARED), asking_of(question, person)
        first.append(timed(lambda q=question, f=facts: decide(q, f)))  # type: ignore[misc]
        later.append(timed(lambda q=question, f=facts: decide(q, f)))  # type: ignore[misc]
        told.append(timed(lambda a=asking, p=person: [step.words for step in explain(a, p.directives)]))  # type: ignore[misc]
    name = f"{CONSENTS} x {RULES} rules, p99"
    for when, times in (("first", first), ("again", later)):
        cpu, wall = percentile([one.cpu for one in times], 99), percentile([one.wall for one in times], 99)
        ratio = Ratio(f"p99 of 5 ms, {when}", cpu / BAR_P99, 1, False)
        yield show(f"{name}, {when}", f"{cpu * 1e3:.2f} ms", f"5 ms ({wall * 1e3:.2f} wall)", ratio)
    plain, more = (percentile([one.cpu for one in times], 50) for times in (later, told))
    ratio = Ratio("explanation", more / plain, BAR_EXPLAIN, False)
    yield show("explained in words, median", f"{more * 1e3:.2f} ms", f"{plain * 1e3:.2f} ms deciding", ratio)


def percentile(values: list[float], of_hundred: int) -> float:
    """The value that so many of a hundred do not exceed."""
    return sorted(values)[min(len(values) * of_hundred // 100, len(values) - 1)]


def main() -> int:
    """Everything, and one line of its ratios."""
    print(f"{'':<34}{'Concord':>18}{'floor':>20}{'ratio':>10}")
    ratios = [ratio for part in (one_decision, population) for ratio in part()]
    print("ratios: " + ", ".join(map(str, ratios)))
    return 0 if all(ratio.met for ratio in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
