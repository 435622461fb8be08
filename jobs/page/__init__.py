"""The page harness (TypeScript in ``src/``) and where its build lies. Python here only generates and locates."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent
DIST: Final = ROOT / "dist"
"""What ``npm run build`` makes: index.html, the harness, its worker and onnxruntime-web's modules."""
