"""An object store (S3 and what speaks as it does) as a data address: where a provider is asked to put a release.

The names are those of Eclipse EDC's `AmazonS3`, so that either side may be EDC: `bucketName`, `folderName` (a prefix
of keys), `region`, `accessKeyId`, `secretAccessKey`, `sessionToken`. The address' `endpoint` (EDC: `endpointOverride`)
is the store's origin; without one it is Amazon's of the region. `urn:concord:term:format` names the format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from contracts.edc import NAMESPACE
from contracts.messages.transfer import DataAddress, EndpointProperty

TYPE: Final = "AmazonS3"
"""The `endpointType`."""
DIGEST: Final = "x-amz-meta-sha256"
"""Our own digest of an object (SHA-256, hex), kept beside it: an ETag is not the same thing at every store."""
FORMAT: Final = "urn:concord:term:format"
_REGION: Final = "us-east-1"
_PREFIXES: Final = (NAMESPACE, "edc:")
_SEGMENT: Final = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+"
_SHAPES: Final = {
    "endpoint": (r"https?://[^/?#@\\\s]{1,300}/?", "the origin of the store, such as https://s3.example.org"),
    "bucket": (r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "3 to 63 lower-case letters, digits, dots and hyphens"),
    "prefix": (rf"(?:{_SEGMENT}(?:/{_SEGMENT})*)?", "names of letters, digits, dot, hyphen, underscore, parted by /"),
    "region": (r"[a-z0-9-]{1,64}", "a region, such as eu-central-1"),
    "access_key": (r"[A-Za-z0-9_.+=@-]{1,256}", "an access key"),
    "secret_key": (r"[!-~]{1,512}", "a secret key"),
    "session_token": (r"[!-~]{0,8192}", "a session token"),
    "format": (r"[a-z]+/[a-z0-9.+-]{1,100}|", "a media type"),
}
_LONGEST_PREFIX: Final = 512


class NotAStore(ValueError):
    """What was said names no object store. `field` is the part, `accepted` what would be right; never the value."""

    def __init__(self, field: str, accepted: str) -> None:
        super().__init__(f"{field}: {accepted}")
        self.field = field
        self.accepted = accepted


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A place in an object store and what opens it. Shows none of its keys. Raises NotAStore."""

    endpoint: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    prefix: str = ""
    region: str = _REGION
    session_token: str = field(default="", repr=False)
    format: str = ""

    def __post_init__(self) -> None:
        for name, (shape, accepted) in _SHAPES.items():
            value = getattr(self, name)
            if not isinstance(value, str) or re.fullmatch(shape, value, re.ASCII) is None:
                raise NotAStore(name, accepted)
        if len(self.prefix) > _LONGEST_PREFIX:
            raise NotAStore("prefix", f"at most {_LONGEST_PREFIX} characters")

    @property
    def place(self) -> str:
        """Where it is, in words without a secret: origin, bucket, prefix."""
        return "/".join(filter(None, (self.endpoint.rstrip("/"), self.bucket, self.prefix)))


def store_address(store: ObjectStore) -> DataAddress:
    """The store as a data address, its secrets in clear: for the message to the provider only."""
    said = {
        "bucketName": store.bucket, "folderName": store.prefix, "region": store.region,
        "accessKeyId": store.access_key, "secretAccessKey": store.secret_key, "sessionToken": store.session_token,
        FORMAT: store.format,
    }  # fmt: skip
    properties = tuple(EndpointProperty(name=name, value=value) for name, value in said.items() if value)
    return DataAddress(endpoint_type=TYPE, endpoint=store.endpoint, endpoint_properties=properties)


def read_store(address: DataAddress) -> ObjectStore:
    """The store a data address names. Raises NotAStore."""
    if address.endpoint_type != TYPE:
        raise NotAStore("endpointType", TYPE)
    region = _said(address, "region") or _REGION
    return ObjectStore(
        endpoint=address.endpoint or _said(address, "endpointOverride") or f"https://s3.{region}.amazonaws.com",
        bucket=_said(address, "bucketName"), prefix=_said(address, "folderName").strip("/"), region=region,
        access_key=_said(address, "accessKeyId"), secret_key=_said(address, "secretAccessKey"),
        session_token=_said(address, "sessionToken"), format=_said(address, FORMAT),
    )  # fmt: skip


def _said(address: DataAddress, name: str) -> str:
    """The first value under the bare name, or under EDC's spelling of it."""
    return next(filter(None, (address.value_of(prefix + name) for prefix in ("", *_PREFIXES))), "")
