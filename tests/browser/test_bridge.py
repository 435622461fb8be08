"""BrowserAutomationBridge as the original documentation shows it, with real browsers, real circuits, real recovery."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import numpy as np
import psutil
import pytest

from breakers import CircuitBreakerRegistry
from jobs.browsers import (
    BridgeResult,
    BrowserAutomationBridge,
    CircuitOpenError,
    CircuitState,
    TestFailure,
    create_browser_circuit_breaker,
)
from jobs.browsers.protocol import Fault
from jobs.settings import settings
from recovery import (
    BrowserFailure,
    BrowserType,
    ProgressiveRecoveryManager,
    categorize_browser_failure,
    recover_browser,
)
from tests.conftest import RedisServer
from tests.farms import ROOT


@pytest.fixture(autouse=True)
def world(redis_server: RedisServer, redis_client: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment of a user with a Redis; whatever a bridge started is gone afterwards."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        monkeypatch.setenv("BREAKWATER_REDIS_URL", redis_server.url)
        monkeypatch.setenv("BREAKWATER_SCRATCH_DIR", folder)
        settings.cache_clear()
        yield Path(folder)
        assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
        assert not list(Path(folder).iterdir())
    settings.cache_clear()


def kill_in_next_run(bridge: BrowserAutomationBridge) -> None:
    """A browser that dies before a test is just replaced; this one dies in the test."""
    session = bridge._pool.session
    assert session is not None
    run_model = session.run_model

    def killed(*arguments: object) -> object:
        process = session.main_process
        assert process is not None
        process.kill()
        return run_model(*arguments)  # type: ignore[arg-type]

    session.run_model = killed  # type: ignore[method-assign,assignment]


async def the_original_example(bridge: BrowserAutomationBridge, *, break_it: bool = False) -> tuple[object, bool]:
    """The example of the original documentation, but that it returns what that prints."""
    try:
        if not await bridge.launch(allow_simulation=True):
            return "not launched", False
        if break_it:
            kill_in_next_run(bridge)
        return await bridge.run_test(model_name="whisper-tiny", input_data="This is a test input"), False
    except CircuitOpenError:
        return "skipped", False
    except Exception as error:  # noqa: BLE001 - the example's own
        failure = categorize_browser_failure(
            error, {"browser": "firefox", "model": "whisper-tiny", "platform": "webgpu"}
        )
        if not await recover_browser(bridge, error, failure):
            return error, False
        again = await bridge.run_test(model_name="whisper-tiny", input_data="This is a test input after recovery")
        return again, True
    finally:
        await bridge.close()


def firefox() -> BrowserAutomationBridge:
    return BrowserAutomationBridge(
        platform="webgpu",
        browser_name="firefox",
        headless=True,
        compute_shaders=True,
        precompile_shaders=True,
        timeout=300,
    )


@pytest.mark.alone  # a software adapter needs both processors to be through in the 60 s that the example gives it
def test_the_original_example_runs_as_it_was_written() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.browser.original_example"],
        check=False, capture_output=True, text=True, timeout=300, cwd=ROOT,
    )  # fmt: skip
    assert ran.stdout.startswith("Test result: "), ran.stdout + ran.stderr
    assert "browser=<BrowserType.FIREFOX" in ran.stdout
    assert "backend=<Platform.WEBGPU" in ran.stdout
    assert "simulated=False" in ran.stdout


def test_the_original_example_recovers_from_a_killed_browser() -> None:
    async def broken() -> tuple[object, bool]:
        return await the_original_example(firefox(), break_it=True)

    result, recovered = anyio.run(broken, backend="trio")
    assert isinstance(result, BridgeResult), result
    assert recovered
    assert result.recovered
    assert result.browser is BrowserType.FIREFOX
    [recovery] = create_browser_circuit_breaker("Firefox").get_metrics()["recovery_history"]
    assert recovery["recovery_method"] == "browser_restart"


def test_a_browser_that_can_not_be_launched_is_told_replaced_or_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKWATER_FIREFOX_BINARY", "/nonexistent/firefox")

    async def use() -> None:
        bridge = BrowserAutomationBridge(platform="wasm", browser_name="firefox")
        try:
            assert not await bridge.launch()
            assert "no such file" in str(bridge.launch_failure)
            assert bridge.launch_failure is not None
            assert await recover_browser(bridge, bridge.launch_failure)
            degraded = await bridge.run_test("bert-base-uncased")
            assert (degraded.browser, degraded.degraded) == (BrowserType.CHROME, True)
            assert await bridge.launch(allow_simulation=True)
            simulated = await bridge.run_test("bert-base-uncased")
            assert (simulated.browser, simulated.simulated) == (None, True)
            assert simulated.measurement.backend == "native"
        finally:
            await bridge.close()

    anyio.run(use)


def test_open_circuits_failures_and_cancelled_tests_in_one_life(redis_server: RedisServer) -> None:
    registry = CircuitBreakerRegistry.from_url(redis_server.url)

    async def use() -> None:
        bridge = BrowserAutomationBridge(platform="wasm", browser_name="chrome")
        try:
            assert await bridge.launch()

            # The test's own failures are never recovered, nor counted.
            with pytest.raises(TestFailure, match=r"unknown model 'gpt-9'.*bert-base-uncased") as unknown:
                await bridge.run_test("gpt-9")
            assert not await recover_browser(bridge, unknown.value)
            with pytest.raises(TestFailure):
                await bridge.run_test("t5-small", {"nonsense": np.zeros((1, 3), dtype=np.float32)})

            # Inputs of the user's own, and a hub's name.
            first = await bridge.run_test("google-bert/bert-base-uncased", "one text")
            other = await bridge.run_test("google-bert/bert-base-uncased", "another text")
            assert first.measurement.max_abs_error != other.measurement.max_abs_error

            # Whoever stops waiting stops the test, and the bridge can still be used or closed.
            bridge._pool.session.link.send(Fault(kind="hang"))  # type: ignore[union-attr]
            with anyio.move_on_after(0.5) as scope:
                await bridge.run_test("bert-base-uncased")
            assert scope.cancelled_caught
            assert (await bridge.run_test("bert-base-uncased")).measurement.runs > 0

            registry.force_open("browser:chrome")
            with pytest.raises(CircuitOpenError):
                await bridge.run_test("bert-base-uncased")
            assert not await bridge.launch()
            assert isinstance(bridge.launch_failure, CircuitOpenError)
            assert create_browser_circuit_breaker("chrome").get_metrics()["current_state"] == CircuitState.FORCED_OPEN
            registry.reset("browser:chrome")
            with anyio.fail_after(120):
                while not await bridge.launch():  # the word reaches the bridge's own registry a moment later
                    await anyio.sleep(0.05)

            # All levels, until nothing is left.
            manager = ProgressiveRecoveryManager()
            kill_in_next_run(bridge)
            with pytest.raises(BrowserFailure) as killed:
                await bridge.run_test("bert-base-uncased")
            ways = []
            failure = categorize_browser_failure(killed.value, {})
            while await manager.recover(bridge, failure):
                ways.append(bridge.browser)
                assert len(ways) < 10
            assert ways[0] is BrowserType.CHROME
            assert BrowserType.FIREFOX in ways
        finally:
            await bridge.close()
            await bridge.close()
            registry.close()

    anyio.run(use)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"platform": "cuda"}, "unknown platform 'cuda'; allowed: webgpu, webnn, wasm"),
        ({"browser_name": "lynx"}, "unknown browser 'lynx'"),
        ({"browser_name": None}, "unknown browser None; known are chrome"),
        ({"compute_shaders": False}, "use platform='wasm'"),
        ({"timeout": 0}, "timeout=0: must be above 0"),
        ({"timeout": "60"}, "timeout='60': must be above 0"),
    ],
)
def test_bad_arguments_are_told(arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BrowserAutomationBridge(**arguments)  # type: ignore[arg-type]


IDS = np.ones((1, 8), dtype=np.int64)


@pytest.mark.parametrize(
    ("model", "given", "complaint"),
    [
        (None, None, "model_name is NoneType: give the name of a model"),
        (7, None, "model_name is int: "),
        ({"name": "bert"}, None, "model_name is dict: "),
        ("", None, "unknown model ''"),
        ("owner/a name", None, "owner/a name: not a name of the hub's"),
        ("t5-small", 7, "input_data is int: give a text, or a mapping from input names to NumPy arrays"),
        ("t5-small", [[1, 2], [3]], "input_data is list: "),
        ("t5-small", IDS, "input_data is ndarray: "),
        ("t5-small", {1: IDS}, "input_data: 1 is no input's name"),
        ("t5-small", {"input_ids": None}, "input 'input_ids' is NoneType: give a NumPy array"),
        ("t5-small", {"input_ids": [[1, 2], [3]]}, "input 'input_ids' is list: give a NumPy array"),
        ("t5-small", {"input_ids": np.array([None])}, "input 'input_ids' has the dtype object; allowed: float32, "),
        ("t5-small", {"input_ids": np.zeros(2**23, np.float32)}, "input_data has 33554432 bytes; a page takes "),
        ("t5-small", {}, "does not run on its inputs"),
        ("bert-base-uncased", {"input_ids": IDS.astype(np.float32)}, "does not run on its inputs"),
        ("bert-base-uncased", "\ud800", "can't encode"),
    ],
)
def test_what_can_not_be_run_is_the_tests_own_failure(model: object, given: object, complaint: str) -> None:
    async def use() -> str:
        bridge = BrowserAutomationBridge(platform="wasm")
        try:
            with pytest.raises(TestFailure) as failure:
                await bridge.run_test(model, given)  # type: ignore[arg-type]
            assert bridge._pool.session is None
        finally:
            await bridge.close()
        return str(failure.value)

    told = anyio.run(use)
    assert complaint in told
    assert "\n" not in told


def test_a_closed_bridge_starts_nothing_until_it_is_launched_again() -> None:
    async def use() -> None:
        bridge = BrowserAutomationBridge(platform="wasm", browser_name="chrome")
        try:
            assert (await bridge.run_test("bert")).browser is BrowserType.CHROME  # not launched: the test does it
            await bridge.close()
            await bridge.close()
            with pytest.raises(TestFailure, match="the bridge is closed: launch it again") as refused:
                await bridge.run_test("bert")
            assert not await recover_browser(bridge, refused.value)
            assert not await recover_browser(bridge, BrowserFailure("it died"))
            assert bridge._pool.session is None
            assert await bridge.launch()
            assert (await bridge.run_test("bert")).browser is BrowserType.CHROME
        finally:
            await bridge.close()

    anyio.run(use)
