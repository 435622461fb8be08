"""The pytest plugin: tests marked ``@pytest.mark.breakwater`` run here, or with ``--breakwater`` on the farm.

Both ways they get ``driver`` and ``context``. Nothing of the farm or of Selenium is imported before a test needs it.
"""

from __future__ import annotations

import pytest

_HELP = (
    "breakwater(browser='chrome' | browsers=[…], timeout=60, isolation='context', base_url=None): "
    "a test in a browser: def test(driver, context)"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("breakwater")
    group.addoption(
        "--breakwater", action="store_true", help="Run tests marked breakwater on the farm, as one batch."
    )  # fmt: skip
    group.addoption("--breakwater-base-url", metavar="URL", help="The address of what marked tests test.")
    group.addoption(
        "--breakwater-workers", metavar="N", type=int, default=1, help="Embedded farm: sessions a browser (1)."
    )
    group.addoption(
        "--breakwater-artefacts", metavar="DIR", help="Keep screenshots, logs and what tests attach in this folder."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, and choose where marked tests run."""
    config.addinivalue_line("markers", _HELP)
    if config.option.breakwater:
        if getattr(config.option, "numprocesses", None) or hasattr(config, "workerinput"):
            raise pytest.UsageError("--breakwater brings workers of its own: leave out -n, see --breakwater-workers")
        if not 1 <= config.option.breakwater_workers <= 64:
            raise pytest.UsageError(
                f"--breakwater-workers: from 1 to 64 sessions a browser; it is {config.option.breakwater_workers}"
            )
    config.pluginmanager.register(_Chosen(), "breakwater-marked")


class _Chosen:
    """The half of the plugin that only a run with marked tests needs."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each marked test an item a browser."""
        if metafunc.definition.get_closest_marker("breakwater") is None:
            return
        # Here and not above: see the module's first lines.
        from jobs.own.functions import GIVEN  # noqa: PLC0415
        from jobs.pytest_plugin.marks import wishes_of  # noqa: PLC0415

        wishes = wishes_of(metafunc)
        assert wishes is not None
        names = [name for name in GIVEN if name in metafunc.fixturenames]
        if not names:
            raise pytest.Collector.CollectError(
                f"{metafunc.definition.name} is marked breakwater and asks for neither driver nor context"
            )
        cells = [pytest.param(*[browser] * len(names), id=browser.value) for browser in wishes.browsers]
        metafunc.parametrize(names, cells)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Have marked tests' surroundings while tests run."""
        marked = [item for item in session.items if item.get_closest_marker("breakwater") is not None]
        if not marked or session.config.option.collectonly:
            return (yield)
        from jobs.settings import WrongSettings, settings  # noqa: PLC0415

        try:
            settings()
        except WrongSettings as error:
            raise pytest.UsageError(f"breakwater: {error}") from error
        if session.config.option.breakwater:
            from jobs.pytest_plugin.farm_run import FarmRun as Run  # noqa: PLC0415
        else:
            from jobs.pytest_plugin.local_run import LocalRun as Run  # type: ignore[assignment]  # noqa: PLC0415
        with Run(session.config, marked) as run:
            session.config.pluginmanager.register(run, "breakwater-run")
            return (yield)
