"""Celery's own settings, and nothing else (ours are in jobs/settings.py).

Redis delivers at least once; jobs/batches makes that exactly one verdict. Hence: acknowledge late, give back what a
dead child held, reserve one message at a time, and no ETA tasks (parking is a sorted set of our own).
"""

from kombu.entity import Exchange, Queue

from jobs.broker import broker_for
from jobs.routing import QUEUE_NAMES
from jobs.settings import settings
from jobs.signing import celery_settings

_broker = broker_for(settings().redis_url)
broker_url = _broker.url
broker_use_ssl = _broker.use_ssl
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# A full Redis refuses an acknowledgement: that must not end the worker, but make it try again.
broker_channel_error_retry = True
broker_transport_options = {
    # Seconds. Longer than any test may take: a dead node's tests come back by our own leases, long before this.
    "visibility_timeout": 3600,
    "socket_connect_timeout": 5,
    "socket_timeout": 30,
    "socket_keepalive": True,
    "health_check_interval": 10,
    **_broker.transport_options,
}
result_backend = None

accept_content = ["json"]
task_serializer = "json"
result_serializer = "json"
event_serializer = "json"

include = [
    "jobs.tasks",
    "jobs.attendance",
    "jobs.revoking",
    "jobs.health",
    "jobs.worker_metrics",
    "jobs.remote_control",
]
_exchange = Exchange("breakwater", type="direct")
task_queues = tuple(Queue(name, exchange=_exchange, routing_key=name) for name in QUEUE_NAMES)
task_create_missing_queues = False
task_default_queue = "simulation"
task_ignore_result = True
task_acks_late = True
task_reject_on_worker_lost = True
task_send_sent_event = False
task_track_started = True

worker_prefetch_multiplier = 1
worker_send_task_events = True
worker_hijack_root_logger = False
worker_cancel_long_running_tasks_on_connection_loss = False
# Seconds that a soft shutdown waits for running tests to let go; the tests themselves are given back when it begins.
worker_soft_shutdown_timeout = 10.0

globals().update(celery_settings(settings()))

enable_utc = True
timezone = "UTC"
