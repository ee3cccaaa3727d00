"""What can be seen on this machine alone: settings, who may read which file, keys, disk, and the store."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector.doctor.findings import Finding, change, skipped, well
from connector.founding import VAULT
from connector.identity.keys import fingerprint
from connector.opening import opened_beside
from connector.problems import Problem
from connector.services.disk import MIB
from connector.services.signing import KeySigner
from connector.settings import Settings
from connector.storage.checking import check_store
from connector.vault import FileVault
from connector.vault.vault import LOG_KEY, PARTICIPANT_KEY

OLD = timedelta(days=730)
_OTHERS = 0o077
_WRITERS = 0o022


def settings_found(settings: Settings) -> Iterator[Finding]:
    """Settings that load and still cannot work together."""
    found = [*_production(settings), *_tls(settings)]
    yield from found or [well("settings", "settings", "The settings can be used, and fit together.")]


def _production(settings: Settings) -> Iterator[Finding]:
    if settings.environment == "production" and settings.portal and not settings.oidc_issuer:
        yield change(
            "settings",
            "no-issuer",
            "People sign in at a development provider, in production.",
            "Set `oidc_issuer`, or `portal = false`.",
        )
    if settings.environment == "development" and not settings.bound_to_loopback:
        yield change(
            "settings",
            "development-open",
            "The development environment listens to other machines.",
            'Set `environment = "production"`, or `bind_host = "127.0.0.1"`.',
        )


def _tls(settings: Settings) -> Iterator[Finding]:
    https = settings.public_url.startswith("https://")
    if https and settings.tls_certificate is None and not settings.forwarded_allow_ips:
        yield change(
            "settings",
            "nobody-speaks-tls",
            "`public_url` is https, and neither a certificate nor a proxy is named.",
            "Set `tls_certificate` and `tls_key`, or name the proxy in `forwarded_allow_ips`.",
        )
    if not https and settings.tls_certificate is not None:
        yield change(
            "settings",
            "address-not-https",
            "A certificate is set, and `public_url` is plain http.",
            "Write the https address into `public_url`.",
        )
    for name in ("tls_certificate", "tls_key"):
        file = getattr(settings, name)
        if file is not None and not os.access(_beside(settings, file), os.R_OK):
            yield change(
                "settings",
                "tls-file",
                f"The file of `{name}` cannot be read.",
                "Name a file that this account can read.",
            )


def files_found(directory: Path) -> Iterator[Finding]:
    """Who else on this machine can read or write what is ours alone."""
    wrong = list(_open_to_others(directory))
    for path in wrong:
        mode = "0700" if path.is_dir() else "0600"
        name = path.relative_to(directory) if path != directory else Path()
        yield change(
            "files",
            "open-to-others",
            f"Others on this machine can reach `{name}`.",
            f"Set its mode to {mode}: chmod {mode} {name}",
        )
    if not wrong:
        yield well("files", "modes", "Only the owner can read the keys, the records and the settings' secrets.")


def _open_to_others(directory: Path) -> Iterator[Path]:
    vault = directory / VAULT
    private = [directory, *([vault, *sorted(vault.rglob("*"))] if vault.exists() else [])]
    private += [path for path in sorted(directory.glob("store.db*")) if path.is_file()]
    for path in private:
        if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
            yield path
    toml = directory / "concord.toml"
    if toml.exists() and stat.S_IMODE(toml.stat().st_mode) & _WRITERS:
        yield toml


def keys_found(settings: Settings) -> tuple[list[Finding], str]:
    """The vault, its keys and their age; with the fingerprint of the participant's key, empty where there is none."""
    try:
        vault = opened_beside(settings)
        signer = KeySigner(vault.newest(PARTICIPANT_KEY))
        vault.keys.signing_key(LOG_KEY)
    except Problem as problem:
        return [
            change(
                "keys",
                "vault-shut",
                problem.detail or problem.title,
                "Read the words; see `concord vault`, and restore `vault/` from its own backup if it is damaged.",
            )
        ], ""
    except Exception as fault:  # whatever a damaged key raises
        return [
            change(
                "keys",
                "key-unreadable",
                f"A key cannot be read: {type(fault).__name__}.",
                "Restore `vault/` from its own backup.",
            )
        ], ""
    mine = fingerprint(signer.public_jwk)
    rotated = max(vault.versions(PARTICIPANT_KEY), default=1) > 1
    return [*_of_this_id(settings, mine, rotated=rotated), *_aged(settings, vault)], mine


def _of_this_id(settings: Settings, mine: str, *, rotated: bool) -> Iterator[Finding]:
    named = settings.participant_id.rpartition(":")[2]
    ours = settings.participant_id.startswith("urn:concord:") and len(named) == 8
    if ours and not rotated and not mine.startswith(named):
        yield change(
            "keys",
            "key-of-another",
            "The key is not the one that this participant's id was made from.",
            "Put back the vault, or the `participant_id`, that belong together.",
        )
    else:
        yield well("keys", "keys", "The vault opens, and both keys can sign.")


def _aged(settings: Settings, vault: FileVault) -> Iterator[Finding]:
    signing = vault.newest(PARTICIPANT_KEY).name
    files = (settings.directory / VAULT).rglob(f"{signing}.key")
    made = min((file.stat().st_mtime for file in files), default=None)
    if made is None:
        return
    age = datetime.now(UTC) - datetime.fromtimestamp(made, UTC)
    if age > OLD:
        yield change(
            "keys",
            "key-old",
            f"The key that signs is {age.days} days old.",
            "Make a new one: `concord vault rotate-key`. Members learn it by themselves.",
        )


def disk_found(settings: Settings) -> Iterator[Finding]:
    """Room on the disk, and whether we can write there."""
    free = shutil.disk_usage(settings.directory).free
    if settings.disk_low_mb and free < settings.disk_low_mb * MIB:
        yield change(
            "disk",
            "disk-low",
            f"{free // MIB} MB are free, less than `disk_low_mb` ({settings.disk_low_mb}): "
            "nothing new is imported or received.",
            "Make room, or lower the setting.",
        )
    else:
        yield well("disk", "disk", f"{free // MIB} MB are free.")
    trouble = _not_writable(settings.directory)
    if trouble:
        yield change(
            "disk",
            "not-writable",
            f"Nothing can be written into the directory: {trouble}.",
            "Give the account that runs the connector the directory, and see that its disk is not read-only.",
        )
    if settings.shared_folder is not None:
        yield _shared(settings)


def _shared(settings: Settings) -> Finding:
    """Whether the folder that our processes share is there, and takes files."""
    if not settings.files.is_dir():
        return change(
            "disk",
            "shared-folder-missing",
            "The folder of `shared_folder` is not there: this process does not start.",
            "Mount it, or correct the setting.",
        )
    trouble = _not_writable(settings.files)
    if trouble:
        return change(
            "disk",
            "shared-folder-not-writable",
            f"Nothing can be written into the folder of `shared_folder`: {trouble}.",
            "Give the account that runs the connector that folder, and see that it is not mounted read-only.",
        )
    return well("disk", "shared-folder", "The shared folder is there, and can be written.")


def _not_writable(place: Path) -> str:
    """Why nothing can be written into a folder; empty when it can."""
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0")
    except OSError as fault:
        return fault.strerror or type(fault).__name__
    return ""


def store_found(settings: Settings) -> tuple[list[Finding], bool]:
    """The store's shape and soundness; and whether it can be read by this version as it is."""
    try:
        checked = check_store(settings.directory, settings.store_url)
    except Problem as problem:
        return [
            change(
                "store",
                problem.code,
                f"{problem.title}: {problem.detail}".strip(": "),
                problem.accepted or "Start the database, or correct its address.",
            )
        ], False
    if not checked.faults:
        return [well("store", "store", f"The {checked.engine} store is whole, in shape {checked.revision}.")], True
    remedy = (
        "Start the participant once to bring it to the present shape."
        if _is_behind(checked.faults)
        else ("Keep the directory as it is, and restore the newest good backup beside it (docs/operations.md).")
    )
    return [change("store", "store-faults", f"{fault}.", remedy) for fault in checked.faults], False


def _is_behind(faults: tuple[str, ...]) -> bool:
    return len(faults) == 1 and ("to be brought to" in faults[0] or "never been started" in faults[0])


def old_settings(directory: Path, problem: Problem) -> Finding:
    """Settings that do not load at all."""
    if problem.code == "no-participant":
        return change(
            "settings",
            problem.code,
            f"There is no participant in {directory}.",
            "`concord init`, or name the right `--directory`.",
        )
    return change("settings", problem.code, str(problem), "Correct what is named in `concord.toml` or the environment.")


def nothing_more(area: str) -> Finding:
    """What is not looked at since something before it is broken."""
    return skipped(area, "skipped", "Not looked at: mend what stands above first.")


def _beside(settings: Settings, file: Path) -> Path:
    return file if file.is_absolute() else settings.directory / file
