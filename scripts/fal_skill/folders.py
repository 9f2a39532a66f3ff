"""Where this package keeps what it writes on a user's machine: a cache folder and a data folder.

The places are those of the platform's convention (XDG on Linux and other Unix systems). They are looked up on the
start-up path of the offline scripts, so this module imports nothing but ``os`` and ``sys``.
"""

from __future__ import annotations

import os
import sys

APP = "fal-ai-models-runner"


def cache_folder() -> str:
    """Return the folder for what can be made again: the registry overlay and replies of the platform API."""
    if sys.platform == "win32":
        return _join(_windows("LOCALAPPDATA", "AppData", "Local"), APP, "Cache")
    if sys.platform == "darwin":
        return _join(_home(), "Library", "Caches", APP)
    return _join(_absolute("XDG_CACHE_HOME") or _join(_home(), ".cache"), APP)


def data_folder() -> str:
    """Return the folder for what must not be lost: the ledger of submitted jobs."""
    if sys.platform == "win32":
        return _join(_windows("LOCALAPPDATA", "AppData", "Local"), APP)
    if sys.platform == "darwin":
        return _join(_home(), "Library", "Application Support", APP)
    return _join(_absolute("XDG_DATA_HOME") or _join(_home(), ".local", "share"), APP)


def _absolute(name: str) -> str:
    """Return the variable's value if it is an absolute path: the XDG rules ignore any other."""
    value = os.environ.get(name, "")
    return value if os.path.isabs(value) else ""  # noqa: PTH117 - start-up time


def _windows(name: str, *default: str) -> str:
    return os.environ.get(name) or _join(_home(), *default)


def _home() -> str:
    return os.path.expanduser("~")  # noqa: PTH111 - start-up time


def _join(*parts: str) -> str:
    return os.path.join(*parts)  # noqa: PTH118 - start-up time
