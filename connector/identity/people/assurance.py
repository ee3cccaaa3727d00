"""How sure a sign-in was: the `acr` claim of an ID token as a level of Regulation (EU) 910/2014, art. 8.

Known are the levels by name, the addresses under which eIDAS nodes state them (notified or not), and the numbers of
ISO/IEC 29115 with their eIDAS counterparts. An issuer that states something else states nothing we can rely on: low.
"""

from __future__ import annotations

from typing import Final

LEVELS: Final = ("low", "substantial", "high")
_PREFIXES: Final = ("http://eidas.europa.eu/loa/", "http://eidas.europa.eu/notnotified/loa/", "eidas-loa-", "loa-", "")
_ISO_29115: Final = {"0": "low", "1": "low", "2": "low", "3": "substantial", "4": "high"}


def assurance_of(acr: str) -> str:
    """low, substantial or high; empty when the issuer states nothing."""
    stated = acr.strip().lower()
    if not stated:
        return ""
    named = (stated.removeprefix(prefix) for prefix in _PREFIXES if stated.startswith(prefix))
    return next((level for level in named if level in LEVELS), _ISO_29115.get(stated, "low"))
