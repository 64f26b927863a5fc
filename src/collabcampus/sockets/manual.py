"""The description of the sockets as a page to read: made of the AsyncAPI document, with nothing to load."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from collabcampus import documented
from collabcampus.documented import kind, text
from collabcampus.sockets.described import asyncapi


@cache
def page() -> bytes:
    """The page as HTML."""
    described = asyncapi()
    return documented.page(described["info"]["title"], _body(described))


def _body(described: dict[str, Any]) -> Iterator[str]:
    yield f"<p>{text(described['info']['description'])}</p>"
    yield '<p>The same as <a href="asyncapi.json">AsyncAPI</a>; the HTTP calls are <a href="../schema">here</a>.</p>'
    messages = described["components"]["messages"]
    for action, title in (("receive", "What clients send"), ("send", "What clients hear")):
        operations = {name: each for name, each in described["operations"].items() if each["action"] == action}
        yield f"<h2>{title}</h2><nav>"
        yield "<br>".join(f'<a href="#{name}"><code>{each["title"]}</code></a>' for name, each in operations.items())
        yield "</nav>"
        for name, operation in operations.items():
            yield from _operation(name, operation, messages)
    yield from documented.schemas(described["components"]["schemas"])


def _operation(name: str, operation: dict[str, Any], messages: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{name}"><code>{operation["title"]}</code></h3><p>{text(operation["summary"])}</p>'
    yield f"<p>Payload: {kind(messages[name]['payload'])}</p>"
    if "reply" in operation:
        answers = [messages[each["$ref"].rpartition("/")[2]]["payload"] for each in operation["reply"]["messages"]]
        yield f"<p>Acknowledgement: {' or '.join(map(kind, answers))}</p>"
