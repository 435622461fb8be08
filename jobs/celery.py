"""Where ``celery -A jobs`` looks for the application. Not in the package itself: most commands do without Celery."""

from jobs.app import app

__all__ = ["app"]
