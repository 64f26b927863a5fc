"""Forged tokens (RFC 8725): each attack by name, against the check itself, over HTTP and at the sockets' connect."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
import socketio
from socketio.exceptions import ConnectionError as Rejected

from answering import problem
from collabcampus.identity import errors, tokens
from collabcampus.identity.keys import Keyring, name_of
from collabcampus.identity.tokens import Claims, Tokens
from running import Person, Server

SECRET = b"a key for these tests, of 32 bytes or more"
RING = Keyring.given(SECRET.decode())
KID = name_of(SECRET)
NOW = int(time.time())
HEADER = {"alg": "HS256", "kid": KID, "typ": "JWT"}
USER, SESSION = str(uuid.uuid4()), str(uuid.uuid4())
CLAIMS: dict[str, Any] = {
    "iss": tokens.ISSUER, "aud": tokens.AUDIENCE, "sub": USER, "sid": SESSION,
    "iat": NOW, "exp": NOW + 900, "jti": str(uuid.uuid4()),
}  # fmt: skip
RSA_PUBLIC = b"-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf\n"
"""What an attacker would sign with who knows a public key; there is none here."""


def base64url(data: str | bytes) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).decode().rstrip("=")


def signed(header: str, claims: str, key: bytes = SECRET, digest: str = "sha256") -> str:
    """A token of these texts, with a good signature unless the key or the digest is another."""
    message = f"{base64url(header)}.{base64url(claims)}"
    return f"{message}.{base64url(hmac.digest(key, message.encode(), digest))}"


def headed(**header: Any) -> str:
    """Signed with our own key, under a header that says more, or something else."""
    return signed(json.dumps({**HEADER, **header}), json.dumps(CLAIMS))


def claiming(**claims: Any) -> str:
    """Signed with our own key, with claims that say something else; None leaves one out."""
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return signed(json.dumps(HEADER), json.dumps(said))


def raw(before: str, after: str) -> str:
    """Signed with our own key, with claims that are no proper JSON or have something twice."""
    text = json.dumps(CLAIMS)
    assert before in text
    return signed(json.dumps(HEADER), text.replace(before, after))


GOOD = headed()
HEAD, BODY, SIGNATURE = GOOD.split(".")
ANOTHER_LAST = SIGNATURE[:-1] + chr(ord(SIGNATURE[-1]) + 1)
"""The same 32 bytes, were base64's leftover bits not looked at."""
EXP = f'"exp": {CLAIMS["exp"]}'

ALGORITHMS = {
    "none": f"{base64url(json.dumps({'alg': 'none', 'kid': KID}))}.{BODY}.",
    "None": f"{base64url(json.dumps({'alg': 'None', 'kid': KID, 'typ': 'JWT'}))}.{BODY}.",
    "none with a signature": headed(alg="none"),
    "the signature left away": f"{HEAD}.{BODY}.",
    "the signature of another token": f"{HEAD}.{BODY}.{claiming(jti=str(uuid.uuid4())).rpartition('.')[2]}",
    "another key": signed(json.dumps(HEADER), json.dumps(CLAIMS), b"x" * 32),
    "an empty key": signed(json.dumps(HEADER), json.dumps(CLAIMS), b""),
    "a public key as the secret": signed(json.dumps(HEADER), json.dumps(CLAIMS), RSA_PUBLIC),
    "RS256 with our secret as its key": headed(alg="RS256"),
    "ES256 with our secret as its key": headed(alg="ES256"),
    "HS512 with our secret": signed(json.dumps({**HEADER, "alg": "HS512"}), json.dumps(CLAIMS), SECRET, "sha512"),
    "HS512 called HS256": signed(json.dumps(HEADER), json.dumps(CLAIMS), SECRET, "sha512"),
    "HS384 by the library": jwt.encode(CLAIMS, SECRET * 2, "HS384", headers={"kid": KID}),
    "no algorithm": signed(json.dumps({"kid": KID, "typ": "JWT"}), json.dumps(CLAIMS)),
    "a list of algorithms": headed(alg=["HS256", "none"]),
    "hs256": headed(alg="hs256"),
}
HEADERS = {
    "jku": headed(jku="https://evil.example/keys"),
    "jwk": headed(jwk={"kty": "oct", "k": base64url(SECRET)}),
    "x5u": headed(x5u="https://evil.example/cert"),
    "x5c": headed(x5c=["MIIB"]),
    "unknown crit": headed(crit=["exp2"], exp2=1),
    "empty crit": headed(crit=[]),
    "b64": headed(b64=False, crit=["b64"]),
    "zip": headed(zip="DEF"),
    "a nested token": signed(json.dumps({**HEADER, "cty": "JWT"}), GOOD),
    "cty over good claims": headed(cty="JWT"),
    "another typ": headed(typ="at+jwt"),
    "kid of a path": signed(json.dumps({**HEADER, "kid": "../../dev/null"}), json.dumps(CLAIMS), b"\0" * 32),
    "kid of SQL": headed(kid="' UNION SELECT 'x"),
    "kid empty": signed(json.dumps({**HEADER, "kid": ""}), json.dumps(CLAIMS), b""),
    "kid of another": headed(kid="0123456789abcdef"),
    "kid left out": signed(json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps(CLAIMS)),
    "kid null": headed(kid=None),
    "kid a list": headed(kid=[KID]),
    "kid an object": headed(kid={"kid": KID}),
    "kid huge": headed(kid="a" * 100_000),
    "kid with a newline": headed(kid=KID + "\n"),
    "kid in capitals": headed(kid=KID.upper()),
    "kid twice": signed(f'{{"kid":"0123456789abcdef",{json.dumps(HEADER)[1:]}', json.dumps(CLAIMS)),
    "alg twice": signed(f'{{"alg":"none",{json.dumps(HEADER)[1:]}', json.dumps(CLAIMS)),
    "a header that is a list": signed(json.dumps([HEADER]), json.dumps(CLAIMS)),
    "a header that is no JSON": signed("{", json.dumps(CLAIMS)),
    "a header that is no UTF-8": f"{base64url(bytes([255, 254]))}.{BODY}.{SIGNATURE}",
    "a header nested deeply": signed("[" * 700, json.dumps(CLAIMS)),
}
TIMES = {
    "exp a string": claiming(exp=str(NOW + 900)),
    "exp a float": claiming(exp=NOW + 900.5),
    "exp a whole float": raw(EXP, f"{EXP}.0"),
    "exp with an exponent": raw(EXP, '"exp": 9e9'),
    "exp infinite": raw(EXP, '"exp": 1e999'),
    "exp NaN": raw(EXP, '"exp": NaN'),
    "exp huge": claiming(exp=10**30),
    "exp of 5,000 digits": raw(EXP, f'"exp": {"9" * 5_000}'),
    "exp negative": claiming(exp=-1, iat=-900),
    "exp true": claiming(exp=True),
    "exp a list": claiming(exp=[NOW + 900]),
    "exp further than we ever give": claiming(exp=NOW + 86_400),
    "iat in the future": claiming(iat=NOW + 300, exp=NOW + 900),
    "iat a string": claiming(iat=str(NOW)),
    "iat negative": claiming(iat=-1),
    "nbf in the future": claiming(nbf=NOW + 300),
    "nbf a string": claiming(nbf="soon"),
}
SAID = {
    "iss of another": claiming(iss="somebody"),
    "iss a list": claiming(iss=[tokens.ISSUER]),
    "aud of another": claiming(aud="somebody"),
    "aud a list with ours": claiming(aud=["somebody", tokens.AUDIENCE]),
    "aud with a blank": claiming(aud=tokens.AUDIENCE + " "),
    "sub no id": claiming(sub="not an id"),
    "sub a number": claiming(sub=1),
    "sub in another form": claiming(sub=USER.upper() if USER.upper() != USER else "{" + USER + "}"),
    "sub of SQL": claiming(sub="' OR true --"),
    "sid no id": claiming(sid=""),
    "jti no id": claiming(jti=""),
    "jti a number": claiming(jti=7),
    "sub twice": raw('"sub"', f'"sub": "{uuid.uuid4()}", "sub"'),
    "exp twice": raw('"exp"', f'"exp": {NOW + 1}, "exp"'),
    "a claim of nobody's": claiming(admin=True),
    "claims that are a list": signed(json.dumps(HEADER), json.dumps([CLAIMS])),
    "claims that are no JSON": signed(json.dumps(HEADER), "claims"),
    "claims with a byte order mark": signed(json.dumps(HEADER), "\ufeff" + json.dumps(CLAIMS)),
    **{f"no {claim}": claiming(**{claim: None}) for claim in tokens.REQUIRED},
}
FORMS = {
    "a blank before": " " + GOOD,
    "a newline after": GOOD + "\n",
    "padding": f"{HEAD}.{BODY}.{SIGNATURE}=",
    "padding inside": f"{HEAD}=.{BODY}.{SIGNATURE}",
    "a character that base64 skips": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}!{SIGNATURE[-1]}",
    "leftover bits of the signature": f"{HEAD}.{BODY}.{ANOTHER_LAST}",
    "base64's other alphabet": f"{HEAD}.{BODY}.{'+/' + SIGNATURE[2:]}",
    "four parts": GOOD + ".x",
    "five parts, as an encrypted one": f"{GOOD}.x.y",
    "two parts": f"{HEAD}.{BODY}",
    "JSON serialization": json.dumps({"payload": BODY, "protected": HEAD, "signature": SIGNATURE}),
    "a NUL": GOOD + "\0",
    "a letter that looks alike": GOOD.replace("e", "\u0435", 1),
    "a surrogate": "\ud800",
    "a token too long": signed(json.dumps(HEADER), json.dumps(CLAIMS) + " " * tokens.LONGEST_TOKEN),
    "a megabyte": "a" * 2**20,
    "dots": "." * 1_000,
}
ATTACKS = {
    f"{group}: {name}": token
    for group, attacks in (
        ("alg", ALGORITHMS),
        ("header", HEADERS),
        ("time", TIMES),
        ("claim", SAID),
        ("form", FORMS),
    )
    for name, token in attacks.items()
}


@pytest.mark.parametrize("token", ATTACKS.values(), ids=ATTACKS)
def test_a_forged_token_is_invalid(token: str) -> None:
    assert Tokens(RING).check(GOOD) == Claims(USER, SESSION, NOW + 900)
    with pytest.raises(errors.TokenInvalid):
        Tokens(RING).check(token)


def test_every_single_changed_character_of_a_token_makes_it_invalid() -> None:
    token = Tokens(RING).issue(USER, SESSION)
    for place, character in enumerate(token):
        another = "A" if character != "A" else "B"
        with pytest.raises(errors.TokenInvalid):
            Tokens(RING).check(token[:place] + another + token[place + 1 :])


def test_an_expired_token_says_so_after_its_leeway_and_a_missing_one_too() -> None:
    assert Tokens(RING).check(claiming(iat=NOW - 900, exp=int(time.time()) - tokens.LEEWAY_S + 5))
    with pytest.raises(errors.TokenExpired):
        Tokens(RING).check(claiming(iat=NOW - 900, exp=int(time.time()) - tokens.LEEWAY_S - 1))
    with pytest.raises(errors.TokenMissing):
        Tokens(RING).check("")
    codes = [each().code for each in (errors.TokenMissing, errors.TokenInvalid, errors.TokenExpired)]
    assert codes == ["token_missing", "token_invalid", "token_expired"]


def test_a_token_that_is_expired_and_forged_is_invalid_and_no_more_is_said() -> None:
    forged = claiming(iat=NOW - 2_000, exp=NOW - 1_000)
    with pytest.raises(errors.TokenInvalid):
        Tokens(RING).check(forged[:-43] + SIGNATURE)


def test_what_we_issue_is_good_at_once_and_lives_a_quarter_of_an_hour() -> None:
    issued = Tokens(RING).issue(USER, SESSION)

    claims = Tokens(RING).check(issued)
    assert (claims.user_id, claims.session_id) == (USER, SESSION)
    assert claims.expires_at - time.time() == pytest.approx(900, abs=5)
    assert tokens.LIFE_S <= 15 * 60
    assert tokens.LEEWAY_S <= 30
    assert len(issued) < tokens.LONGEST_TOKEN / 1.5


def test_tokens_are_checked_with_the_key_that_signed_them_and_no_other() -> None:
    old, new = b"the old key, which has 32 bytes also", b"the new key, which has 32 bytes also"
    both = Tokens(Keyring.given(new.decode(), [old.decode()]))
    before = Tokens(Keyring.given(old.decode())).issue(USER, SESSION)

    assert both.check(before).user_id == USER
    assert jwt.get_unverified_header(both.issue(USER, SESSION))["kid"] == name_of(new)
    with pytest.raises(errors.TokenInvalid):
        Tokens(Keyring.given(new.decode())).check(before)
    confused = signed(json.dumps({**HEADER, "kid": name_of(new)}), json.dumps(CLAIMS), old)
    with pytest.raises(errors.TokenInvalid):
        both.check(confused)


@pytest.fixture(scope="module")
def keyed(module_database_url: str) -> Iterator[Server]:
    """A server that signs with a key that this file knows: so that only what is forged is refused."""
    with Server("--database-url", module_database_url, COLLABCAMPUS_SECRET=SECRET.decode()) as running:
        yield running


def test_over_http_each_attack_is_a_401_that_tells_nothing(keyed: Server) -> None:
    person = Person(keyed.url, "Mallory")
    session = jwt.decode(person.token, options={"verify_signature": False})["sid"]
    with httpx.Client(base_url=keyed.url) as http:
        for name, token in ATTACKS.items():
            if token.isascii() and token.isprintable() and len(token) < 10_000 and token == token.strip():
                answer = http.get("/me", headers={"Authorization": f"Bearer {token}"})
                assert problem(answer) == (401, "token_invalid"), name
                assert set(answer.json()) == {"type", "title", "status", "detail", "code"}
        good = Tokens(RING).issue(person.user_id, session)
        assert http.get("/me", headers={"Authorization": f"Bearer {good}"}).status_code == 200
        expired = claiming(sub=person.user_id, sid=session, iat=NOW - 1_000, exp=NOW - 100)
        answer = http.get("/me", headers={"Authorization": f"Bearer {expired}"})
        assert problem(answer) == (401, "token_expired")


def test_a_token_is_taken_from_one_authorization_header_alone(keyed: Server) -> None:
    person = Person(keyed.url, "Carol")
    bearer = ("Authorization", f"Bearer {person.token}")
    for headers in ([bearer, bearer], [bearer, ("Authorization", "Bearer x")]):
        assert problem(httpx.get(f"{keyed.url}/me", headers=headers)) == (401, "token_invalid")
    twice = {"Authorization": f"Bearer {person.token}, Bearer {person.token}"}
    assert problem(httpx.get(f"{keyed.url}/me", headers=twice)) == (401, "token_invalid")
    for where in ({"params": {"access_token": person.token}}, {"cookies": {"token": person.token}}):
        assert problem(httpx.get(f"{keyed.url}/me", **where)) == (401, "token_missing")  # type: ignore[arg-type]


def test_at_the_sockets_connect_each_attack_is_refused_with_its_code(keyed: Server) -> None:
    person = Person(keyed.url, "Dan")
    for name in ("alg: none", "header: jku", "header: kid of another", "time: exp a string", "claim: no sid",
                 "claim: exp twice", "form: a newline after", "form: a token too long", "form: a NUL"):  # fmt: skip
        assert refused_at_connect(keyed.url, ATTACKS[name]) == "token_invalid", name
    assert refused_at_connect(keyed.url, claiming(iat=NOW - 1_000, exp=NOW - 100)) == "token_expired"
    assert refused_at_connect(keyed.url, "") == "token_missing"
    assert refused_at_connect(keyed.url, person.token) is None


def refused_at_connect(url: str, token: str) -> str | None:
    """The code of the `connect_error`; None for who is let in."""
    told: list[Any] = []
    client = socketio.Client(reconnection=False)
    client.on("connect_error", told.append)
    try:
        client.connect(url, auth={"token": token}, transports=["polling"], wait_timeout=10)
    except Rejected:
        return str(told[0]["data"]["code"])
    client.disconnect()
    return None


def test_the_name_of_a_key_tells_nothing_of_it() -> None:
    assert hashlib.sha256(b"kid" + SECRET).hexdigest().startswith(KID)
    assert len(KID) == 16
