"""Settings come from the environment, and a wrong one is refused by its name and without its value."""

import sys

import pytest

from collabcampus.settings import BadSetting, Settings, load, unknown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMMAND_RATE", "-1"),
        ("COMMAND_RATE", "fast"),
        ("COMMAND_BURST", "499"),
        ("SOCKETS_PER_USER", "-1"),
        ("SOCKETS_PER_ADDRESS", "1.5"),
        ("PROXIES", "*"),
        ("PROXIES", "127.0.0.1,proxy.example"),
        ("PROXIES", "10.0.0.0/33"),
        ("PROXIES", "0.0.0.0/0"),
        ("PROXIES", "127.0.0.1,::/0"),
        ("PROXIES", "0.0.0.0/1,128.0.0.0/1"),
        ("OPENID_REDIRECTS", "*"),
        ("OPENID_REDIRECTS", "https://campus.example/in,https://*.campus.example/in"),
        ("ORIGINS", "https://campus.example/"),
        ("ORIGINS", "http://localhost:3000,https://campus.example/boards"),
        ("ORIGINS", "https://somebody@campus.example"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name.lower()):
        load({f"COLLABCAMPUS_{name}": value})


def test_zero_is_no_limit_and_a_burst_may_be_the_least() -> None:
    settings = load({"COLLABCAMPUS_COMMAND_RATE": "0", "COLLABCAMPUS_COMMAND_BURST": "500"})

    assert (settings.command_rate, settings.command_burst) == (0, 500)


def test_proxies_are_addresses_and_networks() -> None:
    assert load({}).proxies == ()
    settings = load({"COLLABCAMPUS_PROXIES": "127.0.0.1, 10.1.2.3/8, 2001:DB8::0/32"})
    assert settings.proxies == ("127.0.0.1", "10.0.0.0/8", "2001:db8::/32")


GOOD = {
    "BUS": [
        "nats://127.0.0.1:4222", "tls://campus:p%40ss@nats.example.org", "nats://[::1]:4222/campus-a",
        "nats://a:4222,nats://b:4222, nats://c:4222/campus/",
    ],
    "MAIL": [
        "file:///srv/mail", "file:///srv/some%20mail", "smtp://mail.example.org", "smtp://127.0.0.1:25/",
        "smtps://user:p%40ss@mail.example.org:465", "smtp://user:pass@[::1]:65000",
    ],
    "MAIL_FROM": ["campus@example.org", "Campus <campus@example.org>", "Our Campus <no-reply@mail.example.org>"],
    "LINKS_TO": ["https://boards.example.org", "http://127.0.0.1:8000", "https://example.org/app/"],
    "REGISTRATION": ["open", "closed", "invitation", "example.edu", "example.edu,sub.example.org", "a.de, b.de"],
    "VERIFIED_ADDRESSES": ["true", "false", "1", "0"],
}  # fmt: skip
BAD = {
    "BUS": ["nats.example.org", "redis://127.0.0.1", "nats://", "nats://a:70000", "nats://a,b", "nats://a/b/c", "nats://a/b.c",
            "nats://a/b,nats://c", "nats://a b"],
    "MAIL": ["mail.example.org", "http://example.org", "file://relative", "smtp://user:secret@mail example.org",
             "smtp://mail:notaport", "smtp://mail.example.org:70000", "smtp://a/b"],
    "MAIL_FROM": ["campus", "a@b\r\nBcc: c@d", "a@b, c@d", "a@b\n", "<>"],
    "LINKS_TO": ["boards.example.org", "javascript:alert(1)", "https://example.org/#a", "https://example.org/?a",
                 "https://user@example.org", "https://example.org/a b"],
    "REGISTRATION": ["nobody", "example", "a.de,,b.de", ",", "a.de b.de"],
    "VERIFIED_ADDRESSES": ["perhaps"],
}  # fmt: skip


def table(values: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, each) for name, several in values.items() for each in several]


@pytest.mark.parametrize(("name", "value"), table(GOOD))
def test_a_setting_is_taken(name: str, value: str) -> None:
    taken = getattr(load({f"COLLABCAMPUS_{name}": value}), name.lower())

    assert taken == (value in ("true", "1") if name == "VERIFIED_ADDRESSES" else value)


@pytest.mark.parametrize(("name", "value"), table(BAD))
def test_a_wrong_setting_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as refused:
        load({f"COLLABCAMPUS_{name}": value})

    assert name.lower() in str(refused.value)
    assert "regex" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_variable_that_is_no_setting_is_found_and_every_setting_is_one() -> None:
    settings = {f"COLLABCAMPUS_{name.upper()}": "1" for name in Settings.__struct_fields__}
    others = {"COLLABCAMPUS_VENV": "/venv", "COMMAND_RATE": "1", "PATH": "/bin"}

    assert unknown({**settings, **others}) == []
    assert unknown({**settings, **others, "COLLABCAMPUS_COMAND_RATE": "1", "COLLABCAMPUS_data": "x"}) == [
        "COLLABCAMPUS_COMAND_RATE",
        "COLLABCAMPUS_data",
    ]


def test_a_wrong_shape_is_told_what_is_taken_instead() -> None:
    for name, said in (
        ("REGISTRATION", "open, closed, invitation, or domains"),
        ("MAIL", "smtp://user:password@host"),
    ):
        with pytest.raises(BadSetting, match=said):
            load({f"COLLABCAMPUS_{name}": "nonsense"})


def test_a_bus_whose_library_is_not_there_is_refused_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)

    with pytest.raises(BadSetting, match=r"pip install 'collabcampus\[nats\]'"):
        load({"COLLABCAMPUS_BUS": "nats://127.0.0.1:4222"})
