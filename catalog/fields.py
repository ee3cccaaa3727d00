"""The kinds of text a description is made of, each with its check; and the code lists it may name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from policy.categories import CATEGORIES
from policy.instants import in_utc

HEALTH_CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "EHRS": "Electronic health records",
        "DIOH": "Factors that influence health",
        "NRPE": "Needs, resources, provision and cost of care (aggregated)",
        "PGEH": "Data made by medical devices of people",
        "IDHP": "Health professionals",
        "PHDR": "Public health registries",
        "MRMR": "Medical and mortality registries",
        "EHCT": "Clinical trials and studies",
        "EMRD": "Other data from medical devices",
        "RMMD": "Registries of medicines and devices",
        "RQSH": "Research cohorts and surveys",
        "EINS": "Biobanks",
        "HRAD": "Administrative data, such as claims",
        "HGPD": "Genetic and genomic data",
        "HPML": "Other molecular data",
        "RPDG": "Pathogens",
        "WELA": "Wellness applications",
    }
)
"""Codes of the EHDS health categories (Regulation (EU) 2025/327, Article 51(1)) and short words for people."""

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "bg": "BUL",
        "cs": "CES",
        "da": "DAN",
        "de": "DEU",
        "el": "ELL",
        "en": "ENG",
        "es": "SPA",
        "et": "EST",
        "fi": "FIN",
        "fr": "FRA",
        "ga": "GLE",
        "hr": "HRV",
        "hu": "HUN",
        "is": "ISL",
        "it": "ITA",
        "lt": "LIT",
        "lv": "LAV",
        "mt": "MLT",
        "nl": "NLD",
        "no": "NOR",
        "pl": "POL",
        "pt": "POR",
        "ro": "RON",
        "sk": "SLK",
        "sl": "SLV",
        "sv": "SWE",
        "uk": "UKR",
    }
)
"""Language codes (ISO 639-1) and their codes in the EU authority table."""

_IRI = re.compile(r"(?:https?://|urn:)[^\s<>\"{}|\\^`]+")
_EMAIL = re.compile(r"[^@\s<>\"{}|\\^`]+@[^@\s<>\"{}|\\^`]+\.[^@\s<>\"{}|\\^`]+")
_COUNTRY = re.compile(r"[A-Z]{3}")


def _iri(text: str) -> str:
    return _matched(_IRI, text, "an address that starts with https://, http:// or urn: is needed")


def _email(text: str) -> str:
    return _matched(_EMAIL, text, "an e-mail address is needed")


def _country(text: str) -> str:
    return _matched(_COUNTRY, text, "a country is written with three capital letters")


def _matched(pattern: re.Pattern[str], text: str, otherwise: str) -> str:
    if pattern.fullmatch(text) and text.isprintable():
        return text
    raise ValueError(otherwise)


def _one_of(known: Mapping[str, object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in known:
            raise ValueError("this is not in the list")
        return text

    return check


def _line(text: str) -> str:
    if text.isprintable() and text == text.strip() and text:
        return text
    raise ValueError("one line of visible text is needed, without blanks around it")


def _prose(text: str) -> str:
    if text.strip() and text.replace("\n", "").isprintable():
        return text.strip()
    raise ValueError("visible text is needed; line breaks are fine, other control characters are not")


Iri = Annotated[str, Field(max_length=500), AfterValidator(_iri)]
Identifier = Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""What names a dataset on the wire: DSP identifiers are opaque, many are plain words."""
Line = Annotated[str, Field(max_length=200), AfterValidator(_line)]
Prose = Annotated[str, Field(max_length=4000), AfterValidator(_prose)]
Email = Annotated[str, Field(max_length=200), AfterValidator(_email)]
Country = Annotated[str, AfterValidator(_country)]
CategoryKey = Annotated[str, AfterValidator(_one_of(CATEGORIES))]
Language = Annotated[str, AfterValidator(_one_of(LANGUAGES))]
HealthCategory = Annotated[str, AfterValidator(_one_of(HEALTH_CATEGORIES))]
Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]


class Contact(BaseModel):
    """Who answers questions: a name (of an office rather than a person), an e-mail address, a page if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line
    email: Email
    page: Iri | None = None
