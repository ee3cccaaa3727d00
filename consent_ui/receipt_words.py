"""How a receipt says what was answered, by whom and how. The paper a person downloads uses the same words."""

from __future__ import annotations

from connector.services.rights.papers import SIGNERS, TITLES

ANSWERS = {
    "given": "Yes", "renewed": "Yes, again", "yes": "Yes", "refused": "No", "withdrawn": "Stop", "suspended": "Pause",
    "deferred": "Later", "draft": "Not finished", "requested": "None yet",
    "terminated": "Ended by the study", "invalidated": "Declared invalid",
}  # fmt: skip
CHANNELS = {
    "portal": "On this wallet's pages", "api": "Taken down by the wallet's staff", "paper": "On paper",
    "phone": "By telephone", "desk": "At the desk of the place, with staff's help",
    "import": "Taken over from elsewhere",
}  # fmt: skip


def receipt_title(state: str) -> str:
    """What an answer means now, as the title of its receipt."""
    return TITLES.get(state, "Your answer")


def answer_word(state: str) -> str:
    """The answer itself, in a word."""
    return ANSWERS.get(state, "No")


def signer_words(kind: str) -> str:
    """Who decided."""
    return SIGNERS.get(kind, "Not recorded")


def channel_words(channel: str) -> str:
    """How the answer was taken."""
    return CHANNELS.get(channel, "Not recorded")
