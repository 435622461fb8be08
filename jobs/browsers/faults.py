"""Faults for those who want to see recoveries: each breaks a real part. Off unless a test's spec asks for it.

Which ones an attempt suffers is said here; faults_launch.py and faults_run.py do it.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobs.specs import FaultKind, Platform, TestSpec
from recovery import BrowserType, FailureType

# What each is to be seen as.
CATEGORIES: Mapping[FaultKind, FailureType] = {
    FaultKind.BINARY_MISSING: FailureType.LAUNCH_FAILURE,
    FaultKind.BINARY_BROKEN: FailureType.LAUNCH_FAILURE,
    FaultKind.DRIVER_MISSING: FailureType.LAUNCH_FAILURE,
    FaultKind.DRIVER_BROKEN: FailureType.LAUNCH_FAILURE,
    FaultKind.DRIVER_WRONG: FailureType.LAUNCH_FAILURE,
    FaultKind.API_MISSING: FailureType.API_ERROR,
    FaultKind.PAGE_MEMORY: FailureType.RESOURCE_EXHAUSTION,
    FaultKind.DISK_FULL: FailureType.RESOURCE_EXHAUSTION,
    FaultKind.WASM_MEMORY: FailureType.RESOURCE_EXHAUSTION,
    FaultKind.DEVICE_LOST: FailureType.GPU_ERROR,
    FaultKind.NO_ADAPTER: FailureType.GPU_ERROR,
    FaultKind.GPU_PROCESS_KILLED: FailureType.GPU_ERROR,
    FaultKind.BROWSER_KILLED: FailureType.CRASH,
    FaultKind.RENDERER_KILLED: FailureType.CRASH,
    FaultKind.DRIVER_KILLED: FailureType.CONNECTION_FAILURE,
    FaultKind.PAGE_HUNG: FailureType.TIMEOUT,
    FaultKind.BROWSER_STOPPED: FailureType.TIMEOUT,
    FaultKind.RENDERER_STOPPED: FailureType.TIMEOUT,
    FaultKind.GPU_PROCESS_STOPPED: FailureType.GPU_ERROR,
    FaultKind.DRIVER_STOPPED: FailureType.CONNECTION_FAILURE,
    FaultKind.WINDOW_CLOSED: FailureType.CONNECTION_FAILURE,
    FaultKind.SOCKET_DROPPED: FailureType.CONNECTION_FAILURE,
    FaultKind.PAGE_GARBLED: FailureType.INTERNAL_ERROR,
    FaultKind.ASSET_STALLED: FailureType.TIMEOUT,
    FaultKind.ASSET_SLOW: FailureType.TIMEOUT,
    FaultKind.WEBNN_OPERATORS: FailureType.API_ERROR,
}

# Those that break the start of a browser: a session that has one is no other test's.
AT_LAUNCH = frozenset(
    {
        *(FaultKind.BINARY_MISSING, FaultKind.BINARY_BROKEN),
        *(FaultKind.DRIVER_MISSING, FaultKind.DRIVER_BROKEN, FaultKind.DRIVER_WRONG),
        *(FaultKind.DISK_FULL, FaultKind.NO_ADAPTER, FaultKind.API_MISSING),
    }
)

# Firefox has no GPU process on Linux: its main process does that work. WebKit's WebAssembly can't be switched off.
_IMPOSSIBLE = {
    (BrowserType.FIREFOX, FaultKind.GPU_PROCESS_KILLED),
    (BrowserType.FIREFOX, FaultKind.GPU_PROCESS_STOPPED),
    *((browser, FaultKind.API_MISSING) for browser in (BrowserType.SAFARI, BrowserType.WEBKIT)),
    # Its automated sessions write no profile.
    (BrowserType.WEBKIT, FaultKind.DISK_FULL),
}
# What breaks a platform is no fault of a test that doesn't use it.
_OF_WEBGPU = (
    *(FaultKind.NO_ADAPTER, FaultKind.DEVICE_LOST),
    *(FaultKind.GPU_PROCESS_KILLED, FaultKind.GPU_PROCESS_STOPPED),
)
_OF_PLATFORM = {
    **dict.fromkeys(_OF_WEBGPU, Platform.WEBGPU),
    FaultKind.WEBNN_OPERATORS: Platform.WEBNN,
}


def is_possible(kind: FaultKind, browser: BrowserType, platform: Platform | None) -> bool:
    """Whether a test on this platform, in this browser, needs the part that the fault breaks."""
    return (browser, kind) not in _IMPOSSIBLE and _OF_PLATFORM.get(kind, platform) is platform


def faults_of(spec: TestSpec, attempt: int, browser: BrowserType) -> frozenset[FaultKind]:
    """The faults that this attempt is to suffer."""
    return frozenset(
        fault.kind
        for fault in spec.faults
        if fault.hits(attempt, browser) and is_possible(fault.kind, browser, spec.platform)
    )
