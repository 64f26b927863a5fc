"""The published contracts are what the code does."""

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from collabcampus.contracts import contracts
from collabcampus.domain import commands as c
from running import Server
from strategies import as_sent, commands

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "schema" / "contracts"


@pytest.mark.parametrize("path", contracts())
def test_the_files_are_what_the_code_generates(path: str) -> None:
    assert (ROOT / path).read_text() == contracts()[path], "run scripts/contracts"


def test_the_server_serves_the_same_openapi(server: Server) -> None:
    served = httpx.get(f"{server.url}/schema/openapi.json").json()

    assert served == msgspec.json.decode((FOLDER / "openapi.json").read_bytes())


@given(commands().filter(lambda each: not isinstance(each, c.NEVER_SENT)))
def test_every_command_fits_its_schema_and_nothing_more_does(command: c.Command) -> None:
    published: dict[str, Any] = msgspec.json.decode((FOLDER / "commands.json").read_bytes())
    name = next(name for name, kind in c.COMMANDS.items() if kind is type(command))
    schema = Draft202012Validator({**published["properties"][name], "$defs": published["$defs"]})
    sent = msgspec.json.decode(msgspec.json.encode(as_sent(command)))

    assert schema.is_valid(sent)
    assert not schema.is_valid({**sent, "actor": "somebody"})
