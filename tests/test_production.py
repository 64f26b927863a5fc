"""Production mode refuses to start with what is for development alone, and says what to do instead."""

import asyncio
import secrets

import pytest

from collabcampus import demo
from collabcampus import settings as config
from collabcampus.app import Application
from collabcampus.production import require_production
from collabcampus.settings import BadSetting
from running import IN_PRODUCTION
from test_cli import run

RANDOM = (secrets.token_hex(16), secrets.token_hex(32), secrets.token_urlsafe(32), secrets.token_urlsafe(64))


def refused(environ: dict[str, str], *, with_demo: bool = False) -> str:
    """Why it does not start; empty where it does."""
    try:
        require_production(config.load({"COLLABCAMPUS_PRODUCTION": "1", **IN_PRODUCTION, **environ}), demo=with_demo)
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
        ({"COLLABCAMPUS_MAIL": ""}, "COLLABCAMPUS_MAIL is not set"),
        ({"COLLABCAMPUS_LINKS_TO": ""}, "COLLABCAMPUS_LINKS_TO is not set"),
        ({"COLLABCAMPUS_LINKS_TO": "http://campus.example"}, "COLLABCAMPUS_LINKS_TO is not https"),
        ({"COLLABCAMPUS_OPENID_REDIRECTS": "https://campus.example/in,http://campus.example/in"}, "not https"),
        ({"COLLABCAMPUS_LOGIN_RATE": "0"}, "without end"),
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
    assert "no demo" in refused({}, with_demo=True)


def test_people_are_found_by_verified_addresses_unless_it_is_set_otherwise() -> None:
    assert config.load({}).verified_addresses is False
    assert config.load({"COLLABCAMPUS_PRODUCTION": "1"}).verified_addresses is True
    other = {"COLLABCAMPUS_PRODUCTION": "1", "COLLABCAMPUS_VERIFIED_ADDRESSES": "false"}
    assert config.load(other).verified_addresses is False


@pytest.mark.anyio
async def test_a_demo_of_before_keeps_production_from_starting_until_nobody_can_sign_in_to_it(
    application: Application,
) -> None:
    await application.identity.register("demo-mine@collabcampus.example", "Mallory", demo.PASSWORD, "a test")
    await demo.require_gone(application)  # whoever registers so stops nobody's production
    await demo.ensure(application)
    (filled,) = (await demo.fill(application, 1, 1, 0)).users
    user = await application.identity.find(demo.EMAIL)
    assert user

    for user_id in (user.id, filled.user_id):
        with pytest.raises(BadSetting, match="the password that everybody knows"):
            await demo.require_gone(application)
        await application.identity.administration.change(user_id, None, disabled=True)
    await demo.require_gone(application)


@pytest.mark.anyio
async def test_serving_in_production_looks_for_it(
    application: Application, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await demo.ensure(application)
    for name, value in IN_PRODUCTION.items():
        monkeypatch.setenv(name, value)
    told = await asyncio.to_thread(run, "serve", "--production", "--port", "0", "--database-url", database_url)

    assert (told.returncode, told.stdout) == (2, "")
    assert f"{demo.EMAIL} has the password that everybody knows" in " ".join(told.stderr.split())


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
