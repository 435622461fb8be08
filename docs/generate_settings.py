"""Write docs/settings.md from the settings themselves: ``python -m docs.generate_settings``. A test keeps it fresh."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import get_args

from jobs.bounds import bounds
from jobs.settings import Settings

TARGET = Path(__file__).with_name("settings.md")
_HEAD = """# Settings

Environment variables, read once by each process. Written from `jobs/settings.py` by `python -m docs.generate_settings`.

| variable | default | meaning |
|---|---|---|
"""
_TAIL = """
Besides: `SELENIUM_BRIDGE_LOG_LEVEL=DEBUG` shows the talk with the page, `RECOVERY_STRATEGY_DEBUG=1` explains each
classification and decision, `CIRCUIT_BREAKER_VERBOSE=1` each circuit's; all in the workers' logs. Those of an
embedded farm then also go to the command's stderr, unless `--log-dir` keeps them.
`BREAKWATER_TRACEBACK=1` shows where a defect of ours is. Celery's own settings are in `celeryconfig.py`.
"""


def settings_page() -> str:
    """The page."""
    return _HEAD + "".join(_row(name, text) for name, text in _docstrings().items()) + _TAIL


def _row(name: str, text: str) -> str:
    field = Settings.model_fields[name]
    default = field.get_default(call_default_factory=True)
    allowed = [str(word) for word in get_args(field.annotation) if isinstance(word, str)]
    meaning = text + (f" One of {', '.join(allowed)}." if allowed else "")
    meaning += f" {limits[0].upper()}{limits[1:]}." if (limits := bounds(field)) else ""
    return f"| `BREAKWATER_{name.upper()}` | {'' if default in (None, '', (), {}) else f'`{default}`'} | {meaning} |\n"


def _docstrings() -> dict[str, str]:
    """The string below each field of the class."""
    body = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            found[field.target.id] = " ".join(ast.literal_eval(text.value).split())
    return found


if __name__ == "__main__":
    TARGET.write_text(settings_page(), encoding="utf-8")
