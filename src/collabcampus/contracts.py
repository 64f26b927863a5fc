"""What is published and generated from the code: JSON Schema of events and commands, OpenAPI, AsyncAPI, the rules,
the errors and the settings.

`python -m collabcampus.contracts ROOT` writes them; a test holds that the files are what this writes.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from collabcampus import settings_manual
from collabcampus.app import Application
from collabcampus.domain.commands import COMMANDS
from collabcampus.domain.events import EVENT_TYPES
from collabcampus.refusals import refusals
from collabcampus.rules import rules
from collabcampus.settings import Settings
from collabcampus.sockets import described, payloads

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def contracts() -> dict[str, str]:
    """Paths from the project's root, and the contents there."""
    commands = {name: payloads.shape(kind) for name, kind in COMMANDS.items()}
    written = {
        "events.json": _schemas(EVENT_TYPES),
        "commands.json": _schemas(commands),
        "openapi.json": _openapi(),
        "asyncapi.json": described.asyncapi(),
    }
    schemas = {
        f"schema/contracts/{name}": json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for name, content in written.items()
    }
    return {
        **schemas,
        "docs/rules.md": rules(),
        "docs/errors.md": refusals(),
        "docs/settings.md": settings_manual.page(),
    }


def _schemas(kinds: dict[str, Any]) -> dict[str, Any]:
    """One schema for each name: an event's type in the log, a command's name on the socket."""
    references, components = msgspec.json.schema_components(kinds.values(), ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": dict(zip(kinds, references, strict=True)),
        "$defs": components,
    }


def _openapi() -> dict[str, Any]:
    described: dict[str, Any] = Application(Settings(), "").http().openapi_schema.to_schema()
    return described


if __name__ == "__main__":
    for path, text in contracts().items():
        (Path(sys.argv[1]) / path).write_text(text)
