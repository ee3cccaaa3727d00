"""`concord init`: a new participant's directory with keys, commented settings and an empty store."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from connector.identity.keys import fingerprint, shown
from connector.problems import Problem
from connector.records import LogEntry
from connector.services.signing import KeySigner
from connector.settings import database_in
from connector.storage import SqliteStore, opening
from connector.vault import FileVault, VaultFileError
from connector.vault.vault import LOG_KEY, PARTICIPANT_KEY

STORE_FILE = opening.STORE_FILE
VAULT = "vault"

_TOML = """\
# Settings of this participant. Every one can also be given as CONCORD_<NAME> in the environment, which wins.

participant_id = {id}
# Shown to people and to other participants.
name = {name}
# hospital, vendor, wallet, research or participant
role = {role}

# development: an embedded sign-in provider, plain http on this machine. production: https and your own OIDC issuer.
environment = "development"

# Where the server listens, and the origin under which others reach it.
bind_host = "127.0.0.1"
port = {port}
public_url = {url}

# Certificate and key in PEM, unless a proxy in front speaks TLS; then name the proxy's address.
# tls_certificate = "certificate.pem"
# tls_key = "key.pem"
# forwarded_allow_ips = "127.0.0.1"

# Where the records are kept. Without either: store.db in this directory. A file holds the address with its password.
{database}

# Pages for people. false: only connectors and the command line are served.
portal = true

# Who signs people in. Empty: the embedded development provider.
# oidc_issuer = "https://login.example.org/realms/concord"
# oidc_client_id = "concord-portal"
# What staff may do here, by what it says of them; without this, `concord account open` grants roles.
# oidc_roles_claim = "concord_roles"
# oidc_roles = {{ data-steward = "steward", data-protection-officer = "dpo" }}

# A wallet silent for longer than this many hours releases nothing of its people here.
freshness_hours = 24
# Days a recipient has to delete what a person withdrew.
erase_days = 30
# Processes that prepare releases.
release_workers = 1
log_level = "info"
"""


@dataclass(frozen=True, slots=True)
class Founded:
    """What a new participant is: its id, and the fingerprint others compare."""

    id: str
    name: str
    role: str
    url: str
    directory: str
    fingerprint: str


def slug(name: str) -> str:
    """A name as it stands in an id: lower-case ASCII words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "participant"


def found(
    directory: Path, name: str, role: str, port: int, url: str | None = None, database_url_file: Path | None = None
) -> Founded:
    """Make the directory (mode 0700). Raises Problem when there is a participant already.

    The settings are written last: without them nothing was founded, and founding again takes up what was begun.
    With a file that holds a database's address, the records go there, and there is no store in the directory.
    """
    if (directory / "concord.toml").exists():
        raise Problem(409, "exists", f"There is a participant in {directory} already", accepted="another directory")
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    vault = _vault(directory / VAULT)
    signer = KeySigner(vault.keys.signing_key(PARTICIPANT_KEY))
    digits = fingerprint(signer.public_jwk)
    id, origin = f"urn:concord:{slug(name)}:{digits[:8]}", (url or f"http://127.0.0.1:{port}").rstrip("/")
    values = {key: json.dumps(value) for key, value in (("id", id), ("name", name), ("role", role), ("url", origin))}
    database = _store(directory, database_url_file)
    draft = directory / "concord.toml.new"
    draft.write_text(_TOML.format(**values, port=port, database=database), encoding="utf-8")
    draft.replace(directory / "concord.toml")
    return Founded(id, name, role, origin, str(directory), shown(digits))


def _store(directory: Path, database_url_file: Path | None) -> str:
    """An empty store, and the line of the settings that says where it is. Raises Problem 400, 409, 503."""
    if database_url_file is None:
        SqliteStore(directory / STORE_FILE).close()
        (directory / STORE_FILE).chmod(0o600)
        return '# database_url_file = "database-url"'
    file = database_url_file.resolve()
    store = opening.open_store(directory / STORE_FILE, url=database_in(file))
    try:
        if store.read_now(lambda tx: tx.find(LogEntry, limit=1)):
            raise Problem(
                409, "exists", "This database holds the records of a participant already", "", "--database-url-file",
                "an empty database",
            )  # fmt: skip
    finally:
        store.close()
    return f"database_url_file = {json.dumps(str(file))}"


def _vault(directory: Path) -> FileVault:
    """The vault with both keys of a participant."""
    try:
        vault = FileVault.create(directory)
    except VaultFileError:
        vault = FileVault(directory)
    for name in (PARTICIPANT_KEY, LOG_KEY):
        if not vault.keys.has(name):
            vault.keys.create(name)
    return vault
