"""The broker: Celery on Redis, as every process of a participant sees it.

It carries hints: the id of a job, or of a message of the outbox, that somebody should look at, and nothing else; what
there is to do stands in the database. So Redis may lose everything at any moment. Every key of a participant begins
with a prefix of its own: several may share one Redis.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Celery

DELIVER, DO = "concord.deliver", "concord.do"
"""The tasks: look at the lane of a message of the outbox, do a job."""
_VISIBILITY = 60
"""Seconds after which Redis gives a message to another worker that nobody has finished; by then the table has been
looked at long since, and whoever comes second finds the lease taken."""
_TRANSPORT: dict[str, Any] = {
    "visibility_timeout": _VISIBILITY, "socket_timeout": 5.0, "socket_connect_timeout": 3.0, "socket_keepalive": True,
    "health_check_interval": 10, "max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5,
}  # fmt: skip


def prefix_of(participant: str) -> str:
    """With what every key of this participant in Redis begins."""
    return f"concord:{hashlib.sha256(participant.encode()).hexdigest()[:16]}:"


def queue_of(participant: str, task: str) -> str:
    """The queue of this participant's workers for one kind of task."""
    return f"{prefix_of(participant)}{task}"


def application(participant: str, broker: str) -> Celery:
    """Celery for one participant. JSON only, results nowhere; what is not acknowledged is given to another worker."""
    from celery import Celery

    made = Celery("concord", broker=broker, set_as_current=False)
    made.conf.update(
        task_default_queue=queue_of(participant, DO), task_create_missing_queues=True,
        task_serializer="json", accept_content=["json"],
        result_accept_content=["json"], task_ignore_result=True, task_acks_late=True, task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1, task_store_eager_result=False, task_track_started=False,
        worker_send_task_events=False, task_send_sent_event=False, worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True, broker_connection_retry=True, broker_connection_max_retries=None,
        broker_connection_timeout=3, broker_transport_options=_TRANSPORT | {"global_keyprefix": prefix_of(participant)},
        worker_cancel_long_running_tasks_on_connection_loss=False, broker_pool_limit=4, enable_utc=True,
    )  # fmt: skip
    return made


def answering(participant: str, broker: str, patience: float = 2.0) -> bool:
    """Whether a worker of this participant answers now; blocks. Raises OSError when the broker does not."""
    made = application(participant, broker)
    try:
        return bool(made.control.ping(timeout=patience, limit=1))
    except Exception as fault:  # kombu has a dozen kinds of it
        raise OSError(type(fault).__name__) from None
    finally:
        made.close()
