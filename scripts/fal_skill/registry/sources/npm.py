"""The SDK's type file from the npm registry, by the npm client that is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from ...errors import UnavailableError, UsageError

PACKAGE = "@fal-ai/client"
TYPES_FILE = "package/src/types/endpoints.d.ts"
VERSIONS = {"1.10.1": "2026-04-07", "1.9.5": "2025-12-15"}
"""Versions whose types' date is known from the SDK's history. A package's version says nothing of its types' date."""
_TIMEOUT = 300.0
_MAX_TYPES_BYTES = 64 * 1024 * 1024


def types_text(version: str) -> str:
    """Return the text of ``endpoints.d.ts`` of one version of the SDK.

    Raises:
        UsageError: the version is malformed.
        UnavailableError: npm is missing, fails, or the package has no type file.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", version):
        raise UsageError(f"{version!r} is not a version of {PACKAGE}", hint="such as 1.10.1")
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("npm is not installed", hint="give a type file instead: --source sdk-types FILE@DATE")
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [npm, "pack", "--json", "--pack-destination", folder, f"{PACKAGE}@{version}"],
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT,
                check=True,
            )
            name = Path(json.loads(done.stdout)[0]["filename"].replace("/", "-").lstrip("@")).name
            with tarfile.open(Path(folder) / name) as archive:
                member = archive.extractfile(TYPES_FILE)
                if member is None:
                    raise KeyError(TYPES_FILE)
                return member.read(_MAX_TYPES_BYTES).decode("utf-8")
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip().splitlines() or ["no reason given"])[0]
            raise UnavailableError(f"npm could not download {PACKAGE}@{version}: {reason}") from None
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"npm did not download {PACKAGE}@{version} within {_TIMEOUT:.0f} s") from None
        except (OSError, KeyError, IndexError, ValueError, tarfile.TarError) as error:
            raise UnavailableError(f"{PACKAGE}@{version} holds no readable {TYPES_FILE}: {error}") from None
