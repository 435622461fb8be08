"""Breakwater's jobs: browser tests as Celery tasks."""
