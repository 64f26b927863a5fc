"""Every setting says what it is, in the help of `serve` and in the document."""

import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from collabcampus.cli import cli
from collabcampus.settings import PREFIX, Settings
from collabcampus.settings_manual import described, for_help, page

VARIABLES = [PREFIX + each.upper() for each in Settings.__struct_fields__]


def test_every_setting_is_described_once_and_in_its_order() -> None:
    assert [each.variable for each in described()] == VARIABLES
    for each in described():
        assert len(each.description) > 10
        assert not each.description.endswith("."), each.variable


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_help_and_the_document_name_each(variable: str) -> None:
    for text in (for_help(), page()):
        assert len(re.findall(rf"{variable}\b", text)) == 1


def test_the_terminal_shows_it_all() -> None:
    shown = " ".join(CliRunner().invoke(cli, ["serve", "--help"], env={"COLUMNS": "100"}).stdout.split())

    for each in described():
        assert f"{each.variable}{f' ({each.default})' if each.default else ''}: {each.description}." in shown


def test_what_is_in_effect_unless_set_is_what_the_settings_have() -> None:
    shown = {each.variable: each.default for each in described()}

    for each in msgspec.structs.fields(Settings):
        if isinstance(each.default, int | str):
            assert shown[PREFIX + each.name.upper()].lower() == str(each.default).lower()


def test_the_readme_leads_to_the_document() -> None:
    assert "docs/settings.md" in (Path(__file__).parents[1] / "README.md").read_text()
