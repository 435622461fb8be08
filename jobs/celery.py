"""The Celery application. ``celery -A jobs worker -Q browser.chrome`` starts a worker for Chrome."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from celery import Celery

from jobs import queue_guard, signing
from jobs.settings import WrongSettings

queue_guard.install()
app = Celery("breakwater")
app.config_from_object("celeryconfig")
try:
    if signing.is_on():
        app.setup_security()
except WrongSettings as error:
    # Whoever needs the settings tells of it, in its own way. Celery's commands would, by a traceback.
    if "celery" in Path(sys.argv[0]).parts[-2:]:
        sys.stderr.write(f"celery: {error}\n")
        sys.exit(2)

# Flower reads flowerconfig.py of the working folder. Where there is none, it gets the one that came with this package.
if "flower" in sys.argv[1:] and not Path("flowerconfig.py").exists():
    installed = find_spec("flowerconfig")
    if installed is not None and installed.origin is not None:
        os.environ.setdefault("FLOWER_CONF", installed.origin)
