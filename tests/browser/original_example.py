"""The bridge's example in the original documentation, word for word but for the names of the modules it imports."""

import anyio

from jobs.browsers import (  # noqa: F401 - as the original has it
    BrowserAutomationBridge,
    CircuitOpenError,
    CircuitState,
    create_browser_circuit_breaker,
)
from recovery import BrowserType, ModelType, categorize_browser_failure, recover_browser  # noqa: F401 - as above


async def test_browser_automation():
    # Create browser bridge with circuit breaker protection
    bridge = BrowserAutomationBridge(
        platform="webgpu",
        browser_name="firefox",
        headless=True,
        compute_shaders=True,  # Enable Firefox audio model optimization
        precompile_shaders=True,  # Enable shader precompilation
    )

    try:
        # Launch browser with simulation fallback
        success = await bridge.launch(allow_simulation=True)
        if not success:
            print("Failed to launch browser")
            return

        # Run test with circuit breaker protection
        result = await bridge.run_test(model_name="whisper-tiny", input_data="This is a test input")

        print(f"Test result: {result}")

    except CircuitOpenError:
        print("Circuit breaker is open, skipping test")
    except Exception as e:  # noqa: BLE001
        # Attempt recovery
        failure_info = categorize_browser_failure(
            e, {"browser": "firefox", "model": "whisper-tiny", "platform": "webgpu"}
        )

        # Attempt recovery
        recovered = await recover_browser(bridge, e, failure_info)

        if recovered:
            # Retry after successful recovery
            result = await bridge.run_test(model_name="whisper-tiny", input_data="This is a test input after recovery")
            print(f"Recovered test result: {result}")
        else:
            print(f"Failed to recover from error: {str(e)}")  # noqa: RUF010
    finally:
        # Close browser
        await bridge.close()


# Run the test
anyio.run(test_browser_automation)
