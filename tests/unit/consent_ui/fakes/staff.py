"""In-memory services for researchers, stewards and data protection officers."""

from __future__ import annotations

from datetime import date, timedelta

from connector.problems import Problem
from policy.categories import words
from tests.unit.consent_ui.fakes import views as v
from tests.unit.consent_ui.fakes.people import CATEGORIES, HEART, HOSPITAL, LUMEN, NAMES, NOW, WORDS

GROUP = "Heart Rhythm Group, Ghent University"
AGREEMENT = "urn:uuid:a9c1b2d3-1111-4222-8333-444455556666"
PID = "urn:uuid:0f0e0d0c-1111-4222-8333-444455556666"
DATASET = "urn:concord:dataset:heart"
SENTENCES = [
    "It may be used for: scientific research in health and care.",
    "It may be used until 31 December 2028.",
    "Each person must have said yes to the study.",
    "Names and other marks of a person are replaced by a code name before anything leaves.",
    "It is not allowed to find out who a person is.",
    "It is not allowed to pass the data on.",
    "When a person stops, their data is deleted within 30 days.",
]
POLICY = {
    "@id": "urn:uuid:offer-1",
    "@type": "Offer",
    "permission": [
        {
            "action": "use",
            "constraint": [
                {
                    "leftOperand": "purpose",
                    "operator": "isA",
                    "rightOperand": "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch",
                }
            ],
        }
    ],
}
DIGEST = "4be07f9f1e0d1fb5c9d4b3a297867564a3b2c1d0e9f8a7b6c5d4e3f201122334"


def steps(*names: str, waiting: str = "") -> list[v.Step]:
    """The named steps are done; `waiting` is the next, the rest still to come."""
    order = ["requested", "agreed", "verified", "finalized"]
    by = {"requested": GROUP, "agreed": NAMES[HOSPITAL], "verified": GROUP, "finalized": NAMES[HOSPITAL]}
    return [
        v.Step(name, NOW - timedelta(days=2, seconds=-n) if name in names else None, by[name], name == waiting)
        for n, name in enumerate(order)
    ]


def transfers() -> list[v.TransferRow]:
    return [
        v.TransferRow(
            "urn:uuid:t2",
            "stream",
            "started",
            NOW - timedelta(minutes=3),
            None,
            "fewer than 10",
            904,
            268_120,
            [],
            [],
            None,
            "received/urn-uuid-t2.ndjson",
        ),
        v.TransferRow(
            "urn:uuid:t1",
            "records",
            "completed",
            NOW - timedelta(hours=5),
            NOW - timedelta(hours=5, seconds=-4),
            14,
            5_212,
            8_412_201,
            [
                ("The person has not answered this study. Silence is no.", "12"),
                ("The person said no to this study.", "fewer than 10"),
                ("Other reasons", "fewer than 10"),
            ],
            [("Outside the dates the person agreed to", 812), ("A kind of data the person did not agree to", 344)],
            True,
            "received/urn-uuid-t1.ndjson",
        ),
    ]


def stopped() -> list[v.WithdrawalRow]:
    return [
        v.WithdrawalRow(
            "urn:uuid:5d0c1a2b-1111-4222-8333-444455556666",
            NOW - timedelta(minutes=2),
            NOW - timedelta(minutes=2),
            NOW - timedelta(minutes=1),
            2,
            1_318,
        ),
        v.WithdrawalRow("urn:uuid:77ab1a2b-1111-4222-8333-444455556666", NOW - timedelta(minutes=1), NOW, None, 0, 0),
    ]


class Research:
    def __init__(self, empty: bool = False) -> None:
        self.empty = empty
        self.published: list[v.StudyDraft] = []
        self.asked: list[tuple[str, ...]] = []
        self.requested: list[str] = []

    async def home(self, actor) -> v.ResearchHome:
        if self.empty:
            return v.ResearchHome([], [], [], [], [])
        room = await self.room(actor, AGREEMENT)
        waiting = [
            v.Waiting(
                "The contract for Records on heart and blood pressure is ready: request the data",
                NOW - timedelta(days=2),
                f"/research/contracts/{AGREEMENT}",
                "Open the contract",
            )
        ]
        return v.ResearchHome(
            waiting, await self.negotiations(actor), await self.agreements(actor), room.transfers, room.withdrawals
        )

    async def providers(self, actor):
        return [] if self.empty else [(HOSPITAL, NAMES[HOSPITAL]), (LUMEN, NAMES[LUMEN])]

    async def catalogue(self, actor, provider, text="", category=None):
        if self.empty:
            return []
        entries = [
            v.CatalogueEntry(
                HOSPITAL,
                NAMES[HOSPITAL],
                DATASET,
                "Records on heart and blood pressure",
                "Adults seen in cardiology and primary care since 2016: diagnoses, medicines, laboratory results and measurements.",  # noqa: E501
                [words(k) for k in CATEGORIES],
                "records",
                [v.Offer("urn:uuid:offer-1", SENTENCES, POLICY)],
                "17 of 26 people are expected to say yes",
                "2016 to 2026",
            ),
            v.CatalogueEntry(
                LUMEN,
                NAMES[LUMEN],
                "urn:concord:dataset:rate",
                "Live heart rate and steps",
                "Heart rate every few seconds and step counts from wrist devices, as they are measured.",
                [words("heart-rate"), words("steps")],
                "stream",
                [v.Offer("urn:uuid:offer-2", SENTENCES, POLICY)],
                "fewer than 10",
                None,
            ),
        ]
        return [
            e
            for e in entries
            if (not provider or e.provider == provider)
            and text.lower() in (e.title + e.description).lower()
            and (not category or words(category) in e.categories)
        ]

    async def dataset(self, actor, provider, dataset):
        for entry in await self.catalogue(actor, provider):
            if entry.dataset == dataset:
                return entry
        raise Problem(404, "no-dataset", "Not found", "There is no such dataset in this catalogue.")

    async def studies(self, actor):
        if self.empty:
            return []
        return [
            v.StudyRow(
                HEART,
                "Early signs of heart failure",
                "published",
                NOW - timedelta(days=10),
                [(NAMES[HOSPITAL], "approved", NOW - timedelta(days=9)), (NAMES[LUMEN], "waiting", None)],
            )
        ]

    async def study(self, actor, study):
        if study != HEART:
            raise Problem(404, "no-study", "Not found", "There is no such study request here.")
        row = (await self.studies(actor))[0]
        return v.StudyView(
            row.id,
            row.title,
            row.state,
            row.published_at,
            row.approvals,
            "We look for the first signs of heart failure in blood tests and heart rate. This can help to treat people earlier.",  # noqa: E501
            WORDS,
            ["scientific research in health and care"],
            ["St Elisabeth Hospital: records on heart and blood pressure"],
            ["https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"],
            NOW + timedelta(days=130),
            NOW + timedelta(days=771),
        )

    async def publish_study(self, actor, draft):
        self.published.append(draft)
        return HEART

    async def negotiate(self, actor, *asked):
        self.asked.append(asked)
        return PID

    async def negotiations(self, actor):
        if self.empty:
            return []
        return [
            v.NegotiationRow(
                PID,
                NAMES[LUMEN],
                "Live heart rate and steps",
                "Early signs of heart failure",
                "agreed",
                NOW - timedelta(minutes=1),
            ),
            v.NegotiationRow(
                "urn:uuid:done",
                NAMES[HOSPITAL],
                "Records on heart and blood pressure",
                "Early signs of heart failure",
                "finalized",
                NOW - timedelta(days=2),
            ),
            v.NegotiationRow(
                "urn:uuid:ended",
                NAMES[HOSPITAL],
                "Records on heart and blood pressure",
                "Early signs of heart failure",
                "terminated",
                NOW - timedelta(days=4),
            ),
        ]

    async def negotiation(self, actor, pid):
        common = ("Early signs of heart failure",)
        if pid == "urn:uuid:ended":
            ended = [steps("requested")[0], v.Step("terminated", NOW - timedelta(days=4), NAMES[HOSPITAL], False)]
            return v.NegotiationView(
                pid,
                NAMES[HOSPITAL],
                "Records on heart and blood pressure",
                "terminated",
                ended,
                SENTENCES,
                None,
                "Research for profit lies outside the purposes on offer: scientific research in health and care.",
                *common,
            )
        if pid == "urn:uuid:done":
            return v.NegotiationView(
                pid,
                NAMES[HOSPITAL],
                "Records on heart and blood pressure",
                "finalized",
                steps("requested", "agreed", "verified", "finalized"),
                SENTENCES,
                AGREEMENT,
                None,
                *common,
            )
        return v.NegotiationView(
            pid,
            NAMES[LUMEN],
            "Live heart rate and steps",
            "agreed",
            steps("requested", "agreed", waiting="verified"),
            SENTENCES,
            None,
            None,
            *common,
        )

    async def agreements(self, actor):
        if self.empty:
            return []
        return [
            v.AgreementRow(
                AGREEMENT,
                NAMES[HOSPITAL],
                "Records on heart and blood pressure",
                "Early signs of heart failure",
                NOW - timedelta(days=2),
                NOW + timedelta(days=771),
                "finalized",
            )
        ]

    async def room(self, actor, agreement):
        if agreement != AGREEMENT:
            raise Problem(404, "no-contract", "Not found", "There is no such contract here.")
        return v.ContractRoom(
            AGREEMENT,
            "consumer",
            NAMES[HOSPITAL],
            "Records on heart and blood pressure",
            "Early signs of heart failure",
            "finalized",
            steps("requested", "agreed", "verified", "finalized"),
            SENTENCES,
            NOW - timedelta(days=2),
            NOW + timedelta(days=771),
            DIGEST,
            POLICY,
            [] if self.empty else transfers(),
            [] if self.empty else stopped(),
        )

    async def request_transfer(self, actor, agreement):
        self.requested.append(agreement)
        return "urn:uuid:t3"

    async def end_transfer(self, actor, pid):
        self.requested.append(f"end {pid}")


class Steward:
    def __init__(self, empty: bool = False) -> None:
        self.empty = empty
        self.asked = list  # what waits for a verdict; `negotiating.add` fills it in
        self.decided: dict[str, tuple[bool, str]] = {}
        self.broad: dict[str, bool] = {}
        self.published: list[v.DatasetDraft] = []
        self.taken_back: list[str] = []

    async def home(self, actor):
        studies = [s for s in await self.studies(actor) if s.state == "waiting"]
        made = [] if self.empty else (await Research().negotiations(actor))[:2]
        return v.StewardHome(studies, made, await self.datasets(actor), await self.sources(actor), self.asked())

    async def sources(self, actor):
        if self.empty:
            return []
        return [
            v.SourceRow("bundles", "Cardiology export", "fhir", 26, 48_211, NOW - timedelta(days=1), []),
            v.SourceRow(
                "old",
                "Archive 2009",
                "fhir",
                0,
                0,
                NOW - timedelta(days=60),
                ["3 files are not FHIR bundles", "12 records belong to nobody we know"],
            ),
        ]

    async def patients(self, actor, text=""):
        rows = [
            v.PatientRow("p1", "E-104-553", "Maria Jansen", date(1954, 3, 9), True),
            v.PatientRow("p2", "E-104-771", "Marian Peeters", date(1981, 12, 30), False),
        ]
        return [row for row in rows if text.lower() in row.name.lower() or text == row.number]

    async def make_link_code(self, actor, patient):
        return v.LinkCode("K7PQ-3M9X", NOW + timedelta(days=7), "Marian Peeters")

    async def datasets(self, actor):
        if self.empty:
            return []
        return [
            v.DatasetRow(
                DATASET,
                "Records on heart and blood pressure",
                "records",
                "withdrawn" if DATASET in self.taken_back else "published",
                "Cardiology export",
                SENTENCES,
                26,
                "17",
                NOW - timedelta(days=12),
            ),
            v.DatasetRow(
                "urn:concord:dataset:old",
                "Vaccinations before 2010",
                "records",
                "withdrawn",
                "Archive 2009",
                SENTENCES,
                26,
                None,
                NOW - timedelta(days=50),
            ),
        ]

    async def dataset(self, actor, dataset):
        for row in await self.datasets(actor):
            if row.id == dataset:
                return row
        raise Problem(404, "no-dataset", "Not found", "There is no such dataset here.")

    async def publish_dataset(self, actor, draft):
        self.published.append(draft)
        return DATASET

    async def withdraw_dataset(self, actor, dataset):
        self.taken_back.append(dataset)

    async def studies(self, actor):
        if self.empty:
            return []
        summary = "We look for the first signs of heart failure in blood tests and heart rate. This can help to treat people earlier."  # noqa: E501
        state = {None: "waiting", True: "approved", False: "refused"}[
            self.decided[HEART][0] if HEART in self.decided else None
        ]
        done = (NOW, "An Steward") if HEART in self.decided else (None, None)
        return [
            v.StudyForDecision(
                "urn:uuid:old",
                "Blood sugar at night",
                GROUP,
                summary,
                WORDS,
                ["scientific research in health and care"],
                ["Records on heart and blood pressure: laboratory results"],
                "approved",
                NOW - timedelta(days=30),
                NOW - timedelta(days=29),
                "Pieter Steward",
            ),
            v.StudyForDecision(
                HEART,
                "Early signs of heart failure",
                GROUP,
                summary,
                WORDS,
                ["scientific research in health and care"],
                ["Records on heart and blood pressure: everything in it"],
                state,
                NOW - timedelta(hours=6),
                *done,
            ),
        ]

    async def decide_study(self, actor, study, approve, reason, broad_consent=False):
        self.decided[study] = (approve, reason)
        self.broad[study] = broad_consent


class Dpo:
    def __init__(self, empty: bool = False) -> None:
        self.empty = empty
        self.broken = False

    async def home(self, actor):
        overdue = [row for row in await self.withdrawals(actor) if row.overdue]
        return v.DpoHome(
            len(await self.contracts(actor)), overdue, 0 if self.empty else 13, v.LogState(0 if self.empty else 412)
        )

    async def contracts(self, actor):
        rows = await Research(self.empty).agreements(actor)
        return [v.AgreementRow(r.id, GROUP, r.dataset, r.study_title, r.made_at, r.until, r.state) for r in rows]

    async def history(self, actor, agreement):
        room = await Research().room(actor, agreement)
        decisions = [
            v.DecisionRow(f"urn:uuid:d{n}", NOW - timedelta(hours=5), code, outcome, reason)
            for n, (code, outcome, reason) in enumerate(
                [
                    ("F3K9-22QX", "permit", "The person agreed."),
                    ("M0PP-81TA", "deny", "The person said no to this study."),
                    ("ZZ41-0BNC", "indeterminate", "A consent of this person cannot be read."),
                ]
            )
        ]
        return v.History(room, await self.log(actor, -1, 4), decisions)

    async def decision(self, actor, decision):
        if decision == "urn:uuid:d0":
            return v.DecisionView(
                decision,
                NOW - timedelta(hours=5),
                "permit",
                [
                    ("consent", "consent-given", "The person agreed.", "urn:uuid:c-1#1"),
                    (
                        "policy",
                        "purpose-offered",
                        "The purpose lies within those on offer.",
                        "/permission/0/constraint/0",
                    ),
                ],
                ["Only laboratory results and medicines", "Only what happened from 1 January 2016 on"],
                ["Pseudonymise before release", "Erase when the person withdraws"],
                [],
                NOW + timedelta(days=771),
                {
                    "regime": "consent",
                    "action": "release",
                    "purposes": ["https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"],
                },
                "The person withdrew their consent.",
            )
        return v.DecisionView(
            decision,
            NOW - timedelta(hours=5),
            "deny",
            [
                (
                    "policy",
                    "purpose-not-offered",
                    "The purpose is research for profit, and this offer allows scientific research in health and care.",
                    "/permission/0/constraint/0",
                ),
                ("consent", "refused", "The person said no to this study.", "urn:uuid:c-2#1"),
            ],
            [],
            [],
            ["a constraint on the weather"],
            None,
            {"regime": "consent", "action": "release"},
            "The purpose were scientific research, and the person said yes.",
        )

    async def replay(self, actor, decision):
        return v.Replay(
            not self.broken,
            NOW,
            "deny" if decision != "urn:uuid:d0" else "permit",
            ["The second reason differs"] if self.broken else [],
        )

    async def log(self, actor, after, limit):
        if self.empty:
            return []
        kinds = [
            ("agreement", "An agreement was made", AGREEMENT),
            ("decision", "Who may get what was decided for 26 people", "urn:uuid:t1"),
            ("release", "Records left", "urn:uuid:t1"),
            ("withdrawal", "A person stopped sharing", "urn:uuid:5d0c1a2b"),
            ("statement", "A receiver signed that data is deleted", "urn:uuid:5d0c1a2b"),
        ]
        last = 130
        return [
            v.LogRow(None if n == last else n, NOW - timedelta(minutes=last - n), *kinds[n % 5], n != last)
            for n in range(after + 1, min(after + 1 + limit, last + 1))
        ]

    async def entry(self, actor, index):
        if index > 130:
            raise Problem(404, "no-entry", "Not found", "The log has no such entry.")
        row = (await self.log(actor, index - 1, 1))[0]
        return v.LogEntryView(
            row,
            DIGEST,
            [DIGEST[::-1], DIGEST[5:] + DIGEST[:5], DIGEST[9:] + DIGEST[:9]],
            DIGEST[20:] + DIGEST[:20],
            131,
            "st-elisabeth-hospital.example/log\n131\n+3c1lZl9vQ0a7yV9J2k0Zl3wq8aXn2mP1s9o0dE4w7U=\n\n- st-elisabeth-hospital.example/log 2Qk0ab91Zb7c\n",  # noqa: E501
        )

    async def verify(self, actor):
        return (
            v.LogVerdict(False, 130, 77, "its content does not fit its fingerprint", NOW)
            if self.broken
            else v.LogVerdict(True, 131, None, "", NOW)
        )

    async def withdrawals(self, actor):
        if self.empty:
            return []
        return [
            v.NoticeRow(
                "urn:uuid:5d0c1a2b-1111",
                NOW - timedelta(minutes=2),
                GROUP,
                "erase",
                NOW - timedelta(minutes=2),
                NOW - timedelta(minutes=2),
                NOW - timedelta(minutes=1),
                NOW + timedelta(days=30),
                False,
            ),
            v.NoticeRow(
                "urn:uuid:90abcdef-1111",
                NOW - timedelta(days=34),
                "Pharma Insight",
                "erase",
                NOW - timedelta(days=34),
                None,
                None,
                NOW - timedelta(days=4),
                True,
            ),
        ]
