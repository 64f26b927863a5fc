"""No secret in any log line, whatever field or text it stands in."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr

import pytest
import structlog

from collabcampus.identity.keys import Keyring
from collabcampus.identity.tokens import Tokens
from collabcampus.masking import MASKED, mask, mask_secrets
from collabcampus.telemetry.logs import configure

JWT = Tokens(Keyring.given("s" * 32)).issue(
    "0190a0b0-0000-7000-8000-000000000000", "0190a0b0-0000-7000-8000-000000000001"
)
API_TOKEN = "ccp_" + "0f" * 32
REFRESH_TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE"
SECRETS = (JWT, API_TOKEN, REFRESH_TOKEN)


@pytest.fixture
def logging_as_configured() -> Iterator[io.StringIO]:
    """The two ways to log, as the server configures them; put back afterwards."""
    handlers, logging.root.handlers = logging.root.handlers, []
    written = io.StringIO()
    with redirect_stderr(written):
        configure()
        yield written
    structlog.reset_defaults()
    logging.root.handlers = handlers


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "text",
    ["{}", "Bearer {}", "GET /x?token={}&y=1", '{{"refreshToken":"{}"}}', "'{}'", "a {}, b", "token={}"],
)
def test_a_token_is_masked_wherever_it_stands_in_a_text(text: str, secret: str) -> None:
    masked = mask(text.format(secret))

    assert secret not in masked
    assert MASKED in masked


def test_passwords_in_addresses_and_authorization_are_masked() -> None:
    for text in (
        "postgresql://alice:open-sesame@localhost/db", "host=x password=open-sesame dbname=y",
        "Authorization: Basic open-sesame", "authorization: bearer open-sesame",
    ):  # fmt: skip
        assert "open-sesame" not in mask(text)


def test_what_is_no_secret_stays_as_it_is() -> None:
    for text in (
        "0190a0b0-0000-7000-8000-000000000000", "0f" * 32, "follower_lost_its_connection",
        "postgresql://localhost:5432/db", "token_refused", "a plain sentence.",
    ):  # fmt: skip
        assert mask(text) == text


def test_fields_are_masked_by_their_names_however_deep_and_others_by_their_text() -> None:
    event = {
        "event": f"it failed with {JWT}", "password": "short", "pwd": 12345, "token": "x", "refreshToken": "x",
        "Authorization": "x", "cookie": "x", "secret_key": "x", "token_id": "kept", "count": 3, "none": None,
        "headers": {"authorization": "x", "accept": f"{API_TOKEN}"}, "list": [REFRESH_TOKEN, {"token": "x"}],
        "error": ValueError(f"bad {REFRESH_TOKEN}"),
    }  # fmt: skip

    assert mask_secrets(None, "info", event) == {
        "event": f"it failed with {MASKED}", "password": MASKED, "pwd": MASKED, "token": MASKED,
        "refreshToken": MASKED, "Authorization": MASKED, "cookie": MASKED, "secret_key": MASKED, "token_id": "kept",
        "count": 3, "none": None, "headers": {"authorization": MASKED, "accept": MASKED},
        "list": [MASKED, {"token": MASKED}], "error": f"bad {MASKED}",
    }  # fmt: skip


def test_nothing_endless_is_followed() -> None:
    endless: list[object] = []
    endless.append(endless)

    assert MASKED in str(mask_secrets(None, "info", {"endless": endless}))


def test_both_ways_to_log_mask_and_tracebacks_too(logging_as_configured: io.StringIO) -> None:
    try:
        raise ValueError(f"{JWT} and {API_TOKEN}")
    except ValueError:
        structlog.get_logger().exception("failed", refresh_token=REFRESH_TOKEN, said=f"Bearer {JWT}")
        logging.getLogger("some.library").exception("failed with %s", REFRESH_TOKEN)

    lines = logging_as_configured.getvalue()
    assert json.loads(lines.splitlines()[0])["refresh_token"] == MASKED
    assert lines.count("ValueError") >= 2
    assert not any(secret in lines for secret in SECRETS)
