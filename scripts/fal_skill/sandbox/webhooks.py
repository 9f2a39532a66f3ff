"""Webhooks: delivery with fal's ED25519 signature, retries on a fast clock, loopback receivers only.

Source: fal's webhook pages. The signed message is four lines: request id, user id, timestamp, and the lower-case hex
SHA-256 of the raw body. A redirect is a permanent failure. fal does not deliver to loopback addresses and the sandbox
to nothing else; the report says so for every address that it left alone.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio.to_thread

from .hosts import is_loopback
from .jobs import Job

if TYPE_CHECKING:
    from .service import Service

USER_ID = "sandbox-user"
KEY_ID = "sandbox-1"


Post = Callable[[str, bytes, dict[str, str], float], "int | str"]
"""``post(url, body, headers, seconds)`` returns the HTTP status, or the name of what went wrong; blocks."""


def post_once(url: str, body: bytes, headers: dict[str, str], seconds: float) -> int | str:
    """Post a delivery to a loopback address and return its status, or the name of what went wrong."""
    import httpx

    try:
        # Loopback receivers have no certificate worth checking; no proxy variable may lead the delivery elsewhere.
        with httpx.Client(trust_env=False, verify=False, timeout=seconds) as client:
            return client.post(url, content=body, headers=headers).status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return type(error).__name__


class Signer:
    """The sandbox's signing key."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.generate()

    def jwks(self) -> dict[str, Any]:
        """Return the public key as fal publishes its own."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID, "x": x}]}

    def headers(self, request_id: str, body: bytes, timestamp: int) -> dict[str, str]:
        """Return the headers that prove a delivery."""
        lines = [request_id, USER_ID, str(timestamp), hashlib.sha256(body).hexdigest()]
        return {
            "content-type": "application/json",
            "x-fal-webhook-request-id": request_id,
            "x-fal-webhook-user-id": USER_ID,
            "x-fal-webhook-timestamp": str(timestamp),
            "x-fal-webhook-signature": self._key.sign("\n".join(lines).encode()).hex(),
        }


def delivery_body(job: Job) -> dict[str, Any]:
    """Return what a webhook tells of an ended job."""
    body: dict[str, Any] = {"request_id": job.id, "gateway_request_id": job.id}
    outcome = job.outcome
    if outcome is not None and outcome.ok:
        return {**body, "status": "OK", "payload": outcome.body}
    status = outcome.status if outcome is not None else 500
    return {
        **body,
        "status": "ERROR",
        "error": f"Invalid status code: {status}",
        "payload": outcome.body if outcome else None,
    }


class Webhooks:
    """Delivers the ends of jobs whose callers asked for it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tasks: set[asyncio.Task[None]] = set()
        self.signer: Signer | None = None
        self.post: Post = post_once

    def ended(self, job: Job) -> None:
        """Begin to deliver the end of a job, if its caller asked for that."""
        if job.webhook_url is None:
            return
        host = (urlsplit(job.webhook_url).hostname or "").lower()
        if not is_loopback(host):
            job.webhook_delivered = None
            self._service.journal.webhooks.append(
                {
                    "request_id": job.id,
                    "url": job.webhook_url,
                    "delivered": None,
                    "attempts": [],
                    "why": "not a loopback address",
                }
            )
            return
        self._service.journal.note(
            "webhook-loopback", host, f"a webhook goes to {host}: the sandbox delivers it, fal does not",
            "fal drops private and loopback receivers: give it a public address", job.id,
        )  # fmt: skip
        job.webhook_delivered = False
        task = asyncio.get_running_loop().create_task(self._deliver(job, job.webhook_url))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Give up what is not delivered yet."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Give up what is not delivered yet, and wait until that is so."""
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, job: Job, url: str) -> None:
        faults, settings = self._service.faults, self._service.settings
        failing, repeating = faults.strike("webhook-fails"), faults.strike("webhook-repeats")
        lost, extra = int(failing.value) if failing else 0, int(repeating.value) if repeating else 0
        attempts: list[dict[str, Any]] = []
        record = {"request_id": job.id, "url": url, "delivered": False, "attempts": attempts, "why": ""}
        self._service.journal.webhooks.append(record)
        body = json.dumps(delivery_body(job)).encode()
        signer = self.signer_made()
        for pause in (*settings.webhook_seconds, None):
            status: int | str = "lost (a fault ordered from the sandbox)"
            if len(attempts) >= lost:
                headers = signer.headers(job.id, body, int(time.time()))
                status = await anyio.to_thread.run_sync(self.post, url, body, headers, settings.webhook_timeout)
            attempts.append({"at": round(self._service.clock() - self._service.began, 3), "status": status})
            if isinstance(status, int) and 200 <= status < 300:
                record["delivered"] = job.webhook_delivered = True
                self._service.board.collect(job)
                if extra <= 0:
                    return
                extra -= 1
            elif isinstance(status, int) and 300 <= status < 400:
                record["why"] = "a redirect is a permanent failure"
                return
            if pause is not None:
                await asyncio.sleep(pause)
        if not record["delivered"]:
            record["why"] = "the receiver never answered with 2xx"

    def signer_made(self) -> Signer:
        """Return the signer; its key is made when it is first needed."""
        if self.signer is None:
            self.signer = Signer()
        return self.signer
