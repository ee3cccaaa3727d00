"""Ending a consent: stopping new use, stopping with deletion. It takes no reason, and no more steps than giving."""

from __future__ import annotations

from connector.ports import Transaction
from connector.problems import conflict, invalid
from connector.records import Study, WalletConsent, WalletLink
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.wallet.speaking import GIVING, Speaker, check_no, disagreement, speaker_in
from connector.services.wallet.versions import Versions
from contracts.study import StudyRequest


class Stops:
    """Ends consents on behalf of the person who is signed in, or of one they act for."""

    def __init__(self, context: Context, versions: Versions) -> None:
        self._context = context
        self._versions = versions

    async def withdraw(self, actor: Actor, study_id: str, kind: str, *, account: str | None = None) -> None:
        """Stop sharing with a study, at every holder: `erase` (stop and delete) or `stop` (stop new use).

        After a weak sign-in it is taken as a pause, and where another guardian wants the contrary it rests.
        """
        require(actor, *(("operator",) if account else ("patient", "operator")))
        if kind not in ("erase", "stop"):
            raise invalid("This is not a way to stop", "kind", "erase or stop")

        def command(tx: Transaction) -> None:
            speaker = speaker_in(tx, actor, self._context.clock(), study_id, account)
            check_no(tx, speaker, self._context.clock())
            mine = tx.find(WalletConsent, account=speaker.account, study=study_id, current=True)
            given = [consent for consent in mine if _can_still_stop(consent, kind)]
            if not given:
                raise conflict("You are not sharing anything with this study")
            study = StudyRequest.read((tx.get(Study, study_id) or Study(id="", organisation="")).document)
            for consent in given:
                link = tx.get(WalletLink, consent.link)
                if link is not None:
                    self._stop(tx, speaker, study, link, consent, kind)

        await self._context.store.write(command)

    def _stop(
        self, tx: Transaction, speaker: Speaker, study: StudyRequest, link: WalletLink, consent: WalletConsent,
        kind: str,
    ) -> None:  # fmt: skip
        rests = disagreement(tx, speaker, link, study.id, "no", self._context.clock())
        state, says = ("suspended", {}) if rests or speaker.weak else ("withdrawn", {"on_withdrawal": kind})
        claims = self._versions.claims(study, link, state, speaker, consent, **says)
        self._versions.keep(tx, speaker, link, claims, consent, wish="no")


def _can_still_stop(consent: WalletConsent, kind: str) -> bool:
    """What is given or paused can be stopped; what was stopped without deleting can still be deleted."""
    stopped = consent.state == "withdrawn" and (consent.record or {}).get("on_withdrawal") == "stop"
    return consent.state in GIVING | {"suspended"} or (stopped and kind == "erase")
