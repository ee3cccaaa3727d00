"""A prepared segment as the bytes of a file, and back: what it is made of, what was seen, and its own digests.

People are named by their place in the segment alone. What was damaged on the way is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain, groupby, repeat

import orjson

from connector.services.releasing.ahead import Prepared
from connector.services.releasing.looking import Foreseen
from connector.services.releasing.rendering import Copy, Rendered

_FORM = 1
_HEAD = 8
"""Bytes that say how long what describes the segment is."""


def written(copy: Copy, seen: Foreseen, people: Sequence[str]) -> Iterator[bytes]:
    """A prepared segment, part after part; `people` are those in it, in their order."""
    rendered, place = copy.rendered, {person: number for number, person in enumerate(people)}
    about = orjson.dumps(
        {
            "form": _FORM, "coding": copy.coding, "coded": sha256(copy.data).hexdigest() if copy.coding else "",
            "size": len(rendered.body), "digest": rendered.digest, "media_type": rendered.media_type,
            "records": [[place[person], count] for person, count in rendered.records.items()],
            "withheld": dict(rendered.withheld), "dropped": rendered.dropped, "ends": rendered.ends,
            "whose": [[place[person], len(list(lines))] for person, lines in groupby(rendered.whose)],
            "inputs": seen.inputs, "under": seen.under, "sequence": seen.sequence,
        }
    )  # fmt: skip
    yield len(about).to_bytes(_HEAD, "big")
    yield about
    yield rendered.body
    if copy.coding:
        yield copy.data


def read_back(data: bytes, people: Sequence[str]) -> Prepared:
    """The same from its bytes. Raises ValueError when they are not what was written."""
    try:
        return _read(data, people)
    except (LookupError, TypeError, AttributeError):
        raise ValueError("this is no prepared segment") from None


def _read(data: bytes, people: Sequence[str]) -> Prepared:
    begin = _HEAD + int.from_bytes(data[:_HEAD], "big")
    about = orjson.loads(data[_HEAD:begin])
    body = data[begin : begin + about["size"]]
    coded = data[begin + about["size"] :]
    whole = sha256(body).hexdigest() == about["digest"]
    if about["form"] != _FORM or not whole or about["coded"] != (sha256(coded).hexdigest() if coded else ""):
        raise ValueError("this is not what was written")
    rendered = Rendered(
        body, about["digest"], about["media_type"], {people[number]: count for number, count in about["records"]},
        Counter(about["withheld"]), about["dropped"], tuple(about["ends"]),
        tuple(chain.from_iterable(repeat(people[number], count) for number, count in about["whose"])),
    )  # fmt: skip
    seen = Foreseen(tuple(about["inputs"]), about["under"], about["sequence"])
    return Prepared(seen, Copy(rendered, about["coding"], coded if about["coding"] else body))
