"""The Celery application. ``celery -A jobs worker -Q browser.chrome`` starts a worker for Chrome."""

from celery import Celery

app = Celery("breakwater")
app.config_from_object("celeryconfig")
