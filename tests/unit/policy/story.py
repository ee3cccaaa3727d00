"""One research contract, one consenting person, one question that is answered yes: every test starts from here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from policy.consent import ConsentRecord
from policy.decision import Action, Regime
from policy.facts import Facts, Question, Recipient
from policy.odrl import compiled
from policy.offers import research_offer

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
RESEARCH = "https://w3id.org/dpv/legal/eu/ehds#HealthcareScientificResearch"
ACADEMIC = "https://w3id.org/dpv#AcademicResearch"
MARKETING = "https://w3id.org/dpv#Marketing"
HOLDER, GROUP, WALLET = "urn:concord:hospital:11111111", "urn:concord:group:22222222", "urn:concord:wallet:33333333"
STUDY, DIGEST, DATASET, LINK = "urn:uuid:study", "5" * 64, "urn:uuid:dataset", "link-1"


class Story:
    """Builds the parts of a decision; each method takes what should differ from the plain yes."""

    now, research, academic, marketing = NOW, RESEARCH, ACADEMIC, MARKETING
    holder, group, wallet = HOLDER, GROUP, WALLET
    study, digest, dataset, link = STUDY, DIGEST, DATASET, LINK

    def offer(self, **changes):
        """The house's offer in wire form, ended at the end of 2027."""
        return research_offer("urn:uuid:offer", [RESEARCH], datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)) | changes

    def agreement(self, **changes):
        """The agreement made from the offer, in wire form."""
        parties = {"@type": "Agreement", "target": DATASET, "assigner": HOLDER, "assignee": GROUP}
        return self.offer() | {"@id": "urn:uuid:agreement"} | parties | changes

    def with_term(self, left, operator, right, **changes):
        """The agreement with one further constraint on its permission."""
        return self.with_constraint({"leftOperand": left, "operator": operator, "rightOperand": right}, **changes)

    def with_constraint(self, constraint, **changes):
        """The agreement with one further constraint, given whole."""
        agreement = self.agreement(**changes)
        agreement["permission"][0]["constraint"].append(constraint)
        return agreement

    def record_json(self, **changes):
        """A given consent as JSON."""
        return {
            "id": "urn:uuid:11111111-1111-4111-8111-111111111111",
            "version": 1,
            "previous": None,
            "state": "given",
            "study": STUDY,
            "study_digest": DIGEST,
            "link": LINK,
            "holder": HOLDER,
            "wallet": WALLET,
            "recipients": [GROUP],
            "purposes": [RESEARCH],
            "data": [{"dataset": DATASET, "categories": None}],
            "window": None,
            "decided_at": "2026-10-01T08:00:00Z",
            "valid_until": "2027-10-01T00:00:00Z",
            "words": {"version": "1", "language": "en", "digest": "a" * 64},
            "signer": {"kind": "self", "authority": None},
            "on_withdrawal": "erase",
        } | changes

    def record(self, **changes):
        """A given consent."""
        return ConsentRecord.from_json(self.record_json(**changes))

    def next(self, record, **changes):
        """The next version of a consent."""
        link = {"version": record.version + 1, "previous": record.digest()}
        return ConsentRecord.from_json(record.to_json() | link | changes)

    def question(self, **changes):
        """The research group asks for a release of the dataset."""
        plain = Question(
            regime=Regime.CONSENT,
            action=Action.RELEASE,
            now=NOW,
            requester=GROUP,
            dataset=DATASET,
            purposes=(RESEARCH,),
            study=STUDY,
            study_digest=DIGEST,
        )
        return replace(plain, **changes)

    def facts(self, **changes):
        """A contract in force, a person who said yes, a wallet heard an hour ago, an approved study, a German group."""
        if isinstance(changes.get("policy"), dict):
            changes["policy"] = compiled(changes["policy"])
        plain = Facts(
            policy=PLAIN_CONTRACT,
            holder=HOLDER,
            link=LINK,
            consents=(PLAIN_CONSENT,),
            heard_from_wallet_at=NOW - timedelta(hours=1),
            study_approved=True,
            recipient=Recipient(jurisdiction="DE", hosting=("DE",)),
            executors=frozenset({"pseudonymise", "erase-on-withdrawal"}),
        )
        return replace(plain, **changes)


story = Story()
PLAIN_CONTRACT = compiled(story.agreement())
PLAIN_CONSENT = story.record()
