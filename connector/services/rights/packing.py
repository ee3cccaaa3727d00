"""Files put into one archive, with a signed list of what is in it: one changed byte shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from importlib import resources
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from connector.services.context import Context
from connector.services.exchange import speech
from connector.services.rights.receipting import public_key
from policy.instants import wire

CONTENTS, KEY, VERIFIER = "contents.jws", "key.json", "verify_receipt.py"


def as_file(value: Any) -> bytes:
    """A JSON value as a file that people can read too."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def verifier() -> bytes:
    """The program that checks what we signed, without us."""
    return resources.files("connector.services.rights").joinpath(VERIFIER).read_bytes()


def packed(context: Context, title: str, files: Mapping[str, bytes], made_at: datetime) -> bytes:
    """A zip of the files, the signed list of their digests, our key and the verifier."""
    every = {**files, KEY: as_file(public_key(context)), VERIFIER: verifier()}
    listed = {
        "id": title, "made_at": wire(made_at), "by": context.me.id,
        "files": {name: sha256(body).hexdigest() for name, body in sorted(every.items())},
    }  # fmt: skip
    every[CONTENTS] = speech.say(context, speech.EXPORT, listed).encode()
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED, compresslevel=6) as archive:
        for name, body in every.items():
            entry = ZipInfo(name, made_at.timetuple()[:6])
            entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o600 << 16
            archive.writestr(entry, body)
    return out.getvalue()
