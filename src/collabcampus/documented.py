"""Descriptions as pages to read: plain HTML that loads nothing and runs nothing."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code { font-family: ui-monospace, monospace; font-size: .9em }
h3 { margin: 2rem 0 0 } h2 { margin-top: 3rem; border-bottom: 1px solid }
table { border-collapse: collapse; margin: .5rem 0 } td { padding: .15rem 1rem .15rem 0; vertical-align: top }
p { margin: .3rem 0 } nav { columns: 14rem }
"""


def page(title: str, body: Iterable[str]) -> bytes:
    """A whole page of these pieces of HTML."""
    lines = "\n".join(body)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>\n{lines}</body></html>\n"
    ).encode()


def fields(schema: dict[str, Any]) -> str:
    """The fields of an object as a table."""
    required = schema.get("required", ())
    rows = (
        f"<tr><td><code>{escape(name)}</code>{'' if name in required else '?'}</td>"
        f"<td>{kind(each)}</td><td>{text(each.get('description', ''))}</td></tr>"
        for name, each in schema.get("properties", {}).items()
    )
    return f"<table>{''.join(rows)}</table>"


def kind(schema: dict[str, Any]) -> str:
    """A schema in a few words, those with names of their own as links."""
    match schema:
        case {"$ref": reference}:
            name = escape(reference.rpartition("/")[2])
            return f'<a href="#schema-{name}">{name}</a>'
        case {"anyOf": several} | {"oneOf": several}:
            return " or ".join(map(kind, several))
        case {"allOf": [first, *_]}:
            return f"({kind(first)}) with its <code>event</code>"
        case {"enum": values}:
            return " or ".join(f"<code>{escape(json.dumps(each))}</code>" for each in values)
        case {"const": value}:
            return f"<code>{escape(json.dumps(value))}</code>"
        case {"type": "array", "items": items}:
            return f"list of {kind(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"{kind(values)} by key"
        case {"type": each}:
            return str(each)
        case _:
            return "anything"


def schemas(named: dict[str, dict[str, Any]]) -> Iterable[str]:
    """All schemas that have names."""
    yield "<h2>Schemas</h2>"
    for name, schema in named.items():
        yield f'<h3 id="schema-{name}">{name}</h3><p>{text(schema.get("description", ""))}</p>{fields(schema)}'


def text(prose: str) -> str:
    """Prose, with what is in backticks as code."""
    parts = escape(prose).split("`")
    return "".join(f"<code>{part}</code>" if nth % 2 else part for nth, part in enumerate(parts))
