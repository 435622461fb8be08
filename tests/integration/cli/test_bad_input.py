"""Bad input: one clear line, exit code 2, nothing started and nothing enqueued."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobs.ports import free_port
from tests.commands import Command
from tests.conftest import RedisServer

GOOD = {
    "browsers": 'browsers = ["chrome"]',
    "models": 'models = ["bert-base-uncased"]',
    "platforms": 'platforms = ["wasm"]',
}


def batch(**changes: str) -> str:
    return "[matrix]\n" + "\n".join({**GOOD, **changes}.values()) + "\n"


@pytest.fixture
def breakwater(tmp_path: Path, redis_server: RedisServer, redis_client: redis.Redis) -> Iterator[object]:
    """Runs the command against a real, empty Redis; says what it printed and how it ended."""
    commands = []

    def run(*arguments: str, url: str = redis_server.url, content: str | bytes | None = None) -> tuple[int, str]:
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / "batch.toml").write_bytes(data)
        command = Command(list(arguments), tmp_path, {"BREAKWATER_REDIS_URL": url})
        commands.append(command)
        return command.wait(120), command.output

    yield run
    for command in commands:
        command.kill()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (batch(browsers='browsers = ["chrom"]'), ["matrix.browsers[0]", "'chrom'", "chrome", "firefox"]),
        (batch(models='models = ["bart-base"]'), ["matrix.models[0]", "'bart-base'", "bert-base-uncased"]),
        (batch(platforms='platforms = ["webgl"]'), ["matrix.platforms[0]", "'webgl'", "webgpu", "wasm"]),
        (batch(browsers="browsers = []"), ["matrix.browsers"]),
        (batch() + "colour = 1\n", ["matrix.colour", "browsers"]),
        ("retries = 3\n" + batch(), ["retries", "timeout"]),
        ("[matrix\n", ["batch.toml", "TOML", "line 1"]),
        (b"\xff\xfe\x00", ["batch.toml", "UTF-8"]),
        (batch() + '[[model]]\nname = "mine"\ntype = "text"\npath = "none.onnx"\n', ["model[0].path", "none.onnx"]),
        (batch() + "[recovery]\nmax_attemps = 3\n", ["recovery", "max_attemps", "max_attempts"]),
    ],
    ids=["browser", "model", "platform", "empty", "matrix-key", "key", "syntax", "encoding", "model-file", "policy"],
)
def test_a_bad_batch_file_is_one_line_and_enqueues_nothing(
    breakwater: object, redis_client: redis.Redis, content: str | bytes, named: list[str]
) -> None:
    code, output = breakwater("run", "batch.toml", content=content)
    assert code == 2, output
    assert output.count("\n") == 1, output
    for word in named:
        assert word in output
    assert redis_client.dbsize() == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "nowhere.toml"],
        ["run", "batch.toml", "--quick"],
        ["run", "--quick", "--browser", "opera"],
        ["run", "--quick", "--allow", "anything"],
        ["run", "--quick", "--report-json", "no/such/folder/report.json"],
        ["run", "--quick", "--artefacts", "batch.toml/kept"],
        ["run", "--quick", "--workers", "0"],
        ["run", "--quick", "--timeout", "nan"],
        ["wait", "b", "--timeout", "inf"],
        ["demo", "--model", "gpt-17"],
        ["dmo"],
    ],
    ids=" ".join,
)
def test_a_bad_command_line_is_one_line(breakwater: object, redis_client: redis.Redis, arguments: list[str]) -> None:
    code, output = breakwater(*arguments, content=batch())
    assert code == 2, output
    assert output.count("\n") == 1, output
    assert redis_client.dbsize() == 0


@pytest.mark.parametrize("arguments", [["run", "--quick"], ["doctor"], ["workers"]], ids=" ".join)
@pytest.mark.parametrize(
    ("setting", "value"), [("LEASE_SECONDS", "soon"), ("REMOTE_CAPABILITIES", "{"), ("KEY_PREFIX", "a b")]
)
def test_a_bad_setting_is_one_line(tmp_path: Path, arguments: list[str], setting: str, value: str) -> None:
    with Command(arguments, tmp_path, {f"BREAKWATER_{setting}": value}) as command:
        assert command.wait(120) == 2
    assert command.output.startswith(f"breakwater: environment: BREAKWATER_{setting}: must be ")
    assert command.output.count("\n") == 1


def test_no_redis_at_the_url_is_told_within_seconds(breakwater: object, tmp_path: Path) -> None:
    port = free_port()
    code, output = breakwater(
        "run", "batch.toml", "--artefacts", "kept/here", "--log-dir", "logs",
        content=batch(), url=f"redis://:secret@127.0.0.1:{port}/0",
    )  # fmt: skip
    assert code == 3, output
    assert str(port) in output
    assert "secret" not in output
    assert output.count("\n") == 1
    assert not [name for name in ("kept", "logs") if (tmp_path / name).exists()]
