"""Bad input: one clear line, exit code 2, nothing started and nothing enqueued."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from jobs.ports import free_port
from tests.commands import Command
from tests.conftest import RedisServer
from tests.integration.conftest import Breakwater

GOOD = {
    "browsers": 'browsers = ["chrome"]',
    "models": 'models = ["bert-base-uncased"]',
    "platforms": 'platforms = ["wasm"]',
}


def batch(**changes: str) -> str:
    return "[matrix]\n" + "\n".join({**GOOD, **changes}.values()) + "\n"


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
    breakwater_here: Breakwater, redis_client: redis.Redis, tmp_path: Path, content: str | bytes, named: list[str]
) -> None:
    (tmp_path / "batch.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    code, output = breakwater_here("run", "batch.toml")
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
def test_a_bad_command_line_is_one_line(
    breakwater_here: Breakwater, redis_client: redis.Redis, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "batch.toml").write_text(batch(), encoding="utf-8")
    code, output = breakwater_here(*arguments)
    assert code == 2, output
    assert output.count("\n") == 1, output
    assert redis_client.dbsize() == 0


def test_the_command_itself_ends_so_and_starts_nothing(
    tmp_path: Path, redis_server: RedisServer, redis_client: redis.Redis
) -> None:
    (tmp_path / "batch.toml").write_text(batch(browsers='browsers = ["chrom"]'), encoding="utf-8")
    with Command(["run", "batch.toml"], tmp_path, {"BREAKWATER_REDIS_URL": redis_server.url}) as command:
        assert command.wait(120) == 2, command.output
        command.assert_nothing_left()
    assert command.output.count("\n") == 1, command.output
    assert redis_client.dbsize() == 0


@pytest.mark.parametrize(
    ("arguments", "setting", "value"),
    [
        (["run", "--quick"], "LEASE_SECONDS", "soon"),
        (["doctor"], "REMOTE_CAPABILITIES", "{"),
        (["workers"], "KEY_PREFIX", "a b"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else one,
)
def test_a_bad_setting_is_one_line(tmp_path: Path, arguments: list[str], setting: str, value: str) -> None:
    with Command(arguments, tmp_path, {f"BREAKWATER_{setting}": value}) as command:
        assert command.wait(120) == 2
    assert command.output.startswith(f"breakwater: environment: BREAKWATER_{setting}: must be ")
    assert command.output.count("\n") == 1


def test_no_redis_at_the_url_is_told_within_seconds(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "batch.toml").write_text(batch(), encoding="utf-8")
    arguments = ["run", "batch.toml", "--artefacts", "kept/here", "--log-dir", "logs"]
    with Command(arguments, tmp_path, {"BREAKWATER_REDIS_URL": f"redis://:secret@127.0.0.1:{port}/0"}) as command:
        assert command.wait(120) == 3, command.output
        command.assert_nothing_left()
    assert str(port) in command.output
    assert "secret" not in command.output
    assert command.output.count("\n") == 1
    assert not [name for name in ("kept", "logs") if (tmp_path / name).exists()]
