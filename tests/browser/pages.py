"""One loaded harness in a browser, and the means to talk to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.browsers.page_inbox import Answer
from jobs.browsers.page_link import PageLink
from jobs.browsers.protocol import ModelPart, PageError, Progress, Result, Run
from jobs.browsers.tensors import Tensor
from jobs.specs import Platform

# Seconds. A software adapter compiles shaders for long on a busy machine.
BOUND = 180.0
BROWSERS = ("chromium", "firefox")

Arrays = Mapping[str, NDArray[np.generic]]
# What the tests' own small model is fed.
IDS: Arrays = {"ids": np.array([[3, 1, 4, 1, 5, 9]], dtype=np.int64)}


class Page:
    """One loaded harness and the means to talk to it."""

    def __init__(self, link: PageLink, driver: WebDriver, process: psutil.Process) -> None:
        self.link = link
        self.driver = driver
        self.process = process

    def load(self) -> None:
        self.driver.get(self.link.page_url)
        self.link.wait_hello(BOUND)

    def add_script(self, script: Path) -> None:
        """As the page's own: a script that WebDriver runs counts as foreign, and errors of it stay hidden."""
        self.driver.execute_script(
            "const s = document.createElement('script'); s.src = arguments[0]; document.body.append(s);",
            self.link.offer(script),
        )

    def answer(self, *, within: float = BOUND) -> Answer:
        deadline = time.monotonic() + within
        while (answer := self.link.receive(max(0.0, deadline - time.monotonic()))) is not None:
            if not isinstance(answer, Progress):
                return answer
        pytest.fail(f"no answer within {within} s; pulse {self.link.pulse_age}, phase {self.link.phase}")

    def start(self, model: Path | str, platform: Platform, inputs: Arrays, runs: int = 3) -> None:
        url = model if isinstance(model, str) else self.link.offer(model)
        tensors = tuple(Tensor.from_array(name, array) for name, array in inputs.items())
        self.link.send(
            Run(id="run", parts=(ModelPart(name="model", url=url),), platform=platform, inputs=tensors, runs=runs)
        )

    def run(self, model: Path, platform: Platform, inputs: Arrays = IDS, runs: int = 3) -> Result:
        self.start(model, platform, inputs, runs)
        answer = self.answer()
        assert isinstance(answer, Result), answer
        return answer

    def fail(self, model: Path | str, platform: Platform, inputs: Arrays = IDS) -> PageError:
        self.start(model, platform, inputs)
        answer = self.answer()
        assert isinstance(answer, PageError), answer
        return answer
