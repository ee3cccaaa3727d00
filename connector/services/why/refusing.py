"""Causes of refused requests: data, people, the vault, this machine (problem codes, second part).

Code -> (who acts, what it means, what to do).
"""

from collections.abc import Mapping
from types import MappingProxyType

from connector.services.why.delivering import DPO, NOBODY, OPERATOR, RESEARCHER, STEWARD, THEY

_PERSON = "person"
_READ = "The answer names the place (`where`) and what would be accepted (`accepted`)."

CAUSES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        # Data on its way.
        "not-open": (RESEARCHER, "The transfer is not open: it is paused, over, or its contract does not count now.",
            "Ask `concord why` about the transfer."),
        "bad-token": (RESEARCHER, "The token opens nothing here.",
            "Ask the sender for a fresh address: pause the transfer and let it go on."),
        "no-push": (THEY, "No push has come to its end yet.", "Push the release again, then its manifest."),
        "no-such-format": (RESEARCHER, "This form of a release is not offered.", _READ),
        "not-complete": (RESEARCHER, "Not every segment has been fetched.",
            "Fetch what is missing, then the manifest."),
        "unknown-manifest": (RESEARCHER, "No complete release is known that this one could carry on from.",
            "Ask for a whole release: `concord transfer` without `--since-last`."),
        "tombstone": (RESEARCHER, "Somebody stopped, and nobody could find them in these bytes.",
            "Bring the data as NDJSON with each person's code."),
        "erased": (NOBODY, "This was erased.", "Nothing: nobody who was erased comes back."),
        "nothing-received": (RESEARCHER, "Nothing usable has arrived under this contract.",
            "`concord received files` shows what came; `concord why` says why it did not."),
        "no-received-data": (OPERATOR, "This process keeps no received data.", "Ask the process that fetches."),
        "not-usable": (RESEARCHER, "The data may not be used now.", "The words say why; see the contract."),
        "chain-broken": (RESEARCHER, "What this release carries on from is not here.", "Ask for a whole release."),
        "not-answered": (RESEARCHER, "The question to received data is not answered.",
            "The words say what is refused."),
        "people-unknown": (RESEARCHER, "Nobody can see whether people who stopped are in what was registered.",
            "Say which codes it holds, or make it from the files as they are now."),
        "still-in-it": (RESEARCHER, "Somebody who stopped is still in the file.", "Make it anew without their rows."),
        "no-profile": (STEWARD,
            "The de-identification profile that the contract names is gone, broken or not for these records.",
            "`concord profile list` shows which there are; add that one again, or agree on changed terms."),
        # De-identification.
        "not-deidentified-*": (STEWARD, "A record cannot be de-identified, so it is not passed on.", _READ),
        "rules": (STEWARD, "A rule file cannot be used.", "`concord deidentify` reports each rule that is refused."),
        "unknown-profile": (STEWARD, "There is no profile of this name.", "`concord profile list`."),
        "bad-label-rules": (OPERATOR, "The rules for security labels cannot be used.",
            "Correct the file `label_rules`."),
        "another-profile": (THEY, "What the provider sent is not the profile that the contract names.",
            "Ask its steward for exactly that one."),
        "not-reached": (THEY, "The provider cannot be reached now.",
            "Try again later; `concord doctor` tries everybody."),
        "not-our-own": (STEWARD, "This profile comes with Concord, so it stays.", "Offer under another one."),
        "still-offered": (STEWARD, "Datasets are still offered under this profile.", "Withdraw those offers first."),
        "retired": (STEWARD, "This profile was retired.", "Add it under another version: `concord profile add`."),
        "not-sealed-for-them": (DPO, "A sealed text is of somebody else, or was changed.",
            "Bring a text from a line with the code of the case."),
        # Sources and devices.
        "nothing-to-read": (STEWARD, "There was nothing to import.", "Name a file or folder with FHIR bundles."),
        "batch-not-accepted": (STEWARD, "What a device sent cannot be used.", _READ),
        "too-fast": (NOBODY, "A device sends too often.", "It waits and sends again."),
        "rate-limited": (OPERATOR, "Somebody came more often than they may.",
            "Whoever it was waits and comes again. Where honest work is held up, raise `limit_participant`, "
            "`limit_address` or `limit_person`; behind a proxy set `forwarded_allow_ips`, else all are one address."),
        "unknown-device": (STEWARD, "The device's token is not known.", "Register the device anew."),
        # People, links and consents.
        "bad-statement": (THEY, "A signed statement does not verify, or says something else.",
            "Ask them which key they sign with, and whether our register has it."),
        "consent-not-accepted": (THEY, "A consent that was delivered cannot be used.", f"Ask the wallet; {_READ}"),
        "broken-chain": (THEY, "A version of a consent does not follow the one we have.",
            "Have the wallet deliver all."),
        "unknown-person": (THEY, "The wallet names a link we never gave.",
            "Link the person anew: `concord link code`."),
        "has-a-wallet": (STEWARD, "This person answers in their own wallet.", "Ask them to do it there."),
        "code-not-valid": (_PERSON, "The link code was used, has run out or was mistyped.", "Ask for a new one."),
        "too-many-codes": (_PERSON, "Too many codes were tried.", "Wait ten minutes."),
        "foreign-form": (_PERSON, "A form did not come from the place it names.", "Begin anew from that place."),
        "minor": (_PERSON, "The person is too young to say yes alone.", "A parent or guardian says yes."),
        "too-young": (_PERSON, "The person is too young to answer.", "A parent or guardian answers."),
        "own-no": (_PERSON, "The person's own no counts, and only they can take it back.", "Ask the person."),
        "disagreement": (_PERSON, "People who act for this person disagree.", "Whoever opted out takes it back."),
        "no-authority": (_PERSON, "The authority to act for this person is missing or over.",
            "See `concord authority`."),
        "outside-authority": (_PERSON, "The authority is not about this.", "See `concord authority`."),
        "not-yours-to-end": (_PERSON, "Only others can end this authority.", "Ask the people who run the wallet."),
        "not-introduced": (OPERATOR, "This participant has not finished starting.", "Try again in a moment."),
        # Cases and emergencies.
        "own-case": (DPO, "Who asks does not approve.", "Have somebody else approve."),
        "case-over": (DPO, "The case is over.", "Open a new one: `concord reidentify`."),
        "not-in-case": (DPO, "Only those in the case open it.", "Ask one of them."),
        "own-emergency": (DPO, "Who declared an emergency does not review it.", "Have somebody else review it."),
        "emergency-over": (NOBODY, "The emergency is over.", "Declare a new one, if there is one."),
        "not-in-emergency-group": (OPERATOR, "This account may not declare an emergency.", "See `emergency_accounts`."),
        "no-factor": (_PERSON, "An emergency needs a second factor.", "Sign in again just before."),
        "not-opened": (NOBODY, "What was asked for in an emergency is not opened.", "The words say why."),
        # The log.
        "log-empty": (NOBODY, "There is nothing in the log yet.", "Nothing."),
        "log-damaged": (OPERATOR, "A row of the log cannot be written out.",
            "`concord audit verify`; keep the directory as it is."),
        "unknown-subject": (NOBODY, "There is nothing of this name.", "Compare the id: `concord why ID`."),
        # Backups and databases.
        "no-store": (OPERATOR, "There are no records in this directory.",
            "Name the right directory, or restore a backup."),
        "backup-changed": (OPERATOR, "The backup is not as it was made.", "Restore an older one that is whole."),
        "other-engine": (OPERATOR, "The backup is of the other kind of store.",
            "Set or leave out `database_url` as it was when the backup was made."),
        "program-missing": (OPERATOR, "A program of PostgreSQL is not installed.", "Install its client programs."),
        "store-not-copied": (OPERATOR, "The database's own program did not make the copy.",
            "Run it by hand to see why; look at rights and room."),
        # This machine and the command line.
        "no-participant": (OPERATOR, "There is no participant in this directory.",
            "`concord init`, or name the right `--directory`."),
        "bad-settings": (OPERATOR, "The settings cannot be used.", "Correct what the words name in `concord.toml`."),
        "no-servers": (OPERATOR, "The production engine of the demonstration needs servers that run.",
            "Start PostgreSQL and Redis, and name them as the words say."),
        "exists": (OPERATOR, "There is a participant in this directory already.", "Choose another directory."),
        "in-use": (OPERATOR, "Another process uses this directory.", "Stop it first, or use the one that runs."),
        "not-serving": (OPERATOR, "Others must be able to answer us while this runs.", "`concord serve` first."),
        "not-started": (OPERATOR, "The participant could not start.", "Read its log, then `concord doctor`."),
        "port-taken": (OPERATOR, "Nothing can listen on this port.", "Free it, or set `port` and `public_url`."),
        "file-exists": (NOBODY, "There is a file of this name already.", "Choose a new name."),
        "not-for-the-screen": (NOBODY, "This is no text.", "Write it to a file: `--output FILE`."),
        "import": (NOBODY, "The demonstration's records were not imported.", "Read the words; begin the demo anew."),
        "cannot-start": (OPERATOR, "The demonstration could not start.", "Read the words; free its ports."),
    }
)  # fmt: skip
