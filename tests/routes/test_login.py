"""Tokens of a login: those that the realm has signed are taken, all others are not."""

import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from monailabel.config import settings
from monailabel.endpoints.user import auth

from monailabel_app.routes.login import accept_tokens


@pytest.fixture
def realm(monkeypatch):
    """A realm's private key; MONAI Label knows the public one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(settings, "MONAI_LABEL_AUTH_ENABLE", True)
    monkeypatch.setattr(auth, "get_public_key", lambda _: public.decode())
    monkeypatch.setattr(auth, "jwt", auth.jwt)  # put back afterwards
    accept_tokens()
    return key


def claims(**more):
    return {
        "preferred_username": "jane",
        "realm_access": {"roles": ["monailabel-user"]},
        "exp": time.time() + 60,
        **more,
    }


def test_a_token_of_the_realm_tells_who_asks(realm):
    user = auth.from_token(jwt.encode(claims(), realm, algorithm="RS256"))
    assert (user.username, user.roles) == ("jane", ["monailabel-user"])


def test_other_tokens_are_refused(realm):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for token in (
        jwt.encode(claims(), stranger, algorithm="RS256"),
        jwt.encode(claims(exp=time.time() - 60), realm, algorithm="RS256"),
        jwt.encode(claims(), None, algorithm="none"),
        "no token",
    ):
        with pytest.raises(jwt.InvalidTokenError):
            auth.from_token(token)
