"""Breakwater's jobs: browser tests as Celery tasks. ``from jobs import app`` gives the Celery application."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.celery import app

__all__ = ["app"]


def __getattr__(name: str) -> object:
    if name == "app":
        from jobs.celery import app  # noqa: PLC0415 - most commands do without Celery, and begin sooner

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
