"""An in-memory simulator: what a steward reads of who could get what."""

from __future__ import annotations

from dataclasses import replace

from connector.services.simulating import Held, Outlook
from tests.unit.consent_ui.fakes.people import HEART
from tests.unit.consent_ui.fakes.staff import AGREEMENT, DATASET, GROUP, SENTENCES


class Simulator:
    """Who could get what today: one contract in force, one study that waits, one that would be refused."""

    def __init__(self, empty: bool = False) -> None:
        self.empty = empty

    async def today(self, _actor: object) -> list[Outlook]:
        if self.empty:
            return []
        first = Outlook(
            recipient="urn:concord:research:00000001", recipient_name=GROUP, dataset=DATASET,
            dataset_title="Records on heart and blood pressure", study=HEART,
            study_title="Early signs of heart failure",
            purpose="https://w3id.org/dpv#AcademicResearch", purpose_words="academic research", standing="contract",
            causes=[], terms=SENTENCES, people=1240, permitted=812, agreement=AGREEMENT,
            held=[Held("The person has not answered the study.", 390), Held("The person said no.", 38)],
        )  # fmt: skip
        waiting = replace(first, standing="refused", agreement="", permitted=0, if_approved=812,
                          causes=["The study has not been approved by the data holder."],
                          held=[Held("The study has not been approved by the data holder.", 1240)])  # fmt: skip
        return [first, waiting]
