"""Faults for those who want to see recoveries: each breaks a real part. Off unless a test's spec asks for it.

Which ones an attempt suffers is said here; faults_launch.py and faults_run.py do it.
"""

from __future__ import annotations

from jobs.specs import FaultKind, Platform, TestSpec
from recovery import BrowserType

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
    *((browser, FaultKind.API_MISSING) for browser in (BrowserType.SAFARI, BrowserType.WEBKIT)),
    # Its automated sessions write no profile.
    (BrowserType.WEBKIT, FaultKind.DISK_FULL),
}
# What breaks the GPU is no fault of a test that doesn't use it.
_OF_GPU = {FaultKind.NO_ADAPTER, FaultKind.GPU_PROCESS_KILLED, FaultKind.DEVICE_LOST}


def is_possible(kind: FaultKind, browser: BrowserType, platform: Platform | None) -> bool:
    """Whether a test on this platform, in this browser, needs the part that the fault breaks."""
    return (browser, kind) not in _IMPOSSIBLE and (kind not in _OF_GPU or platform is Platform.WEBGPU)


def faults_of(spec: TestSpec, attempt: int, browser: BrowserType) -> frozenset[FaultKind]:
    """The faults that this attempt is to suffer."""
    return frozenset(
        fault.kind
        for fault in spec.faults
        if fault.hits(attempt, browser) and is_possible(fault.kind, browser, spec.platform)
    )
