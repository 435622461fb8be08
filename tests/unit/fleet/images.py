"""docker/Dockerfile as data: targets with what they set, looked up through the targets that they are built on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from tests.farms import ROOT


@dataclass
class Target:
    """One stage. ``instructions``: (word, rest) in order, continued lines joined."""

    name: str
    parent: str
    instructions: list[tuple[str, str]] = field(default_factory=list)


def targets() -> dict[str, Target]:
    """The stages by name."""
    text = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, Target] = {}
    current: Target | None = None
    for line in filter(str.strip, text.splitlines()):
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            parent, _, name = rest.partition(" AS ")
            current = found[name] = Target(name, parent)
        elif current is not None:
            current.instructions.append((word, rest.strip()))
    return found


def last(name: str, word: str) -> str | None:
    """The value of an instruction as it stands at the end of a target."""
    known = targets()
    while name in known:
        values = [rest for instruction, rest in known[name].instructions if instruction == word]
        if values:
            return values[-1]
        name = known[name].parent
    return None


def command(name: str) -> list[str]:
    """What a container of the target runs."""
    arguments: list[str] = json.loads(last(name, "CMD") or "[]")
    return arguments


def environment(name: str) -> dict[str, str]:
    """The variables that a target sets itself, or its parents do."""
    known = targets()
    found: dict[str, str] = {}
    while name in known:
        for word, rest in known[name].instructions:
            if word == "ENV":
                found = dict(re.findall(r'(\w+)="?([^"\s]*)"?', rest)) | found
        name = known[name].parent
    return found
