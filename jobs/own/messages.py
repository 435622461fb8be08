"""What a worker and the process that runs users' code say to each other: one JSON line each, over a Unix socket."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Order(_Message):
    """Run this function in this session."""

    function: str
    parameters: dict[str, JsonValue]
    base_url: str | None
    test: str
    browser: str
    attempt: int
    seconds: float = Field(description="the attempt's time")
    driver_address: str
    session_id: str
    capabilities: dict[str, JsonValue]
    command_seconds: float = Field(description="how long one WebDriver command may take")
    folder: str = Field(description="where artefacts go")


class Raised(_Message):
    """The exception that ended the function."""

    error: str = Field(description="its class")
    message: str = Field(description="one line")
    location: str | None = Field(description="file:line in the user's own code")
    details: str = Field(description="the user's own lines that led to it")
    crash_told: bool = Field(description="WebDriver said that the page or browser crashed")
    session_lost: bool = Field(description="WebDriver said that the session is gone")


class Ended(_Message):
    """The function ended: by itself, or by an exception."""

    raised: Raised | None
    reusable: bool = Field(description="the process can run another test: nothing of this one goes on in it")
