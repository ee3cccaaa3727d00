"""In-memory services for a person: enough to play every page of theirs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from connector.problems import Problem
from policy.categories import words
from tests.unit.consent_ui.fakes import views as v

NOW = datetime(2026, 11, 21, 14, 5, 9, tzinfo=UTC)
HOSPITAL, LUMEN, LAB = (
    "urn:concord:st-elisabeth-hospital:3f9a2c1b",
    "urn:concord:lumen-watches:77aa01cd",
    "urn:concord:citylab:9e9e9e9e",
)
NAMES = {HOSPITAL: "St Elisabeth Hospital", LUMEN: "Lumen Watches", LAB: "City Laboratory"}
HEART, SLEEP, SUGAR = (f"urn:uuid:6f1d2c3b-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
WORDS = {
    "why": "Heart failure is often found late. We want to see which small changes come first, so that doctors can act earlier.",  # noqa: E501
    "who_sees": "Six researchers of the Heart Rhythm Group at Ghent. They see codes, never names. No company sees the data.",  # noqa: E501
    "stored_where": "On a locked computer of the university in Belgium. It is not connected to the internet.",
    "if_you_say_no": "Nothing. Your care stays the same, and nobody at the hospital is told what you chose.",
    "risks": "Somebody who knows a lot about you could guess that a record is yours. We forbid trying, and we make dates and ages less exact.",  # noqa: E501
    "money": "Nobody earns money with your data. The study is paid by public funds.",
}
CATEGORIES = ["conditions", "medications", "laboratory", "vital-signs", "procedures", "encounters"]


def kinds(*keys: str) -> list[tuple[str, str]]:
    return [(key, words(key)) for key in keys]


class Wallet:
    """One person's wallet; `empty` is a person on their first day."""

    def __init__(self, empty: bool = False) -> None:
        self.places: dict[str, datetime] = (
            {} if empty else {HOSPITAL: NOW - timedelta(days=40), LUMEN: NOW - timedelta(days=39)}
        )
        self.answers: dict[str, v.Answer] = {} if empty else {SLEEP: v.Answer("yes", {}, None, None)}
        self.linking: set[str] = set()
        self.stopped: dict[str, str] = {} if empty else {SUGAR: "erase"}
        self.finished = False
        self.empty = empty
        self.asked: list[v.Answer] = []

    async def home(self, actor) -> v.PersonHome:
        cards = await self.permissions(actor)
        waiting = [] if HEART in self.answers else [self._card()]
        active = [card for card in cards if card.state == "given"]
        last = None if self.empty else NOW - timedelta(hours=21)
        return v.PersonHome(
            actor.name, waiting, active, [c for c in cards if c.state != "given"], self._links(), len(active), last
        )

    def _card(self) -> v.StudyCard:
        page = self._study(HEART)
        return v.StudyCard(page.id, page.title, page.organisation_name, page.summary, page.answer_until)

    def _links(self) -> list[v.LinkCard]:
        return [
            v.LinkCard(f"urn:uuid:link-{n}", holder, NAMES[holder], at)
            for n, (holder, at) in enumerate(self.places.items())
        ]

    async def holders(self, actor) -> list[v.HolderChoice]:
        return [v.HolderChoice(key, name, key in self.places) for key, name in NAMES.items()]

    async def link(self, actor, holder, code) -> v.LinkCard:
        if code.replace("-", "").upper() != "K7PQ3M9X":
            raise Problem(
                400,
                "code-unknown",
                "Not linked",
                "This code does not fit, or it was used already. Ask the place for a new one",
            )
        self.places[holder] = NOW
        return self._links()[-1]

    def _study(self, study: str) -> v.StudyPage:
        titles = {
            HEART: "Early signs of heart failure",
            SLEEP: "Sleep and high blood pressure",
            SUGAR: "Blood sugar at night",
        }
        if study not in titles:
            raise Problem(404, "no-study", "Not found", "There is no such study for you.")
        return v.StudyPage(
            study,
            titles[study],
            "We look for the first signs of heart failure in blood tests and heart rate. This can help to treat people earlier.",  # noqa: E501
            "Heart Rhythm Group, Ghent University",
            WORDS,
            ["scientific research in health and care"],
            self._datasets(),
            (date(2016, 1, 1), date(2027, 12, 31)),
            NOW + timedelta(days=130),
            NOW + timedelta(days=770),
            "Dr. Lies Van Damme",
            "heart-study@ugent.example",
            ["Heart Rhythm Group, Ghent University"],
            [(NAMES[HOSPITAL], NOW - timedelta(days=9)), (NAMES[LUMEN], NOW - timedelta(days=8))],
            self._answered(study),
            "1, English",
            "9f2b44a0c1d37e5586e0f1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6",
            linking=study in self.linking,
        )

    def _answered(self, study: str) -> str | None:
        if study in self.stopped:
            return "withdrawn"
        return {"yes": "given", "no": "refused"}[self.answers[study].decision] if study in self.answers else None

    def _datasets(self) -> list[v.DatasetChoice]:
        return [
            v.DatasetChoice(
                "urn:concord:dataset:heart",
                HOSPITAL,
                NAMES[HOSPITAL],
                "Records on heart and blood pressure",
                kinds(*CATEGORIES),
                HOSPITAL in self.places,
            ),
            v.DatasetChoice(
                "urn:concord:dataset:rate",
                LUMEN,
                NAMES[LUMEN],
                "Live heart rate and steps",
                kinds("heart-rate", "steps"),
                LUMEN in self.places,
            ),
        ]

    async def study(self, actor, study) -> v.StudyPage:
        return self._study(study)

    async def answer(self, actor, study, answer) -> v.Receipt:
        self.asked.append(answer)
        self.answers[study] = answer
        self.stopped.pop(study, None)
        return await self.receipt(actor, f"urn:uuid:c-{study[-1]}")

    async def receipt(self, actor, consent) -> v.Receipt:
        study = f"{HEART[:-1]}{consent[-1]}"
        page = self._study(study)
        answer = self.answers.get(study, v.Answer("yes", {}, None, None))
        chosen = [
            (
                d.holder_name,
                d.title,
                [w for k, w in d.categories if answer.datasets[d.dataset] is None or k in answer.datasets[d.dataset]],
            )
            for d in page.datasets
            if d.dataset in answer.datasets
        ]
        return v.Receipt(
            consent,
            page.title,
            page.organisation_name,
            answer.decision,
            NOW,
            page.valid_until,
            chosen or [(NAMES[HOSPITAL], page.datasets[0].title, [words("laboratory"), words("vital-signs")])],
            (answer.window_start, answer.window_end),
            page.digest,
            page.text_version,
            "kBa1qXz0Vn3tU4Lx9m2cPw",
            [
                v.Delivery(NAMES[HOSPITAL], "acknowledged", NOW + timedelta(seconds=1)),
                v.Delivery(NAMES[LUMEN], "waiting", None),
            ],
            {"id": consent, "study": study, "state": "given"},
            "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
            study,
        )

    async def permissions(self, actor) -> list[v.PermissionCard]:
        cards = []
        for study, answer in self.answers.items():
            page = self._study(study)
            yes = answer.decision == "yes"
            state = "withdrawn" if study in self.stopped else "given" if yes else "refused"
            data = (
                ["St Elisabeth Hospital: laboratory results; measurements such as blood pressure, weight and height"]
                if yes
                else []
            )
            waiting = [v.Delivery(NAMES[LUMEN], "waiting", None)] if study == HEART and yes else []
            cards.append(
                v.PermissionCard(
                    study,
                    page.title,
                    page.organisation_name,
                    state,
                    NOW - timedelta(days=20),
                    page.valid_until,
                    data,
                    [f"urn:uuid:c-{study[-1]}"],
                    waiting,
                    renew=study == SLEEP and yes,
                )
            )
        cards += [
            v.PermissionCard(
                study,
                self._study(study).title,
                self._study(study).organisation_name,
                "withdrawn",
                NOW - timedelta(days=3),
                None,
                [],
                [f"urn:uuid:c-{study[-1]}"],
                [],
            )
            for study in self.stopped
            if study not in self.answers
        ]
        return cards

    async def withdraw(self, actor, study, kind) -> v.Progress:
        self.stopped[study] = kind
        return await self.progress(actor, study)

    async def progress(self, actor, study) -> v.Progress:
        if study not in self.stopped:
            raise Problem(404, "not-stopped", "Not found", "You have not stopped this study.")
        asked = NOW - timedelta(minutes=4)
        at = [asked + timedelta(seconds=s) for s in (0.2, 0.4, 0.6, 1.1)]
        done = v.RecipientProgress(
            "Heart Rhythm Group, Ghent University",
            at[1],
            at[1],
            at[2],
            at[3],
            None,
            2,
            1_318,
            True,
            NOW + timedelta(days=30),
            None,
        )
        slow = v.RecipientProgress(
            "Heart Rhythm Group, Ghent University",
            at[1],
            at[1],
            None,
            None,
            None,
            0,
            0,
            False,
            NOW + timedelta(days=30),
            at[1],
        )
        holders = [v.HolderProgress(NAMES[HOSPITAL], "reached", asked, at[0], [done if self.finished else slow])]
        if not self.finished:
            holders.append(v.HolderProgress(NAMES[LUMEN], "not-yet-reached", asked, None, []))
        return v.Progress(study, self._study(study).title, self.stopped[study], asked, self.finished, holders)

    async def uses(self, actor) -> list[v.Use]:
        if self.empty:
            return []
        group, sleep = "Heart Rhythm Group, Ghent University", "Sleep and high blood pressure"
        return [
            v.Use(NOW - timedelta(hours=21), "release", NAMES[HOSPITAL], group, sleep, 412, None),
            v.Use(NOW - timedelta(days=2), "stream", NAMES[LUMEN], group, sleep, 8_640, None),
            v.Use(
                NOW - timedelta(days=3),
                "refused",
                NAMES[HOSPITAL],
                group,
                "Blood sugar at night",
                None,
                "You had stopped sharing with this study",
            ),
            v.Use(NOW - timedelta(days=26), "release", NAMES[HOSPITAL], group, "Blood sugar at night", 1, None),
            v.Use(
                NOW - timedelta(days=33),
                "refused",
                NAMES[HOSPITAL],
                "Pharma Insight",
                "Market study on statins",
                None,
                "You had said no to research for profit",
            ),
        ]

    async def coverage(self, actor) -> list[tuple[str, datetime]]:
        return [(NAMES[holder], at) for holder, at in self.places.items()]

    async def export(self, actor) -> dict[str, object]:
        return {"links": list(self.places), "answers": len(self.answers)}
