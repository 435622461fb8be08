"""Marked tests without ``--breakwater``: in this process, in a browser of this machine, isolated as on the farm.

So a debugger, pytest's own assertions and every fixture work. There is no recovery: what fails here, fails.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from jobs.artefacts import name_in_files
from jobs.browsers.isolation import own_tab
from jobs.browsers.pool import SessionPool
from jobs.own.context import Context
from jobs.own.functions import WrongParameters, checked_parameters
from jobs.pytest_plugin.marks import browser_of, ids_of, parameters_of, wishes_of
from jobs.scratch import ScratchFolder
from jobs.settings import settings
from recovery import Adjustments, BrowserFailure

_surroundings = pytest.StashKey[ExitStack]()


class LocalRun:
    """One warm browser for all marked tests."""

    def __init__(self, config: pytest.Config, marked: list[pytest.Item]) -> None:
        self._config = config
        self._ids = ids_of(item.nodeid for item in marked)
        self._pool = SessionPool(settings())
        self._scratch = ScratchFolder(settings().scratch_dir)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()
        self._scratch.remove()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_setup(self, item: pytest.Function) -> None:
        """Open the test's tab; put driver and context in the place of the browser's name."""
        if item.nodeid not in self._ids:
            return
        wishes, browser = wishes_of(item), browser_of(item)
        assert wishes is not None
        item.stash[_surroundings] = stack = ExitStack()
        try:
            session = stack.enter_context(
                self._pool.isolated(browser, Adjustments(), frozenset(), wishes.isolation, own=True)
            )
            driver = stack.enter_context(own_tab(session, wishes.isolation))
            parameters, _ = checked_parameters(item.name, item.function, parameters_of(item))
        except (BrowserFailure, WrongParameters) as failure:
            pytest.fail(f"{browser.value}: {failure}", pytrace=False)
        given = {
            "driver": driver,
            "context": Context(
                driver,
                test=item.nodeid,
                browser=browser.value,
                attempt=1,
                parameters=parameters,
                base_url=wishes.base_url or self._config.option.breakwater_base_url,
                seconds=wishes.timeout,
                folder=self._folder(item),
            ),
        }
        item.funcargs.update({name: one for name, one in given.items() if name in item.funcargs})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Close the test's windows."""
        stack = item.stash.get(_surroundings, None)
        if stack is not None:
            stack.close()

    def _folder(self, item: pytest.Item) -> Path:
        wanted = self._config.option.breakwater_artefacts
        root = Path(wanted) if wanted else self._scratch.path
        folder = root / name_in_files(self._ids[item.nodeid])
        folder.mkdir(parents=True, exist_ok=True)
        return folder
