"""Whole models in a page: parts in a chain, how they are loaded, and tensors that stay on the GPU."""

from __future__ import annotations

import time

import numpy as np
import pytest

from jobs.browsers.page_features import log_mel_for
from jobs.browsers.protocol import Fault, ModelPart, PageError, PagePhase, Progress, Result, Run, RunOptions
from jobs.browsers.tensors import Tensor
from jobs.models.catalogue import catalogue
from jobs.models.compare import compare
from jobs.models.inputs import make_inputs
from jobs.models.reference import native_run
from jobs.specs import Platform
from recovery.kinds import BrowserType, PageEvent
from tests.browser.pages import BOUND, Page

MANY_PARTS = "llava"


def command(page: Page, name: str, platform: Platform, options: RunOptions, runs: int = 2) -> Run:
    entry = catalogue()[name]
    return Run(
        id="run",
        parts=tuple(
            ModelPart(name=part.name, url=page.link.offer(part.path), feeds=dict(part.feeds)) for part in entry.parts
        ),
        platform=platform,
        inputs=tuple(Tensor.from_array(input_name, array) for input_name, array in make_inputs(entry).items()),
        runs=runs,
        options=options,
    )


def assert_right(name: str, result: object) -> None:
    assert isinstance(result, Result), result
    entry = catalogue()[name]
    outputs = {tensor.name: tensor.to_array() for tensor in result.outputs}
    comparison = compare(
        outputs, native_run(entry, make_inputs(entry)).outputs, entry.tolerance.on(Platform(result.backend))
    )
    assert comparison.passed, comparison.reason


@pytest.mark.parametrize(
    ("platform", "loading"),
    [
        (Platform.WASM, "parallel"),
        (Platform.WASM, "progressive"),
        (Platform.WEBGPU, "parallel"),
        # A software adapter takes its time for what differs in the fetching alone.
        pytest.param(Platform.WEBGPU, "progressive", marks=pytest.mark.night),
    ],
)
def test_a_model_of_many_parts_gives_native_outputs(page: Page, platform: Platform, loading: str) -> None:
    options = RunOptions.model_validate({"loading": loading})
    page.link.send(command(page, MANY_PARTS, platform, options))
    assert_right(MANY_PARTS, page.answer())


@pytest.mark.parametrize("name", ["llama", MANY_PARTS, pytest.param("vit-base-patch16-224", marks=pytest.mark.night)])
def test_tensors_that_stay_on_the_gpu_give_native_outputs(page: Page, name: str) -> None:
    page.link.send(command(page, name, Platform.WEBGPU, RunOptions(tensors="gpu")))
    assert_right(name, page.answer())


def test_a_part_that_nothing_feeds_is_told_by_its_name_and_the_page_lives_on(page: Page) -> None:
    whole = command(page, MANY_PARTS, Platform.WASM, RunOptions())
    cut = whole.model_copy(update={"parts": (whole.parts[0], whole.parts[2])})
    page.link.send(cut)
    error = page.answer()
    assert isinstance(error, PageError)
    assert (error.kind, error.phase) == (PageEvent.SCRIPT_ERROR, PagePhase.COMPILE)
    assert "projector.image_embeds" in error.message or "image_embeds" in error.message
    page.link.send(whole)
    assert_right(MANY_PARTS, page.answer())


def test_progress_counts_the_bytes_of_all_parts(page: Page) -> None:
    run = command(page, MANY_PARTS, Platform.WASM, RunOptions())
    page.link.send(run)
    told: list[Progress] = []
    while not isinstance(message := page.link.receive(BOUND), Result):
        assert isinstance(message, Progress), message
        told.append(message)
    whole = sum(part.path.stat().st_size for part in catalogue()[MANY_PARTS].parts)
    assert np.all([message.done <= whole for message in told if message.phase is PagePhase.LOAD])


@pytest.mark.parametrize("workgroup", [(256, 1, 1), (128, 2, 1)])
def test_the_pages_own_spectrogram_gives_native_outputs(page: Page, workgroup: tuple[int, int, int]) -> None:
    name = "whisper-tiny"
    made = log_mel_for(catalogue()[name], BrowserType.CHROME)
    assert made is not None
    run = command(page, name, Platform.WEBGPU, RunOptions(), runs=1)
    page.link.send(run.model_copy(update={"inputs": (), "log_mel": made.model_copy(update={"workgroup": workgroup})}))
    result = page.answer()
    assert_right(name, result)
    assert isinstance(result, Result)
    assert result.features_ms is not None


@pytest.mark.parametrize("page", ["chromium"], indirect=True)
def test_a_backend_that_keeps_dying_is_not_tried_again_for_a_while(page: Page) -> None:
    run = command(page, "bert-base-uncased", Platform.WEBGPU, RunOptions(), runs=1000)

    def lose_device() -> PageError:
        page.link.send(run)
        deadline = time.monotonic() + BOUND
        while page.link.phase is not PagePhase.RUN and time.monotonic() < deadline:
            time.sleep(0.02)
        page.link.send(Fault(kind="lose_device"))
        error = page.answer()
        assert isinstance(error, PageError)
        assert error.kind is PageEvent.DEVICE_LOST
        return error

    def open_for(seconds: int) -> None:
        """Move the moment at which the page's circuit lets a probe through."""
        page.driver.execute_script(
            "const kept = JSON.parse(localStorage['circuit:webgpu']);"
            f"localStorage['circuit:webgpu'] = JSON.stringify({{ ...kept, until: Date.now() + {seconds * 1000} }});"
        )

    for _ in range(3):
        assert "in a row" not in lose_device().message
    open_for(600)  # a busy machine takes long to load a page
    page.load()  # a page is renewed after a failure, and still knows
    page.link.send(run)
    refused = page.answer()
    assert isinstance(refused, PageError)
    assert (refused.kind, "died 3 times in a row" in refused.message) == (PageEvent.DEVICE_LOST, True)
    page.link.send(command(page, "bert-base-uncased", Platform.WASM, RunOptions()))
    assert_right("bert-base-uncased", page.answer())
    open_for(0)
    probe = command(page, "bert-base-uncased", Platform.WEBGPU, RunOptions())
    page.link.send(probe)
    assert_right("bert-base-uncased", page.answer())
