"""Production mode refuses to start with what is for development alone, and says what to do instead."""

import secrets

import pytest

from collabcampus import settings as config
from collabcampus.production import require_production
from collabcampus.settings import BadSetting
from test_cli import run

RANDOM = (secrets.token_hex(16), secrets.token_hex(32), secrets.token_urlsafe(32), secrets.token_urlsafe(64))


def refused(environ: dict[str, str], *, demo: bool = False) -> str:
    """Why it does not start; empty where it does."""
    try:
        require_production(config.load({"COLLABCAMPUS_PRODUCTION": "1", **environ}), demo=demo)
    except BadSetting as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"COLLABCAMPUS_SECRET": "short"}, "at least 32 bytes"),
        ({"COLLABCAMPUS_SECRET": "s" * 64}, "no random one"),
        ({"COLLABCAMPUS_SECRET": "0123456789" * 5}, "no random one"),
        ({"COLLABCAMPUS_SECRET": "abcdefghijklmnopqrstuvwxyz0123456789"}, "no random one"),
        ({"COLLABCAMPUS_SECRET": "1q2w3e4r5t6y7u8i9o0p[AZSXDCFVGBHNJMK"}, "no random one"),
        ({"COLLABCAMPUS_SECRET": "please-change-me-please-change-me-1"}, "looks like an example"),
        ({"COLLABCAMPUS_SECRET": "Your-256-bit-Key-goes-here-Z8x2Kq9"}, "looks like an example"),
        ({"COLLABCAMPUS_SECRET": RANDOM[2], "COLLABCAMPUS_OLD_SECRETS": f"{RANDOM[3]},{'o' * 40}"}, "no random one"),
        ({"COLLABCAMPUS_ORIGINS": "*"}, "one by one"),
        ({"COLLABCAMPUS_ORIGINS": "https://campus.example,https://*.campus.example"}, "one by one"),
        ({"COLLABCAMPUS_ORIGINS": "http://campus.example"}, "not https"),
        ({"COLLABCAMPUS_ORIGINS": "null"}, "not https"),
    ],
)
def test_what_is_weak_is_refused_in_words(environ: dict[str, str], words: str) -> None:
    assert words in refused(environ)
    require_production(config.load(environ))  # and is taken where one develops
    secret = environ.get("COLLABCAMPUS_OLD_SECRETS", environ.get("COLLABCAMPUS_SECRET"))
    assert secret is None or secret not in refused(environ), "no secret is shown"


@pytest.mark.parametrize("secret", RANDOM, ids=map(str, range(len(RANDOM))))
def test_a_random_secret_is_taken(secret: str) -> None:
    assert not refused({"COLLABCAMPUS_SECRET": secret})


def test_the_origins_of_development_are_not_there_unless_they_are_named() -> None:
    assert config.load({}).origins == config.REACT_DEV_SERVERS
    assert config.load({"COLLABCAMPUS_PRODUCTION": "1"}).origins == ()
    named = {
        "COLLABCAMPUS_PRODUCTION": "true",
        "COLLABCAMPUS_ORIGINS": "https://campus.example,http://localhost:3000",
    }
    assert config.load(named).origins == ("https://campus.example", "http://localhost:3000")
    assert not refused(named)
    assert config.load({}, production=True).origins == ()


def test_old_secrets_without_a_secret_are_a_mistake() -> None:
    with pytest.raises(BadSetting, match="there is none"):
        config.load({"COLLABCAMPUS_OLD_SECRETS": RANDOM[1]})


def test_there_is_no_demo() -> None:
    assert "no demo" in refused({}, demo=True)


@pytest.mark.parametrize(
    ("command", "environ"),
    [
        (["serve", "--production", "--demo"], {}),
        (["serve"], {"COLLABCAMPUS_PRODUCTION": "1", "COLLABCAMPUS_SECRET": "s" * 40}),
        (["demo", "--json"], {"COLLABCAMPUS_PRODUCTION": "1"}),
    ],
)
def test_the_command_exits_with_2_and_says_why(
    command: list[str], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    told = run(*command, "--database-url", "host=nowhere.invalid")

    assert told.returncode == 2
    assert told.stderr.strip()
    assert not told.stdout
    assert "Traceback" not in told.stderr
