"""An in-memory simulator: what a steward reads of who could get what."""

from __future__ import annotations

from dataclasses import replace

from connector.services.simulating import Held, Outlook
from tests.unit.consent_ui.fakes.people import HEART
from tests.unit.consent_ui.fakes.staff import AGREEMENT, DATASET, GROUP, SENTENCES

UNAPPROVED = "The study has not been approved by the data holder."
SUGAR_AT_NIGHT = "urn:uuid:old"
"""A study that is approved already (`fakes.staff`)."""


class Simulator:
    """Who could get what today: what is in force, what could be agreed, what is refused, and a study that waits."""

    def __init__(self, empty: bool = False) -> None:
        self.empty = empty

    async def today(self, _actor: object) -> list[Outlook]:
        if self.empty:
            return []
        in_force = Outlook(
            recipient="urn:concord:research:00000001", recipient_name=GROUP, dataset=DATASET,
            dataset_title="Records on heart and blood pressure", study=SUGAR_AT_NIGHT,
            study_title="Blood sugar at night",
            purpose="https://w3id.org/dpv#AcademicResearch", purpose_words="academic research", standing="contract",
            causes=[], terms=SENTENCES, people=26, permitted=17, agreement=AGREEMENT,
            held=[Held("The person has not answered the study.", 6), Held("The person said no.", 3)],
        )  # fmt: skip
        possible = replace(in_force, recipient_name="Sleep Centre, Leuven", standing="possible", agreement="")
        selling = replace(possible, recipient_name="Pharma Insight", standing="refused", permitted=0, held=[],
                          purpose="https://w3id.org/dpv#CommercialResearch", purpose_words="commercial research",
                          causes=["The purpose lies outside those on offer.", "The recipient keeps data in a country "
                                  "whose law does not protect it well enough."],
                          unless=["the purpose were academic research", "the recipient were known to keep the data in "
                                  "a country where the law protects it well enough"])  # fmt: skip
        waiting = replace(in_force, study=HEART, study_title="Early signs of heart failure", standing="refused",
                          agreement="", permitted=0, if_approved=1, causes=[UNAPPROVED],
                          unless=["the study were approved by the data holder"],
                          held=[Held(UNAPPROVED, 26)])  # fmt: skip
        return [in_force, possible, selling, waiting]
