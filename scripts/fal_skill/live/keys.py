"""The user's credential, found as the SDK finds it, and never shown."""

from __future__ import annotations

import os
import re
import sys
from typing import NamedTuple

from ..errors import CredentialsError

NO_KEY_HINT = "set FAL_KEY in the environment; keys are made at fal.ai/dashboard/keys"
SIGN_IN_FILE = "auth0_token"


class Credential(NamedTuple):
    """A value of the Authorization header, in its two parts."""

    scheme: str
    token: str

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"{self.scheme} {self.token}"

    def __repr__(self) -> str:
        return f"<Credential {self.scheme} [***]>"


def credential() -> Credential | None:
    """Return the credential that fal_client 1.0.3 would use (``fal_client.auth``), or None when there is none.

    Raises:
        CredentialsError: it holds characters that no header can carry, or signing in with it failed.
    """
    found = _from_environment()
    if found is None and _other_sources():
        # Colab's secrets and the sign-in file of `fal auth login` are the SDK's own affair.
        from fal_client.auth import MissingCredentialsError, fetch_auth_credentials

        try:
            theirs = fetch_auth_credentials()
        except MissingCredentialsError as error:
            raise CredentialsError(f"no usable credential: {error}", hint=NO_KEY_HINT) from None
        found = Credential(theirs.scheme, theirs.token)
    if found is not None and not re.fullmatch(r"[!-~]+", found.token):
        raise CredentialsError(
            "the key holds white space, a line break or letters outside ASCII: no header can carry it",
            hint="set FAL_KEY again, without quotes or a line break",
        )
    return found


def required_credential() -> Credential:
    """Return the credential; CredentialsError when there is none."""
    found = credential()
    if found is None:
        raise CredentialsError("no fal key was found", hint=NO_KEY_HINT)
    return found


def _from_environment() -> Credential | None:
    if os.environ.get("FAL_FORCE_AUTH_BY_USER") == "1":
        return None
    key = os.environ.get("FAL_KEY")
    if key:
        return Credential("Key", key)
    key_id, secret = os.environ.get("FAL_KEY_ID"), os.environ.get("FAL_KEY_SECRET")
    return Credential("Key", f"{key_id}:{secret}") if key_id and secret else None


def _other_sources() -> bool:
    home = os.environ.get("FAL_HOME_DIR") or os.path.join(os.path.expanduser("~"), ".fal")  # noqa: PTH111, PTH118
    return "google.colab" in sys.modules or os.path.exists(os.path.join(home, SIGN_IN_FILE))  # noqa: PTH110, PTH118
