"""The Celery application. ``celery -A jobs worker -Q browser.chrome`` starts a worker for Chrome."""

import contextlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from celery import Celery
from pydantic import ValidationError

from jobs import queue_guard, signing

queue_guard.install()
app = Celery("breakwater")
app.config_from_object("celeryconfig")
# A wrong setting is told by whatever needs it first, in its own way: `breakwater` in one line.
with contextlib.suppress(ValidationError):
    if signing.is_on():
        app.setup_security()

# Flower reads flowerconfig.py of the working folder. Where there is none, it gets the one that came with this package.
if "flower" in sys.argv[1:] and not Path("flowerconfig.py").exists():
    installed = find_spec("flowerconfig")
    if installed is not None and installed.origin is not None:
        os.environ.setdefault("FLOWER_CONF", installed.origin)
