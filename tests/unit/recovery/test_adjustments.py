"""Level 3's rules: which failure changes what."""

from __future__ import annotations

from recovery import Adjustments, FailureType, ModelType, adjust
from tests.unit.recovery.makers import CHROME, FIREFOX, SAFARI, failure

NONE = Adjustments()


def test_a_gpu_error_asks_for_the_software_adapter() -> None:
    adjusted = adjust(failure(FailureType.GPU_ERROR), FIREFOX, ModelType.AUDIO, NONE)
    assert (adjusted.software_adapter, adjusted.time_factor, len(adjusted.rules)) == (True, 1.0, 1)


def test_a_timeout_gets_more_time() -> None:
    adjusted = adjust(failure(FailureType.TIMEOUT), CHROME, ModelType.TEXT, NONE)
    assert (adjusted.software_adapter, adjusted.time_factor, len(adjusted.rules)) == (False, 2.0, 1)


def test_adjustments_add_up_and_no_rule_is_applied_twice() -> None:
    once = adjust(failure(FailureType.TIMEOUT), CHROME, ModelType.TEXT, NONE)
    both = adjust(failure(FailureType.GPU_ERROR), CHROME, ModelType.TEXT, once)
    assert (both.software_adapter, both.time_factor, len(both.rules)) == (True, 2.0, 2)
    assert adjust(failure(FailureType.TIMEOUT), CHROME, ModelType.TEXT, both) == both


def test_a_full_disk_asks_for_a_profile_in_memory_and_full_memory_does_not() -> None:
    assert adjust(failure(FailureType.RESOURCE_EXHAUSTION, disk_full=True), CHROME, None, NONE).profile_in_memory
    assert adjust(failure(FailureType.RESOURCE_EXHAUSTION), CHROME, None, NONE) == NONE


def test_a_lack_of_memory_makes_vision_models_take_one_input_at_a_time() -> None:
    lack = failure(FailureType.RESOURCE_EXHAUSTION)
    assert adjust(lack, CHROME, ModelType.VISION, NONE).small_batch
    assert adjust(lack, CHROME, ModelType.MULTIMODAL, NONE) == NONE


def test_where_nothing_cures_the_settings_stay_as_they_were() -> None:
    assert adjust(failure(FailureType.CRASH), CHROME, ModelType.TEXT, NONE) == NONE
    assert adjust(failure(FailureType.GPU_ERROR), SAFARI, ModelType.TEXT, NONE) == NONE
