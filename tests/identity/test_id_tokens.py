"""ID tokens: real ones of a real provider, what does not fit them, and forged ones."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import Struct

from collabcampus.identity import errors
from collabcampus.identity.id_tokens import ALGORITHMS, UnknownKey, checked
from vouching import BACK, CLIENT, IdentityProvider, needs_provider

pytestmark = needs_provider
NONCE = "a nonce"


class Answer(Struct):
    """What a provider answered a code with, and its keys."""

    issuer: str
    keys: list[dict[str, Any]]
    id_token: str
    access_token: str

    def checked(self, **changed: Any) -> dict[str, Any]:
        """What is made of it, some of it changed."""
        mine = {"issuer": self.issuer, "client_id": "campus", "nonce": NONCE, "access_token": self.access_token}
        values = {"id_token": self.id_token, "keys": self.keys, **mine, **changed}
        return checked(values.pop("id_token"), values.pop("keys"), **values)


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


def answered(provider: IdentityProvider, client: dict[str, str], **how: Any) -> Answer:
    """The provider's answer to one of its clients, asked for by hand."""
    provider.person("ann")
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"response_type": "code", "redirect_uri": BACK, "scope": "openid", "nonce": NONCE, "state": "x",
             "code_challenge": challenge, "code_challenge_method": "S256", **client}  # fmt: skip
    url = str(httpx.URL(f"{provider.issuer}/auth").copy_merge_params(asked))
    code = provider.come_back(url, "ann")["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": verifier}
    tokens = httpx.post(f"{provider.issuer}/token", data={**form, **client}, **how).json()
    keys = httpx.get(f"{provider.issuer}/jwks").json()["keys"]
    return Answer(provider.issuer, keys, tokens["id_token"], tokens["access_token"])


@pytest.fixture(scope="module")
def good(provider: IdentityProvider) -> Answer:
    return answered(provider, {"client_id": "campus", "client_secret": CLIENT["clientSecret"]})


@pytest.fixture(scope="module")
def elliptic(provider: IdentityProvider) -> Answer:
    return answered(provider, {"client_id": "public"})


def test_a_real_token_holds_by_rsa_and_by_elliptic_curves(good: Answer, elliptic: Answer) -> None:
    assert jwt.get_unverified_header(elliptic.id_token)["alg"] == "ES256"

    for claims in (good.checked(), elliptic.checked(client_id="public")):
        assert (claims["sub"], claims["nonce"]) == ("ann", NONCE)


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"nonce": ""},
        {"client_id": "other"},
        {"issuer": "https://other.example"},
        {"id_token": "a.b.c"},
        {"id_token": ""},
        {"id_token": "ä.ö.ü"},
    ],
)
def test_what_does_not_fit_the_sign_in_is_refused(good: Answer, changed: dict[str, Any]) -> None:
    with pytest.raises(errors.OpenidRefused):
        good.checked(**changed)


def test_a_token_for_another_client_is_refused(elliptic: Answer) -> None:
    with pytest.raises(errors.OpenidRefused):
        elliptic.checked(client_id="campus")


def test_without_the_key_it_may_be_a_new_one(good: Answer) -> None:
    for keys in ([], [each for each in good.keys if each["kty"] == "EC"], [{"kty": "new"}]):
        with pytest.raises(UnknownKey):
            good.checked(keys=keys)


def text(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_token_that_is_not_signed_with_the_providers_key_is_refused(good: Answer) -> None:
    (key,) = [each for each in good.keys if each["kty"] == "RSA"]
    _, claims, signature = good.id_token.split(".")
    public = jwt.PyJWK(key).key.public_numbers().n.to_bytes(256)
    forged = [f"{text({'alg': alg, 'kid': key['kid']})}.{claims}." for alg in ("none", "None", "", "RS256")]
    for secret in (public, json.dumps(key).encode(), b""):
        signed = f"{text({'alg': 'HS256', 'kid': key['kid']})}.{claims}"
        mac = hmac.digest(secret, signed.encode(), "sha256")
        forged.append(f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")
    forged.append(f"{text({'alg': 'RS256', 'kid': key['kid'], 'crit': ['b64']})}.{claims}.{signature}")
    forged.append(f"{text({'alg': 'RS256'})}.{text({'sub': 'mallory'})}.{signature}")
    shared = {"kty": "oct", "k": "c2VjcmV0", "kid": key["kid"]}

    for token in forged:
        with pytest.raises((errors.OpenidRefused, UnknownKey)):
            good.checked(id_token=token)
        with pytest.raises((errors.OpenidRefused, UnknownKey)):
            good.checked(id_token=token, keys=[shared])
    assert not any(each.startswith("HS") or each == "none" for each in ALGORITHMS)


OWN = rsa.generate_private_key(65537, 2048)
OWN_KEY = {**jwt.algorithms.RSAAlgorithm.to_jwk(OWN.public_key(), as_dict=True), "kid": "own"}


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True),
        ({"aud": ["campus"]}, True),
        ({"aud": ["campus", "other"], "azp": "campus"}, True),
        ({"aud": ["campus", "other"]}, False),
        ({"aud": ["campus", "other"], "azp": "other"}, False),
        ({"aud": "campus", "azp": "other"}, False),
        ({"aud": ["other"], "azp": "campus"}, False),
        ({"aud": None}, False),
        ({"iss": None}, False),
        ({"nonce": None}, False),
        ({"nonce": 7}, False),
        ({"sub": None}, False),
        ({"sub": ""}, False),
        ({"sub": "a\0b"}, False),
        ({"iat": None}, False),
        ({"exp": None}, False),
        ({"exp": -20}, True),
        ({"exp": -60}, False),
        ({"iat": 20}, True),
        ({"iat": 60}, False),
        ({"nbf": 60}, False),
        ({"at_hash": "made up"}, False),
        ({"at_hash": 7}, False),
    ],
)
def test_each_claim_counts(good: Answer, changed: dict[str, Any], holds: bool) -> None:
    """Signed with a key that stands for the provider's; times are seconds from now."""
    now = int(time.time())
    timed = {name: now + value for name, value in changed.items() if name in ("exp", "iat", "nbf") and value}
    usual = {"iss": good.issuer, "aud": "campus", "sub": "ann", "nonce": NONCE, "iat": now, "exp": now + 60}
    claims = {name: value for name, value in {**usual, **changed, **timed}.items() if value is not None}
    token = jwt.encode(claims, OWN, "RS256", headers={"kid": "own"})

    if holds:
        assert good.checked(id_token=token, keys=[OWN_KEY])["sub"] == "ann"
    else:
        with pytest.raises(errors.OpenidRefused):
            good.checked(id_token=token, keys=[OWN_KEY])


def test_the_hash_of_an_access_token_is_that_of_the_one_beside_it(good: Answer) -> None:
    half = hashlib.sha256(good.access_token.encode()).digest()[:16]
    claims = jwt.decode(good.id_token, options={"verify_signature": False})
    claims["at_hash"] = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    token = jwt.encode(claims, OWN, "RS256", headers={"kid": "own"})

    for access_token in (good.access_token, None):
        assert good.checked(id_token=token, keys=[OWN_KEY], access_token=access_token)["sub"] == "ann"
    with pytest.raises(errors.OpenidRefused):
        good.checked(id_token=token, keys=[OWN_KEY], access_token="another")


@pytest.mark.parametrize(
    ("keys", "holds"),
    [
        ([OWN_KEY], True),
        ([{**OWN_KEY, "kid": "another"}], True),
        ([{**OWN_KEY, "kid": "one"}, {**OWN_KEY, "kid": "two"}], False),
        ([{**OWN_KEY, "use": "enc"}], False),
        ([{**OWN_KEY, "alg": "PS256"}], False),
    ],
)
def test_a_token_that_names_no_key_needs_the_only_one_there_is(
    good: Answer, keys: list[dict[str, Any]], holds: bool
) -> None:
    claims = jwt.decode(good.id_token, options={"verify_signature": False})
    token = jwt.encode(claims, OWN, "RS256")

    if holds:
        assert good.checked(id_token=token, keys=keys)["sub"] == "ann"
    else:
        with pytest.raises(UnknownKey):
            good.checked(id_token=token, keys=keys)
