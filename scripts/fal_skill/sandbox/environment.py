"""What a program's environment must say so that the program finds the sandbox instead of fal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NODE_PRELOAD = Path(__file__).with_name("node_preload.cjs")
PYTHON_PRELOAD = Path(__file__).with_name("python_preload")

LOOPBACK = "localhost,127.0.0.1,::1"
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "WSS_PROXY", "WS_PROXY")
_BUNDLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
)
REMOVED_PREFIX = "FAL_"
"""Every variable of the user's that begins so is taken away: keys, other hosts, another sign-in."""
REMOVED = ("NODE_TLS_REJECT_UNAUTHORIZED", "SSL_CERT_DIR", "PYTHONHTTPSVERIFY", "NODE_USE_ENV_PROXY")


def variables(
    *,
    key: str,
    proxy_port: int,
    tls_port: int,
    certificate: Path,
    allow_hosts: tuple[str, ...],
    inherited: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the variables to set."""
    before = os.environ if inherited is None else inherited
    proxy = f"http://127.0.0.1:{proxy_port}"
    made = {"FAL_KEY": key}
    for name in _PROXIES:
        made[name] = made[name.lower()] = proxy
    made["NO_PROXY"] = made["no_proxy"] = LOOPBACK
    for name in _BUNDLES:
        made[name] = str(certificate)
    made["FAL_SANDBOX"] = f"{proxy_port}:{tls_port}"
    made["FAL_SANDBOX_CA"] = str(certificate)
    made["FAL_SANDBOX_ALLOW"] = ",".join(allow_hosts)
    preload = f'--require "{NODE_PRELOAD}"'
    made["NODE_OPTIONS"] = f"{before.get('NODE_OPTIONS', '').replace(preload, '').strip()} {preload}".strip()
    folders = [folder for folder in before.get("PYTHONPATH", "").split(os.pathsep) if folder != str(PYTHON_PRELOAD)]
    made["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PYTHON_PRELOAD), *folders]))
    return made


def child_environment(made: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """Return a whole environment for a child: the user's own without its fal variables, and these on top."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.upper().startswith(REMOVED_PREFIX) and name.upper() not in REMOVED
    }
    return {**kept, **made}
