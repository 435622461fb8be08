"""The closed sets that failures and recoveries are spoken of in: browsers, model types, failure types, levels."""

from enum import IntEnum, StrEnum


class BrowserType(StrEnum):
    """A browser that a test may ask for; its queue is ``browser.<value>``."""

    CHROME = "chrome"
    FIREFOX = "firefox"
    EDGE = "edge"
    SAFARI = "safari"
    WEBKIT = "webkit"
    """Safari's engine on Linux (WebKitGTK); it is no Safari"""


class ModelType(StrEnum):
    """A family of models; it names the task-type circuit and chooses the order of fallback browsers."""

    TEXT = "text"
    VISION = "vision"
    AUDIO = "audio"
    MULTIMODAL = "multimodal"


class FailureType(StrEnum):
    """What went wrong with the infrastructure; ``TEST_FAILURE`` is the one that is the test's own."""

    LAUNCH_FAILURE = "launch"
    CONNECTION_FAILURE = "connection"
    TIMEOUT = "timeout"
    CRASH = "crash"
    RESOURCE_EXHAUSTION = "resource_exhaustion"
    GPU_ERROR = "gpu"
    API_ERROR = "api"
    INTERNAL_ERROR = "internal"
    TEST_FAILURE = "test_failure"


class RecoveryLevel(IntEnum):
    """How far a recovery goes; each level interferes more than the one before."""

    MINIMAL = 1
    MODERATE = 2
    AGGRESSIVE = 3
    FALLBACK = 4
    SIMULATION = 5


class Phase(StrEnum):
    """What an attempt was doing when it failed."""

    LAUNCH = "launch"
    NAVIGATE = "navigate"
    LOAD = "load"
    RUN = "run"
    CLOSE = "close"


class PageEvent(StrEnum):
    """What the page itself told of a failure."""

    DEVICE_LOST = "device_lost"
    OUT_OF_MEMORY = "out_of_memory"
    NO_ADAPTER = "no_adapter"
    BACKEND_UNAVAILABLE = "backend_unavailable"
    ASSET_UNAVAILABLE = "asset_unavailable"
    MODEL_INVALID = "model_invalid"
    SCRIPT_ERROR = "script_error"
