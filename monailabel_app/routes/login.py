"""Logins with tokens: MONAI Label 0.8.5 refuses every token where PyJWT is newer than 2.9."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jwt
from monailabel.endpoints.user import auth

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key whose public half is known. None by a shared secret: the public key would do for one."""


def accept_tokens() -> None:
    """Let MONAI Label check tokens again; it does not say which signatures it takes, and PyJWT has come to insist."""
    auth.jwt = SimpleNamespace(decode=_decode)


def _decode(token: str, key: str, options: Any) -> Any:
    return jwt.decode(token, key, algorithms=list(ALGORITHMS), options=options)
