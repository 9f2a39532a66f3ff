"""The safety net: deliveries are repeated, but not for ever, and a worker can die. Run from cron, say every 15 minutes:
python sweep.py [MINUTES]   looks once at each job that has been quiet for MINUTES (15)."""

import json
import logging
import sys
import time

import fal_client

from main import MODEL, database, finish, save_video

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("sweep")


def sweep(minutes: float) -> None:
    with database() as db:
        jobs = db.execute(
            "SELECT * FROM jobs WHERE status NOT IN ('saved', 'failed') AND updated < ?", [time.time() - 60 * minutes]
        ).fetchall()
    for job in jobs:
        if job["request_id"] is None:  # never submit it again by machine: that may pay twice
            log.warning("job %s: submit without a reply and no delivery: look on https://fal.ai/dashboard", job["id"])
            continue
        try:
            if job["status"] != "done":
                status = fal_client.status(MODEL, job["request_id"])
                if not isinstance(status, fal_client.Completed):
                    continue  # still queued or running
                finish(job["id"], job["request_id"], None, status.error and json.dumps({"error": status.error}))
            save_video(job["id"])
        except Exception:
            log.exception("job %s: next time", job["id"])


if __name__ == "__main__":
    sweep(float(sys.argv[1]) if len(sys.argv) > 1 else 15)
