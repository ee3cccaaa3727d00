"""In-memory explanations: enough for their pages."""

from __future__ import annotations

from connector.problems import missing
from connector.services.why.views import AnswerShown, CauseShown, MessageShown, Related, StepShown, TroubleRow, Why
from tests.unit.consent_ui.fakes.people import NOW
from tests.unit.consent_ui.fakes.staff import AGREEMENT

RULE = CauseShown("refused-by-rule", "A standing rule refuses.", "See `concord rules list`.", "they", "Not this year.")
DOWN = CauseShown("cannot-connect", "Nobody answers there.", "Ask them to start it.", "they")
MESSAGE = MessageShown(
    "urn:uuid:m1", "dsp.negotiation", "Heart Lab", "failing", 3, "cannot-connect", "status 503", NOW, NOW
)
FAILED = Why(
    "urn:uuid:w1", "negotiation", "Records", "provider", "Heart Lab", "failed", "terminated", RULE.words, [RULE],
    [StepShown(NOW, "Heart Lab", "requested"), StepShown(NOW, "Hospital", "terminated")],
    related=[Related("contract", AGREEMENT)],
)  # fmt: skip
HELD = Why(
    "urn:uuid:w2", "transfer", "Records", "consumer", "Heart Lab", "held-up", "started", DOWN.words, [DOWN, RULE], [],
    MESSAGE, AnswerShown(503, "disk-full", "There is no room"), ["12 people: The person said no."], NOW,
    "The message is sent again.",
)  # fmt: skip


class Explaining:
    """Two things that went wrong, unless it is the first day."""

    def __init__(self, empty: bool) -> None:
        self._all = {} if empty else {one.id: one for one in (FAILED, HELD)}

    async def troubles(self, actor) -> list[TroubleRow]:
        return [
            TroubleRow(
                one.id, one.kind, one.title, one.counterparty, one.standing, one.causes[0].code, one.headline, NOW
            )
            for one in self._all.values()
        ]

    async def explain(self, actor, id) -> Why:
        if id not in self._all:
            raise missing("Nothing of this id is known here, or not to you", "unknown-subject")
        return self._all[id]
