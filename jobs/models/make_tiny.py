"""Writes the tiny models: ``python -m jobs.models.make_tiny``. Running it again gives the same bytes.

Each has the inputs and the shape of graph of the real export it is named after, and small random weights. Needs the
development dependency `onnx`; nothing that runs a test imports this.
"""

from __future__ import annotations

from pathlib import Path

from jobs.models.tiny_graphs import TINY_GRAPHS

TINY = Path(__file__).with_name("tiny")


def write(folder: Path) -> list[Path]:
    """Write every tiny model into ``folder`` and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, build in TINY_GRAPHS.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(build().SerializeToString(deterministic=True))
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(TINY):
        print(f"{path.stat().st_size / 1024:6.0f} KiB  {path.name}")
