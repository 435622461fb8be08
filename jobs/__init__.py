"""Breakwater's jobs: browser tests as Celery tasks."""

from jobs.app import app

__all__ = ["app"]
