"""Verify an exported evidence log on your own: python verify_export.py DIRECTORY

The directory holds log.jsonl (one entry a line), checkpoint.txt (the signed root) and key.json (the public key as a
JWK: compare its RFC 7638 thumbprint, printed below, with one you got another way). Needs Python 3.11 and the package
`cryptography`, nothing of Concord. Prints one line; exit code 0: everything holds, 1: it does not, or cannot be read.
"""

import base64
import hashlib
import json
import sys
from functools import reduce
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def digest(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def ordered(value: object) -> object:
    """The value with the names of objects in the order of RFC 8785."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    return [ordered(item) for item in value] if isinstance(value, list) else value


def canonical(value: object) -> bytes:
    """RFC 8785 for values without fractions."""
    return json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def signed_root(directory: Path) -> tuple[str, int, bytes]:
    """Whose log, size and root of the checkpoint, after checking its signature (C2SP signed note, RFC 6962 tree)."""
    jwk = json.loads((directory / "key.json").read_bytes())
    public = base64.urlsafe_b64decode(jwk["x"] + "=" * (-len(jwk["x"]) % 4))
    text, lines = (directory / "checkpoint.txt").read_bytes().decode().rsplit("\n\n", 1)
    origin, size, root = text.split("\n")[:3]
    kid = base64.urlsafe_b64encode(digest(canonical({"crv": "Ed25519", "kty": "OKP", "x": jwk["x"]}))).decode()
    for line in lines.splitlines():
        name, signature = line.removeprefix("— ").split(" ")
        raw = base64.b64decode(signature, validate=True)
        if (name, raw[:4]) == (origin, digest(origin.encode() + b"\n\x01" + public)[:4]):
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], (text + "\n").encode())
            return f"{origin} (key {kid.rstrip('=')})", int(size), base64.b64decode(root, validate=True)
    raise ValueError("checkpoint.txt is not signed by key.json")


def leaf_of(line: bytes, index: int, emptied: set[int]) -> bytes:
    """The leaf hash of a line, after checking everything it says of itself; notes who was emptied, and is named."""
    entry = json.loads(line)
    if canonical(entry) + b"\n" != line or entry["index"] != index:
        raise ValueError("out of order, or not written canonically")
    if entry["body"] is not None or entry["salt"] is not None:
        commitment = digest(bytes.fromhex(entry["salt"]) + canonical(entry["body"])).hex()
        if len(entry["salt"]) != 64 or commitment != entry["commitment"]:
            raise ValueError("its body or salt does not match its commitment")
        emptied.difference_update(entry["body"]["entries"] if entry["kind"] == "log.erased" else ())
    else:
        emptied.add(index)
    leaf = digest(b"\0" + canonical({name: entry[name] for name in ("at", "commitment", "kind", "subject")}))
    if leaf.hex() != entry["leaf"]:
        raise ValueError("its time, kind, subject or commitment does not match its leaf hash")
    return leaf


def check(directory: Path) -> str:
    """One sentence when everything holds; raises when it does not."""
    origin, size, root = signed_root(directory)
    peaks, emptied, index, top = list[bytes](), set[int](), 0, digest(b"")
    with (directory / "log.jsonl").open("rb") as lines:
        for index, line in enumerate(lines, 1):
            try:
                node = leaf_of(line, index - 1, emptied)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"entry {index - 1} is bad: {error}") from error
            for _ in range((index & -index).bit_length() - 1):
                node = digest(b"\1" + peaks.pop() + node)
            peaks.append(node)
            if index == size:
                top = reduce(lambda right, left: digest(b"\1" + left + right), reversed(peaks))
    if index < size:
        raise ValueError(f"entry {index} is missing: {size} were signed")
    if top != root:
        raise ValueError(f"entry 0, or one up to {size - 1}, was replaced or swapped: the signed root does not match")
    if emptied or (index and not size):
        raise ValueError(f"{len(emptied)} entries were emptied unexplained, {size} of {index} are signed")
    return f"ok: {index} entries of {origin} hold, {size} of them signed"


if __name__ == "__main__":
    try:
        sys.stdout.write(check(Path(sys.argv[1])) + "\n")
    except (OSError, ValueError, KeyError, IndexError, TypeError, InvalidSignature) as error:
        sys.stdout.write(f"FAILED: {str(error) or 'the signature of checkpoint.txt does not match'}\n")
        sys.exit(1)
