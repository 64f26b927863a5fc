"""The description of the sockets as a page to read: made of the AsyncAPI document, with nothing to load."""

import json
from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Any

from collabcampus.sockets.described import asyncapi

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code { font-family: ui-monospace, monospace; font-size: .9em }
h3 { margin: 2rem 0 0 } h2 { margin-top: 3rem; border-bottom: 1px solid }
table { border-collapse: collapse; margin: .5rem 0 } td { padding: .15rem 1rem .15rem 0; vertical-align: top }
p { margin: .3rem 0 } nav { columns: 14rem }
"""


@cache
def page() -> bytes:
    """The page as HTML."""
    described = asyncapi()
    title = escape(described["info"]["title"])
    body = "\n".join(_body(described))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>\n{body}</body></html>\n"
    ).encode()


def _body(described: dict[str, Any]) -> Iterator[str]:
    yield f"<p>{_text(described['info']['description'])}</p>"
    yield '<p>The same as <a href="asyncapi.json">AsyncAPI</a>; the HTTP calls are <a href="../schema">here</a>.</p>'
    messages = described["components"]["messages"]
    for action, title in (("receive", "What clients send"), ("send", "What clients hear")):
        operations = {name: each for name, each in described["operations"].items() if each["action"] == action}
        yield f"<h2>{title}</h2><nav>"
        yield "<br>".join(f'<a href="#{name}"><code>{each["title"]}</code></a>' for name, each in operations.items())
        yield "</nav>"
        for name, operation in operations.items():
            yield from _operation(name, operation, messages)
    yield "<h2>Schemas</h2>"
    for name, schema in described["components"]["schemas"].items():
        yield f'<h3 id="schema-{name}">{name}</h3><p>{_text(schema.get("description", ""))}</p>{_fields(schema)}'


def _operation(name: str, operation: dict[str, Any], messages: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{name}"><code>{operation["title"]}</code></h3><p>{_text(operation["summary"])}</p>'
    yield f"<p>Payload: {_type(messages[name]['payload'])}</p>"
    if "reply" in operation:
        answers = [messages[each["$ref"].rpartition("/")[2]]["payload"] for each in operation["reply"]["messages"]]
        yield f"<p>Acknowledgement: {' or '.join(map(_type, answers))}</p>"


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = (
        f"<tr><td><code>{escape(name)}</code>{'' if name in required else '?'}</td>"
        f"<td>{_type(each)}</td><td>{_text(each.get('description', ''))}</td></tr>"
        for name, each in schema.get("properties", {}).items()
    )
    return f"<table>{''.join(rows)}</table>"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words, those with names of their own as links."""
    match schema:
        case {"$ref": reference}:
            name = escape(reference.rpartition("/")[2])
            return f'<a href="#schema-{name}">{name}</a>'
        case {"anyOf": several} | {"oneOf": several}:
            return " or ".join(map(_type, several))
        case {"allOf": [first, *_]}:
            return f"({_type(first)}) with its <code>event</code>"
        case {"enum": values}:
            return " or ".join(f"<code>{escape(json.dumps(each))}</code>" for each in values)
        case {"const": value}:
            return f"<code>{escape(json.dumps(value))}</code>"
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"{_type(values)} by key"
        case {"type": kind}:
            return str(kind)
        case _:
            return "anything"


def _text(text: str) -> str:
    """Prose, with what is in backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if nth % 2 else part for nth, part in enumerate(parts))
