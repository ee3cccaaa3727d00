"""A prepared segment as the bytes of a file, and back: what it is made of, what was seen, and its own digests.

People are named by their place in the segment alone. What describes a segment, with the digests of its bytes, is sealed
by a key of the vault for this release and segment: what was damaged, exchanged or made by anybody else is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from hmac import compare_digest
from itertools import chain, groupby, repeat

import orjson

from connector.services.releasing.ahead import Prepared
from connector.services.releasing.looking import Foreseen
from connector.services.releasing.rendering import Copy, Rendered

_FORM = 1
_HEAD = 8
"""Bytes that say how long what describes the segment is."""
_SEAL = 36

Seal = Callable[[str], str]
"""The seal (a UUID) over a digest, for one segment of one release."""


def written(copy: Copy, seen: Foreseen, people: Sequence[str], seal: Seal) -> Iterator[bytes]:
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
    yield seal(sha256(about).hexdigest()).encode()
    yield about
    yield rendered.body
    if copy.coding:
        yield copy.data


def read_back(data: bytes, people: Sequence[str], seal: Seal) -> Prepared:
    """The same from its bytes. Raises ValueError when they are not what was written."""
    try:
        return _read(data, people, seal)
    except (LookupError, TypeError, AttributeError):
        raise ValueError("this is no prepared segment") from None


def _read(data: bytes, people: Sequence[str], seal: Seal) -> Prepared:
    begin = _HEAD + _SEAL + int.from_bytes(data[:_HEAD], "big")
    described = data[_HEAD + _SEAL : begin]
    if not compare_digest(data[_HEAD : _HEAD + _SEAL], seal(sha256(described).hexdigest()).encode()):
        raise ValueError("this was not written here")
    about = orjson.loads(described)
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
