"""Settings from the environment: limits and proxies that cannot be meant are refused in words."""

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
    ],
)
def test_a_limit_or_a_proxy_that_cannot_be_meant_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name.lower()):
        load({f"COLLABCAMPUS_{name}": value})


def test_zero_is_no_limit_and_a_burst_may_be_the_least() -> None:
    settings = load({"COLLABCAMPUS_COMMAND_RATE": "0", "COLLABCAMPUS_COMMAND_BURST": "500"})

    assert (settings.command_rate, settings.command_burst) == (0, 500)


def test_proxies_are_addresses_and_networks() -> None:
    assert load({}).proxies == ()
    settings = load({"COLLABCAMPUS_PROXIES": "127.0.0.1, 10.1.2.3/8, 2001:DB8::0/32"})
    assert settings.proxies == ("127.0.0.1", "10.0.0.0/8", "2001:db8::/32")


def test_a_variable_that_is_no_setting_is_found_and_every_setting_is_one() -> None:
    settings = {f"COLLABCAMPUS_{name.upper()}": "1" for name in Settings.__struct_fields__}
    others = {"COLLABCAMPUS_VENV": "/venv", "COMMAND_RATE": "1", "PATH": "/bin"}

    assert unknown({**settings, **others}) == []
    assert unknown({**settings, **others, "COLLABCAMPUS_COMAND_RATE": "1", "COLLABCAMPUS_data": "x"}) == [
        "COLLABCAMPUS_COMAND_RATE",
        "COLLABCAMPUS_data",
    ]
