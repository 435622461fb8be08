"""Flower's own settings, read by ``celery -A jobs flower`` from the working folder."""

address = "127.0.0.1"
