"""Orders from the pages: reset, force open or disable a circuit, cancel a batch. Each leaves who gave it."""

from __future__ import annotations

import logging
from typing import Any, Literal

import redis
from flower.views import BaseHandler
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado.web import HTTPError, RequestHandler, authenticated

from breakers import BreakerError
from jobs.batches import UnknownBatch
from jobs.dashboard.live import Live
from jobs.dashboard.pages import reason_of
from jobs.dashboard.permission import refusal, who

log = logging.getLogger("breakwater.dashboard")


class Order(BaseModel):
    """What is to be done, with what."""

    model_config = ConfigDict(extra="forbid")

    order: Literal["reset", "force_open", "disable", "cancel"]
    name: str = Field(min_length=1, max_length=200, description="of the circuit, or of the batch")


class UnknownCircuit(LookupError):
    """No circuit of this name."""


class Orders(BaseHandler):  # type: ignore[misc]
    """Takes orders as JSON."""

    def initialize(self, live: Live) -> None:
        self._live = live

    def check_xsrf_cookie(self) -> None:
        """Flower's own check, and in every case the token that only our page has."""
        super().check_xsrf_cookie()
        RequestHandler.check_xsrf_cookie(self)

    @authenticated
    async def post(self) -> None:
        """Give an order."""
        if reason := refusal(self):
            raise HTTPError(403, "%s", reason)
        try:
            order = Order.model_validate_json(self.request.body)
        except ValidationError as error:
            first = error.errors()[0]
            raise HTTPError(400, "%s", f"order: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        by = who(self)
        try:
            done = await self._live.in_thread(self._carry_out, order, by)
        except (UnknownBatch, UnknownCircuit) as error:
            raise HTTPError(404, "%s", str(error)) from error
        except (redis.RedisError, BreakerError) as error:
            raise HTTPError(503, "%s", f"Redis does not answer: {error}") from error
        log.warning("%s %s: ordered by %s", order.order, order.name, by)
        self.finish({"done": done})

    def _carry_out(self, order: Order, by: str) -> str:
        backend, name = self._live.backend, order.name
        if order.order == "cancel":
            backend.store.cancel(name, by=by)
            return f"{name} is cancelled"
        reading = self._live.reading
        # One that is younger than the last reading is looked up.
        if (reading is None or name not in reading.circuits) and name not in backend.registry.get_metrics()["circuits"]:
            raise UnknownCircuit(f"no circuit {name!r}")
        match order.order:
            case "reset":
                backend.registry.reset(name, reason=f"reset by {by}")
            case "force_open":
                backend.registry.force_open(name, reason=f"forced open by {by}")
            case "disable":
                backend.registry.disable(name, reason=f"disabled by {by}")
        return f"{name}: {backend.registry.states(name)[name].state.value}"

    def write_error(self, status_code: int, **told: Any) -> None:
        """As JSON."""
        self.set_status(status_code)
        self.finish({"error": reason_of(told) or self._reason})
