"""Configuration: one frozen model, read once from `ORTOO_*` variables. `python -m gateway.config` prints docs/CONFIGURATION.md."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo

PREFIX: Final = "ORTOO_"
OF_TOOLS: Final = ("ORTOO_TEST_", "ORTOO_CHROMIUM", "ORTOO_BENCH_", "ORTOO_PURE_PYTHON")
"""Variables of tests and tools, which the market passes over."""
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")

Port = Annotated[int, Field(ge=0, le=65_535)]


class ConfigurationInvalid(Exception):
    """A variable is missing or wrong; the text names each and what is wrong with it, never its value."""


def _words(value: Any) -> Any:
    """Split a comma-separated variable."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


RedisUrl = Annotated[SecretStr, BeforeValidator(_none_if_empty)]


class Config(BaseModel):
    """Everything that can be set, with bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path = Field(Path("var"), description="Directory of the embedded database and the signing key.")
    database_url: Annotated[SecretStr | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="PostgreSQL to use; empty starts the embedded one in the data directory."
    )
    redis_url: RedisUrl | None = Field(
        None,
        description="Redis between `ortoo gateway` and `ortoo engine`: `redis://host:6379/0`, `rediss://…` (TLS), `unix:///path`,"
        " `redis+sentinel://host,host/name`, `redis+cluster://host:port,host:port`; a market of one process (`ortoo serve`) has none.",
    )
    postgres_bin_dir: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="Directory of `postgres` and `initdb` for the embedded database; empty looks for them."
    )
    database_connections: int = Field(16, ge=4, le=200, description="Connections for reading, accounts and drafts.")
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    http_port: Port = Field(8080, description="Port of pages and API; 0 takes a free one.")
    live_port: Port = Field(8081, description="Port of the live rooms; 0 takes a free one.")
    public_origins: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (),
        max_length=20,
        description="Origins of the market's pages as browsers name them (`https://market.example`), comma-separated,"
        " exactly; empty allows this machine's own addresses at the HTTP port.",
    )
    live_public_url: str = Field(
        "",
        pattern=r"^(wss?://[^\s/;,]+(/\S*)?)?$",
        description="Address of the live rooms as browsers reach them (`wss://live.market.example/live`);"
        " empty means the pages' host at the live port.",
    )
    market_name: str = Field(
        "ortoo", pattern=r"^[a-z0-9.\-]{1,60}$", description="Name of this market in receipts and chains."
    )
    signing_key_file: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None,
        description="Ed25519 key of receipts; empty means `signing.key` in the data directory, made at the first start.",
    )
    log_key_file: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None,
        description="Key that hides lots in the database; empty means `log.key` in the data directory, made at the first start."
        " The same file on every machine; without it the log cannot be read.",
    )
    calendar_dir: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None,
        description="Directory of holiday tables, `YYYY.json`, that replace or follow the packaged ones;"
        " `ortoo admin calendar check FILE` before putting one there, then start again.",
    )
    session_hours: int = Field(12, ge=1, le=168, description="How long a login lasts, hours.")
    secure_cookies: bool = Field(
        False,
        description="Cookies over HTTPS only, under `__Host-` names. Switch on wherever the market is reached by HTTPS.",
    )
    registration_open: bool = Field(True, description="Visitors may make bidder accounts themselves.")
    password_time_cost: int = Field(
        2, ge=1, le=20, description="argon2id passes over memory (at least 2 outside tests)."
    )
    password_memory_kib: int = Field(
        19_456, ge=64, le=1_048_576, description="argon2id memory, KiB (at least 19456 outside tests)."
    )
    trusted_proxy_count: int = Field(
        0, ge=0, le=5, description="Proxies of our own in front; that many entries of X-Forwarded-For are believed."
    )
    requests_per_second: int = Field(100, ge=1, le=100_000, description="HTTP requests a second from one address.")
    requests_burst: int = Field(500, ge=1, le=1_000_000, description="Requests at once from one address.")
    bids_per_second: int = Field(5, ge=1, le=10_000, description="Bids a second of one account.")
    bids_burst: int = Field(10, ge=1, le=100_000, description="Bids at once of one account.")
    objection_every_seconds: int = Field(
        600, ge=1, le=86_400, description="One more objection from one address after this long, s."
    )
    objections_burst: int = Field(5, ge=1, le=1_000, description="Objections at once from one address.")
    frames_per_second: int = Field(20, ge=1, le=10_000, description="Frames a second of one connection.")
    frames_burst: int = Field(40, ge=1, le=100_000, description="Frames at once of one connection.")
    connections_max: int = Field(20_000, ge=1, le=200_000, description="Live connections of this process.")
    connections_per_account: int = Field(32, ge=1, le=100_000, description="Live connections of one account.")
    inbox_max: int = Field(
        20_000, ge=10, le=1_000_000, description="Commands waiting for the writer; one more is `busy`."
    )
    batch_max: int = Field(1_000, ge=1, le=10_000, description="Commands decided for one commit.")
    change_interval_ms: int = Field(50, ge=5, le=5_000, description="A busy lot is shown this often, ms.")
    fault_detector: bool = Field(
        True, description="Sessions near their end are paused by themselves when the platform could not serve."
    )
    fault_silent_seconds: float = Field(
        3.0, ge=0.5, le=600.0, description="Engine or database away for longer than this is a fault, s."
    )
    fault_lost_percent: int = Field(
        60,
        ge=10,
        le=100,
        description="Share of the accounts in the rooms, cut off within seconds, that is a fault, percent.",
    )
    fault_accounts_min: int = Field(
        8, ge=2, le=100_000, description="Accounts in the rooms of this process below which a loss proves nothing."
    )
    fault_within_seconds: float = Field(
        10.0, ge=1.0, le=120.0, description="Connections cut off within this time count together, s."
    )
    fault_hold_seconds: float = Field(
        2.0, ge=0.5, le=60.0, description="How long they must stay away: who comes back at once lost nothing, s."
    )
    fault_near_end_seconds: float = Field(
        60.0,
        ge=0.0,
        le=3_600.0,
        description="Sessions this near their end are paused, too, if their closing window is shorter, s.",
    )
    drain_seconds: float = Field(
        5.0, ge=0.0, le=60.0, description="Over how long at most live connections are sent away at shutdown."
    )
    checkpoint_seconds: int = Field(
        60,
        ge=1,
        le=86_400,
        description="A signed line about every moved shard goes to checkpoints.jsonl this often, s.",
    )
    attachment_bytes_max: int = Field(
        20_000_000, ge=1_000, le=200_000_000, description="Bytes of one attachment of the catalogue."
    )
    scan_command: str = Field(
        "",
        max_length=500,
        description="Virus scanner for attachments: program and arguments, the file's path is added as the last one;"
        " exit 0 is clean, 1 infected (`clamdscan --no-summary --fdpass`). Empty: files are served unscanned, and say so.",
    )
    virtual_account_prefix: str = Field(
        "990001",
        pattern=r"^[0-9]{4,12}$",
        description="Digits of the range of sub-account numbers that the bank gave the market; every deposit has one of them.",
    )
    settlement_here: bool = Field(
        True, description="This process runs the money's workers; switch off where `ortoo settlement` runs them."
    )
    fee_scale: str = Field(
        "waived",
        pattern=r"^(waived|court-buyer|auction-law|culture-exchange)$",
        description="Commission scale of new deals (settlement/deals/data/fee_scales.json); a deal keeps the one it was struck under.",
    )
    buyer_fee_waived: bool = Field(True, description="The buyer pays no commission, whatever the scale.")
    escrow_holder: str = Field(
        "",
        max_length=100,
        description="Holder of the bank account that deposits are paid to, as payers have to write it.",
    )
    escrow_bank: str = Field("", max_length=100, description="Bank and branch of that account.")
    bank_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#]+)?$",
        description="Where the bank's interface is (`ortoo sandbox-bank` in the demonstration); empty: payments are exported as files"
        " for the bank's counter and confirmed by its statements.",
    )
    bank_secret_file: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None,
        description="Secret shared with the bank, at least 32 bytes; empty means `bank.secret` in the data directory, made at the"
        " first start.",
    )
    bank_layouts_file: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="JSON array of statement layouts, tried before the built-in one (settlement/bank/layouts.py)."
    )
    bank_callbacks_per_second: int = Field(
        50, ge=1, le=10_000, description="Callbacks of the bank a second from one address; four times as many at once."
    )
    probe_minutes: int = Field(
        30,
        ge=0,
        le=1_440,
        description="The prober looks at every running notice this often, minutes; 0: this process starts none, somebody else runs"
        " `ortoo probe`.",
    )
    probe_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#]+)?$",
        description="Address of the market as the prober reaches it; empty: the first of the public origins, as readers do.",
    )
    embed_ancestors: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        ("*",),
        max_length=100,
        description="Sites that may show the board's widget in a frame (`frame-ancestors`), comma-separated; `*` is every site:"
        " the widget has no script, no form and no cookie.",
    )
    pricing_process: bool = Field(
        True,
        description="`ortoo serve` and `ortoo demo` start the pricing process beside the market; off: `ortoo pricing` is run by"
        " somebody else on this machine, or quotes are answered `unavailable`.",
    )
    registrar_name: str = Field(
        "",
        max_length=100,
        description="Name of the registrar (技术合同登记机构) whose desk this market has, as it stands on certificates.",
    )
    registrar_number_prefix: str = Field(
        "",
        pattern=r"^([0-9]{6})?$",
        description="Province, city and registrar (two digits each) of the registrar's own series of registration numbers;"
        " empty: every number is the one that the national system gave, typed in at the desk.",
    )
    registrar_url: str = Field(
        "",
        pattern=r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?(/[^\s?#]*)?)?$",
        description="Where an outside registrar's system takes messages (docs/REGISTRATION.md); HTTPS, except on this machine."
        " Empty: nothing is sent, the feed can still be pulled.",
    )
    registrar_keys_file: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None,
        description="Keys shared with that system (`ortoo registrar-keys`), read anew for each message; empty means"
        " `registrar-keys.json` in the data directory.",
    )
    registrar_ca_file: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None,
        description="Certificates (PEM) that the system's own is signed by, where this machine does not trust it already.",
    )
    registrar_give_up_days: int = Field(
        30,
        ge=1,
        le=365,
        description="A message that was not taken for so long is a dead letter for a person to look at.",
    )
    tracing_url: str = Field(
        "",
        pattern=r"^(https?://\S{1,200})?$",
        description="Where traces go (OTLP over HTTP, `http://collector:4318/v1/traces`); needs the extra `tracing`."
        " Empty: nothing is traced, and nothing of OpenTelemetry is loaded.",
    )
    tracing_ratio: float = Field(0.01, ge=0.0, le=1.0, description="Which part of commands and requests is traced.")
    log_format: Literal["json", "text"] = Field("json", description="Form of the log lines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="From which level lines are written."
    )

    @model_validator(mode="after")
    def _origins_are_origins(self) -> Self:
        for origin in self.public_origins:
            if _ORIGIN.fullmatch(origin) is None:
                raise ValueError("public_origins: each is scheme://host[:port] in lower case, without a path")
        if not all(word == "*" or _ORIGIN.fullmatch(word) for word in self.embed_ancestors):
            raise ValueError("embed_ancestors: `*`, or each scheme://host[:port] in lower case, without a path")
        return self

    @property
    def origins(self) -> frozenset[str]:
        """Origins whose pages may act for their visitors; the ports are those in use."""
        if self.public_origins:
            return frozenset(self.public_origins)
        names = {"127.0.0.1", "localhost", "[::1]", _in_url(self.host)} - {"0.0.0.0", "[::]"}  # noqa: S104
        return frozenset(f"http://{name}:{self.http_port}" for name in names)

    @property
    def public_address(self) -> str:
        """Address of the market in what is published: permanent links, feeds, codes."""
        if self.public_origins:
            return self.public_origins[0]
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else _in_url(self.host)  # noqa: S104
        return f"http://{host}:{self.http_port}"

    @property
    def evidence_dir(self) -> Path:
        """Where evidence files lie; they can be made again from the log."""
        return self.data_dir / "evidence"

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie."""
        return "__Host-ortoo_session" if self.secure_cookies else "ortoo_session"

    @property
    def attachments_dir(self) -> Path:
        """Where the files of the catalogue lie."""
        return self.data_dir / "attachments"

    @property
    def bank_secret_path(self) -> Path:
        """Where the secret shared with the bank is kept."""
        return self.bank_secret_file or self.data_dir / "bank.secret"

    @property
    def registrar_keys_path(self) -> Path:
        """Where the keys shared with an outside registrar are kept."""
        return self.registrar_keys_file or self.data_dir / "registrar-keys.json"

    @property
    def key_file(self) -> Path:
        """Where the signing key is kept."""
        return self.signing_key_file or self.data_dir / "signing.key"

    @property
    def log_key_path(self) -> Path:
        """Where the key is kept that hides lots in the database."""
        return self.log_key_file or self.data_dir / "log.key"


class EngineConfig(BaseModel):
    """What `ortoo engine` reads. A variable that the gateways read too means the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: SecretStr = Field(description="PostgreSQL of the market.")
    redis_url: SecretStr = Field(description="Redis between the gateways and the engines.")
    calendar_dir: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="Directory of holiday tables, the same as the gateways'."
    )
    log_key_file: Path = Field(
        Path("var/log.key"), description="Key that hides lots in the database, the same file as the gateways'."
    )
    tracing_url: str = Field(
        "", pattern=r"^(https?://\S{1,200})?$", description="Where traces go, as for the gateways; empty: nowhere."
    )
    tracing_ratio: float = Field(0.01, ge=0.0, le=1.0, description="Which part of commands is traced.")
    takeover_seconds: float = Field(
        3.0,
        ge=1.0,
        le=60.0,
        description="An engine that was silent for so long has lost its shards to the others, s. Shorter than the longest pause of the"
        " machine means changes of owner for nothing.",
    )
    engine_host: str = Field("127.0.0.1", min_length=1, description="Address of health and metrics of this engine.")
    engine_port: Port = Field(8090, description="Port of `/livez`, `/readyz` and `/metrics`; 0 takes a free one.")
    inbox_max: int = Field(
        20_000, ge=10, le=1_000_000, description="Commands waiting for a writer; one more is `busy`."
    )
    batch_max: int = Field(1_000, ge=1, le=10_000, description="Commands decided for one commit.")
    log_format: Literal["json", "text"] = Field("json", description="Form of the log lines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="From which level lines are written."
    )


M = TypeVar("M", bound=BaseModel)


def read_config(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Config:
    """Build the configuration from `ORTOO_*` variables, see `read_model`."""
    return read_model(Config, environment, **overrides)


def read_model(model: type[M], environment: Mapping[str, str] = os.environ, **overrides: Any) -> M:
    """Build a configuration from `ORTOO_*` variables.

    Args:
        environment: Where to look.
        overrides: Fields that win over the environment.

    Raises:
        ConfigurationInvalid: a value is out of bounds or not of its kind.
    """
    given = {name: environment[variable_of(name)] for name in model.model_fields if variable_of(name) in environment}
    try:
        return model.model_validate({**given, **overrides})
    except ValidationError as error:
        problems = (f"{variable_of(str((*e['loc'], '')[0]))}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationInvalid("; ".join(problems)) from None


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the `ORTOO_*` variables that mean nothing: usually a typing error."""
    known = {variable_of(name) for name in (*Config.model_fields, *EngineConfig.model_fields)}
    return sorted(n for n in environment if n.startswith(PREFIX) and n not in known and not n.startswith(OF_TOOLS))


def variable_of(field: str) -> str:
    """Return the environment variable of a field."""
    return PREFIX + field.upper()


def markdown() -> str:
    """Return docs/CONFIGURATION.md."""
    return "\n".join(
        [
            "# Configuration",
            "",
            "Environment variables, read once at the start. This page is printed by `python -m gateway.config`.",
            "",
            *_table(Config),
            "",
            "## Engines of several machines",
            "",
            "What `ortoo engine` reads (docs/OPERATING.md, several machines); everything else is the gateways'.",
            "",
            *_table(EngineConfig),
            "",
        ]
    )


def _table(model: type[BaseModel]) -> list[str]:
    rows = [
        f"| `{variable_of(name)}` | {_default_text(field)} | {_bounds_text(field)} | {field.description} |"
        for name, field in model.model_fields.items()
    ]
    return ["| variable | default | bounds | meaning |", "|---|---|---|---|", *rows]


def _default_text(field: FieldInfo) -> str:
    value = "must be set" if field.is_required() else field.default
    if value is None or value in ("", ()):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _bounds_text(field: FieldInfo) -> str:
    found = [
        (mark, getattr(m, name))
        for m in field.metadata
        for mark, name in (("≥", "ge"), ("≤", "le"))
        if hasattr(m, name)
    ]
    choices = getattr(field.annotation, "__args__", ()) if "Literal" in str(field.annotation) else ()
    return " ".join(f"{mark} {bound:g}" if bound < 1e6 else f"{mark} {bound}" for mark, bound in found) or " / ".join(
        str(choice) for choice in choices
    )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    print(markdown(), end="")
