"""Templates to pages: one Jinja2 environment, strict about what is missing, escaping everything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from consent_ui import bars, receipt_words, states, words

HERE = Path(__file__).parent
STATIC = HERE / "static"


def segment(value: str) -> str:
    """An identifier as one step of an address; colons stay readable."""
    return quote(value, safe=":")


FILTERS: tuple[Callable[..., object], ...] = (
    words.day, words.month, words.day_month, words.clock, words.moment, words.exactly, words.instant, words.iso,
    words.number, words.count, words.size, words.listing, words.series, words.without_stop, words.pair, words.low,
    words.top, words.short, words.spoken, words.by_month, words.dated, states.state, states.tone, states.kind,
    states.yours, states.proposal, states.proposal_tone, states.duty, states.duty_tone,
    states.state_meaning, states.authority, states.authority_standing, states.done_for, states.asked_again,
    states.doubter, states.settled, states.your_reason, states.forbids, bars.rows, segment,
    receipt_words.receipt_title, receipt_words.answer_word, receipt_words.signer_words, receipt_words.channel_words,
)  # fmt: skip


@cache
def style_version() -> str:
    """Changes whenever the style sheet does, so that browsers may keep it for ever."""
    return hashlib.sha256((STATIC / "concord.css").read_bytes()).hexdigest()[:10]


@cache
def environment() -> Environment:
    """The templates with the portal's filters; built once."""
    built = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    built.filters.update({function.__name__: function for function in FILTERS})
    built.globals.update(
        lasting=words.lasting,
        left=words.left,
        between=words.between,
        only=words.only,
        zone=words.zone_name,
        style_version=style_version(),
    )
    return built


def render(template: str, values: dict[str, Any]) -> str:
    """The page as HTML."""
    return environment().get_template(template).render(values)
