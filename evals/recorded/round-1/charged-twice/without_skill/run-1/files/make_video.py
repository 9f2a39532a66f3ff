"""Safe to rerun after any crash: the same JOB never buys a second video."""
import logging

from fal_once import run_once

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
logging.getLogger("httpx").setLevel(logging.WARNING)

JOB = "launch-video/take-1"  # one name = at most one paid video. Want another? Change the name.
PROMPT = "..."               # <- yours

result = run_once(JOB, "fal-ai/veo3.1", {"prompt": PROMPT, "duration": "8s"})
print(result["video"]["url"])
