"""``python -m jobs.cli`` is ``breakwater``."""

from jobs.cli import main

main()
