"""Flower's own settings, read by ``celery -A jobs flower``: only this machine reaches it, and it has our tabs."""

from jobs.dashboard.tabs import install

address = "127.0.0.1"

install()
