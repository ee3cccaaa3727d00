"""Settings of one participant: environment (`CONCORD_*`) over `concord.toml` in its directory, validated."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from connector.problems import Problem

_DATABASES = ("postgresql://", "postgres://")
_BROKERS = ("redis://", "rediss://")
Role = Literal["hospital", "vendor", "wallet", "research", "participant"]
StaffRole = Literal["researcher", "steward", "dpo"]


class Settings(BaseSettings):
    """What an operator decides. Every field can be set as `CONCORD_<FIELD>` or as `<field>` in concord.toml."""

    model_config = SettingsConfigDict(env_prefix="CONCORD_", extra="forbid", frozen=True)

    directory: Path
    participant_id: str = Field(min_length=8, max_length=200)
    name: str = Field(min_length=2, max_length=120)
    role: Role = "participant"
    postal_address: str = Field(default="", max_length=400)
    contact: str = Field(default="", max_length=200)
    dpo_contact: str = Field(default="", max_length=200)
    environment: Literal["development", "production"] = "development"
    database_url: SecretStr = SecretStr("")
    database_url_file: Path | None = None
    jobs: Literal["embedded", "celery"] = "embedded"
    broker_url: SecretStr = SecretStr("")
    broker_url_file: Path | None = None
    bind_host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    public_url: str = "http://127.0.0.1:8080"
    forwarded_allow_ips: str = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    portal: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    oidc_issuer: str = ""
    oidc_client_id: str = "concord-portal"
    oidc_client_secret_file: Path | None = None
    oidc_scope: str = Field(default="openid profile", pattern=r"^openid( [!-~]+)*$", max_length=200)
    oidc_roles_claim: str = Field(default="", max_length=200)
    oidc_roles: dict[str, StaffRole] = Field(default={}, max_length=200)
    oidc_check_minutes: int = Field(default=5, ge=1, le=720)
    oidc_session_minutes: int = Field(default=60, ge=1, le=720)
    limit_address: int = Field(default=2000, ge=0, le=1_000_000)
    limit_participant: int = Field(default=1000, ge=0, le=1_000_000)
    limit_person: int = Field(default=50, ge=0, le=1_000_000)
    limit_refused: int = Field(default=50, ge=0, le=1_000_000)
    body_limit: int = Field(default=1_048_576, ge=65_536, le=67_108_864)
    release_workers: int = Field(default=1, ge=1, le=32)
    segments_ahead: int = Field(default=4, ge=1, le=64)
    drain_seconds: int = Field(default=10, ge=0, le=600)
    ask_place: bool = False
    freshness_hours: int = Field(default=24, ge=1, le=720)
    erase_days: int = Field(default=30, ge=1, le=365)
    stop_hours: int = Field(default=24, ge=1, le=720)
    backups_days: int = Field(default=90, ge=1, le=3650)
    escalate_hours: int = Field(default=48, ge=1, le=720)
    suspend_hours: int = Field(default=168, ge=2, le=8760)
    delivery_days: int = Field(default=7, ge=1, le=365)
    time_zone: str = "UTC"
    emergency_accounts: tuple[str, ...] = ()
    emergency_hours: int = Field(default=4, ge=1, le=24)
    label_rules: Path | None = None
    label_threshold: float = Field(default=0.5, ge=0, le=1)
    cds_hooks: Literal["off", "on"] = "off"
    cds_consents: Literal["known", "sent"] = "known"
    cds_token_hash: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    metrics: Literal["off", "on"] = "off"
    traces: Literal["off", "on"] = "off"
    traces_endpoint: str = ""
    metrics_token_hash: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    keep_messages_days: int = Field(default=90, ge=7, le=3650)
    keep_dead_letters_days: int = Field(default=90, ge=7, le=3650)
    keep_jobs_days: int = Field(default=30, ge=1, le=3650)
    keep_logs_days: int = Field(default=30, ge=0, le=3650)
    disk_low_mb: int = Field(default=512, ge=0, le=1_048_576)
    quarantine_days: int = Field(default=30, ge=1, le=365)
    query_memory_mb: int = Field(default=1024, ge=128, le=65_536)
    query_seconds: int = Field(default=60, ge=1, le=3600)
    own_backup_days: int | None = Field(default=None, ge=1, le=3650)
    derived_folder: Path | None = None
    shared_folder: Path | None = None
    key_service_url: str = ""
    key_service_key: str = Field(default="concord", pattern=r"^[A-Za-z0-9_.-]{1,100}$")
    key_service_mount: str = Field(default="transit", pattern=r"^[A-Za-z0-9_./-]{1,100}$")
    key_service_token_file: Path | None = None
    key_overlap_days: int = Field(default=14, ge=1, le=365)
    key_service_minutes: int = Field(default=5, ge=1, le=1440)

    @field_validator("public_url")
    @classmethod
    def _origin_only(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("must be an origin such as https://concord.hospital.example")
        return value.rstrip("/")

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _named_proxies(cls, value: str) -> str:
        if any(one.strip() == "*" or one.strip().endswith("/0") for one in value.split(",")):
            raise ValueError(
                "must name the proxies (10.0.0.5, 10.0.0.0/24): from anybody else, callers write it themselves"
            )
        return value

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(_DATABASES):
            raise ValueError("must begin with postgresql://")
        return value

    @field_validator("broker_url")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(_BROKERS):
            raise ValueError("must begin with redis:// or rediss://")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ValueError, OSError):
            raise ValueError("must be the name of a time zone such as Europe/Amsterdam") from None

    @model_validator(mode="after")
    def _roles_come_from_somewhere(self) -> Settings:
        if bool(self.oidc_roles_claim) != bool(self.oidc_roles):
            raise ValueError("oidc_roles_claim and oidc_roles belong together")
        if (self.oidc_roles_claim or self.oidc_client_secret_file) and not self.oidc_issuer:
            raise ValueError("oidc_roles_claim and oidc_client_secret_file need oidc_issuer")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        if bool(self.key_service_url) != (self.key_service_token_file is not None):
            raise ValueError("key_service_url and key_service_token_file belong together")
        if self.database_url.get_secret_value() and self.database_url_file is not None:
            raise ValueError("either database_url or database_url_file")
        if self.broker_url.get_secret_value() and self.broker_url_file is not None:
            raise ValueError("either broker_url or broker_url_file")
        if self.jobs == "celery" and not (self.broker_url.get_secret_value() or self.broker_url_file):
            raise ValueError('jobs = "celery" needs broker_url or broker_url_file')
        if self.jobs == "celery" and not (self.database_url.get_secret_value() or self.database_url_file):
            raise ValueError('jobs = "celery" needs a PostgreSQL database: database_url or database_url_file')
        if self.traces == "on" and not self.traces_endpoint.startswith(("http://", "https://")):
            raise ValueError('traces = "on" needs traces_endpoint, such as http://127.0.0.1:4318/v1/traces')
        if self.metrics == "on" and not self.metrics_token_hash:
            raise ValueError('metrics = "on" needs metrics_token_hash')
        if self.environment == "production" and not self.public_url.startswith("https://"):
            raise ValueError("public_url must be https in production")
        return self

    @property
    def issuer(self) -> str:
        """Who signs people in: the configured OIDC issuer, or the embedded development provider."""
        return self.oidc_issuer or f"{self.public_url}/idp"

    @property
    def oidc_client_secret(self) -> str:
        """What we show our issuer, where it wants to see something. Raises Problem 400."""
        if self.oidc_client_secret_file is None:
            return ""
        where, accepted = "oidc_client_secret_file", "a file with the secret in one line"
        try:
            found = self.oidc_client_secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as fault:
            title = "The file with our secret at the sign-in provider cannot be read"
            raise Problem(400, "bad-settings", title, type(fault).__name__, where, accepted) from None
        if not found:
            raise Problem(400, "bad-settings", "The file with our secret is empty", "", where, accepted)
        return found

    @property
    def store_url(self) -> str:
        """The database that keeps the records; empty: a file in the directory. Raises Problem 400."""
        if self.database_url_file is None:
            return self.database_url.get_secret_value()
        return database_in(self.database_url_file)

    @property
    def files(self) -> Path:
        """Where files lie that every process of the participant needs: the shared folder, else the directory.

        A relative `shared_folder` counts from the directory.
        """
        return self.directory if self.shared_folder is None else self.directory / self.shared_folder

    @property
    def broker(self) -> str:
        """The address of the Redis that carries jobs to workers; empty: none is needed. Raises Problem 400."""
        if self.jobs == "embedded":
            return ""
        if self.broker_url_file is None:
            return self.broker_url.get_secret_value()
        return address_in(self.broker_url_file, "broker", _BROKERS)

    def require_files(self) -> None:
        """Raises Problem 400 when the shared folder is not there: files written elsewhere would be missed later."""
        if self.shared_folder is not None and not self.files.is_dir():
            raise Problem(
                400, "bad-settings", "The shared folder is not there", "", "shared_folder",
                "a folder that every process of this participant reaches",
            )  # fmt: skip

    @property
    def bound_to_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.bind_host).is_loopback
        except ValueError:
            return self.bind_host == "localhost"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings calls by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        directory = init_settings().get("directory") or env_settings().get("directory") or "."
        file = Path(directory) / "concord.toml"
        toml = (TomlConfigSettingsSource(settings_cls, toml_file=file),) if file.exists() else ()
        return (init_settings, env_settings, *toml)


def database_in(file: Path) -> str:
    """The database's address in a file: one line. Raises Problem 400, which does not repeat it."""
    return address_in(file, "database", _DATABASES)


def address_in(file: Path, whose: str, schemes: tuple[str, ...]) -> str:
    """An address in a file: one line. Raises Problem 400, which does not repeat it."""
    where, accepted = f"{whose}_url_file", f"a file with one line, {schemes[0]}..."
    try:
        found = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        title = f"The file with the {whose}'s address cannot be read"
        raise Problem(400, "bad-settings", title, type(fault).__name__, where, accepted) from None
    if not found.startswith(schemes):
        raise Problem(400, "bad-settings", f"The file does not hold a {whose}'s address", "", where, accepted)
    return found


def load(directory: Path) -> Settings:
    """Read and check the settings of a participant's directory; raises Problem with one clear line per fault."""
    if not (directory / "concord.toml").exists():
        raise Problem(
            400,
            "no-participant",
            f"There is no participant in {directory}",
            accepted="a directory made by `concord init`",
        )
    try:
        return Settings(directory=directory)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
        raise Problem(400, "bad-settings", "The settings cannot be used", faults, "concord.toml") from None
    except ValueError as error:
        raise Problem(400, "bad-settings", "concord.toml cannot be read", str(error), "concord.toml") from None
