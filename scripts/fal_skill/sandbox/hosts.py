"""Which host names belong to fal, and which part of the service answers at each.

Source: the hosts in fal_client 1.0.3 and @fal-ai/client 1.10.1, fal's documentation, and URLs seen in results.
"""

from __future__ import annotations

import re

RUN_HOST = "fal.run"
QUEUE_HOST = "queue.fal.run"
REST_HOST = "rest.fal.ai"
UPLOAD_HOST = "v3.fal.media"
OUTPUT_HOST = "v3b.fal.media"
PLATFORM_HOST = "api.fal.ai"
MCP_HOST = "mcp.fal.ai"
SITE_HOST = "fal.ai"

SURFACES: dict[str, str] = {
    RUN_HOST: "run",
    "falrun.com": "run",  # backup domain, fal_client >= 1.0.3
    QUEUE_HOST: "queue",
    "queue.falrun.com": "queue",
    REST_HOST: "rest",
    "rest.alpha.fal.ai": "rest",  # older name
    PLATFORM_HOST: "platform",
    MCP_HOST: "mcp",
    SITE_HOST: "site",
    "www.fal.ai": "site",
    "docs.fal.ai": "site",
    "fal.media": "files",
}
DOMAINS = ("fal.run", "fal.ai", "fal.media", "falrun.com")
"""Every name at or under these is fal's and never leaves this machine."""
CERTIFICATE_NAMES = (*DOMAINS, *(f"*.{domain}" for domain in DOMAINS), "rest.alpha.fal.ai")
_LOOPBACK_ADDRESS = re.compile(r"127(?:\.\d{1,3}){3}")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


def bare_host(host_header: str) -> str:
    """Return the host of a Host header or authority, in lower case and without its port."""
    host = host_header.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".")


def is_fal_host(host: str) -> bool:
    """Return whether the (bare) host is fal's."""
    return any(host == domain or host.endswith("." + domain) for domain in DOMAINS)


def surface_of(host: str) -> str | None:
    """Return the part of the service behind a (bare) host; None when the host is not fal's."""
    surface = SURFACES.get(host)
    if surface is not None:
        return surface
    if host.endswith(".fal.media"):
        return "files"
    return "other" if is_fal_host(host) else None


def is_loopback(host: str) -> bool:
    """Return whether the (bare) host names this machine itself, without asking any resolver."""
    return host in LOOPBACK_NAMES or _LOOPBACK_ADDRESS.fullmatch(host) is not None
