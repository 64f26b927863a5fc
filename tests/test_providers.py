"""What the settings take of identity providers, and what they say of those that are wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.pretty import pretty_repr

from collabcampus.providers import Place
from collabcampus.settings import BadSetting, Settings, load

PROJECT = "00000000-0000-7000-8000-000000000001"
SECRET = "only for the provider"
CAMPUS: dict[str, Any] = {
    "name": "campus",
    "title": "The campus",
    "issuer": "https://id.campus.example/realms/campus",
    "clientId": "boards",
    "clientSecret": SECRET,
    "roles": {"staff": [{"projectId": PROJECT, "role": "editor"}]},
}
TOML = f"""
[[providers]]
name = "campus"
title = "The campus"
issuer = "https://id.campus.example/realms/campus"
clientId = "boards"
clientSecret = "{SECRET}"
roles.staff = [{{ projectId = "{PROJECT}", role = "editor" }}]
"""


def openid(setting: object) -> Settings:
    """Settings with this, JSON unless it is text."""
    text = setting if isinstance(setting, str) else json.dumps(setting)
    return load({"COLLABCAMPUS_OPENID": text, "COLLABCAMPUS_OPENID_REDIRECTS": "https://a.example/in, b"})


def test_providers_are_read_from_json_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "openid.json").write_text(json.dumps({"providers": [CAMPUS]}))
    (tmp_path / "openid.toml").write_text(TOML)

    given = [openid([CAMPUS]), *(openid(str(tmp_path / f"openid.{each}")) for each in ("json", "toml"))]

    assert all(each == given[0] for each in given)
    (campus,) = given[0].openid
    assert (campus.client_id, campus.client_secret, campus.scopes) == (
        "boards",
        SECRET,
        ("openid", "profile", "email"),
    )
    assert campus.roles == {"staff": (Place(PROJECT, "editor"),)}
    assert given[0].openid_redirects == ("https://a.example/in", "b")
    assert load({}).openid == ()


def test_a_secret_is_not_shown() -> None:
    settings = openid([CAMPUS])

    for shown in (repr(settings), repr(settings.openid), pretty_repr(settings), pretty_repr(settings.openid)):
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("[{", "openid: neither JSON"),
        ("/nowhere/at/all.toml", "cannot be read: FileNotFoundError"),
        ({"campus": CAMPUS}, "Expected `array`, got `object` - at `$.openid`"),
        ([{**CAMPUS, "clientId": None}], "Expected `str`, got `null` - at `$.openid[0].clientId`"),
        ([{name: CAMPUS[name] for name in CAMPUS if name != "issuer"}], "missing required field `issuer`"),
        ([{**CAMPUS, "clientsecret": SECRET}], "unknown field `clientsecret`"),
        ([{**CAMPUS, "name": "The Campus"}], "at `$.openid[0].name`"),
        ([{**CAMPUS, "issuer": "http://id.campus.example"}], "an issuer is an https address"),
        ([{**CAMPUS, "issuer": "https://id.campus.example/?a=b"}], "an issuer is an https address"),
        ([{**CAMPUS, "issuer": "id.campus.example"}], "an issuer is an https address"),
        ([{**CAMPUS, "issuer": "https://id.campus.example /realms"}], "no blanks"),
        ([{**CAMPUS, "issuer": "https://id.campus.example/\0"}], "no blanks"),
        ([{**CAMPUS, "issuer": "https://id.campus.example\n/realms"}], "no blanks"),
        ([{**CAMPUS, "issuer": "https://somebody@id.campus.example"}], "no user"),
        ([{**CAMPUS, "issuer": "https://id.campus.example:70000"}], "no port"),
        ([{**CAMPUS, "issuer": "https://id.campus.example:0"}], "no port"),
        ([{**CAMPUS, "domains": ["@campus.example"]}], "behind the @"),
        ([{**CAMPUS, "domains": ["campus.example", "somebody@campus.example"]}], "behind the @"),
        ([{**CAMPUS, "scopes": ["email"]}], "the scopes must have openid among them"),
        ([{**CAMPUS, "roles": {"staff": [{"projectId": PROJECT, "role": "boss"}]}}], "roles"),
        ([{**CAMPUS, "roles": {"staff": [{"projectId": "1", "role": "editor"}]}}], "projectId"),
        ([CAMPUS, CAMPUS], "two providers have the same name"),
    ],
)
def test_what_is_wrong_is_said_and_no_secret_with_it(setting: object, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        openid(setting)

    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("before", ["'", '"', "\ufeff", "openid="])
@pytest.mark.parametrize("line", ["", "\n"])
def test_json_that_is_taken_for_a_path_is_not_shown(before: str, line: str) -> None:
    with pytest.raises(BadSetting, match="it does not begin as JSON does") as refused:
        openid(before + line + json.dumps([CAMPUS]))

    for shown in (SECRET, "boards", "campus"):
        assert shown not in str(refused.value)


def test_an_issuer_on_this_machine_needs_no_https() -> None:
    for issuer in ("http://127.0.0.1:8080/realms/campus", "http://localhost:8080", "http://[::1]:8080"):
        assert openid([{**CAMPUS, "issuer": issuer}]).openid[0].issuer == issuer
