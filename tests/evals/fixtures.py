"""Fixture answers for the tests of the checks: written for the tests, not recorded from anybody."""

from __future__ import annotations

SCHNELL = """Use `fal-ai/flux/schnell`: it is the fastest of the family, which suits drafts.

```python
import fal_client

result = fal_client.subscribe(
    "fal-ai/flux/schnell",
    arguments={"prompt": "a tin robot", "image_size": "landscape_16_9"},
    interval=1,
)
print(result["images"][0]["url"])
```
"""

SENT_ONCE = """
```python
import sys

import fal_client
import httpx

fal_client.client.MAX_ATTEMPTS = 1
try:
    handle = fal_client.submit("fal-ai/flux/schnell", arguments={"prompt": "a tin robot"})
except httpx.TransportError as error:
    sys.exit(f"no reply to the submit, the job may be running: {error!r}")
print("request", handle.request_id)
fal_client.client.MAX_ATTEMPTS = 10
try:
    result = handle.get(interval=1)
except fal_client.FalClientHTTPError as error:
    sys.exit(f"request {handle.request_id} failed: {error.status_code} {error.message}")
print(result["images"][0]["url"])
```
"""

JAVASCRIPT = """
```js
import { fal } from "@fal-ai/client";

const result = await fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a tin robot" } });
console.log(result.data.images[0].url);
```
"""


def python(code: str) -> str:
    """Return an answer that is nothing but Python."""
    return f"```python\n{code}\n```\n"
