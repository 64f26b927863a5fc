"""The description of the calls as a page to read: made of the OpenAPI document, with nothing to load."""

from collections.abc import Iterator
from html import escape
from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from collabcampus import documented
from collabcampus.documented import kind, text

METHODS = ("get", "post", "put", "patch", "delete")


class ManualPlugin(OpenAPIRenderPlugin):
    """Serves the page at `/schema`; the usual renderers are scripts from somebody's network."""

    def __init__(self) -> None:
        super().__init__(path="/manual")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page as HTML."""
        return documented.page(openapi_schema["info"]["title"], _body(openapi_schema))


def _body(described: dict[str, Any]) -> Iterator[str]:
    yield f"<p>{text(described['info']['description'])}</p>"
    yield '<p>The same as <a href="/schema/openapi.json">OpenAPI</a>.</p>'
    yield '<p>The sockets are described <a href="/schema/sockets">here</a>.</p>'
    calls = [(f"{method.upper()} {path}", each[method]) for path, each in described["paths"].items()
             for method in METHODS if method in each]  # fmt: skip
    yield "<nav>"
    yield "<br>".join(f'<a href="#{each["operationId"]}"><code>{escape(name)}</code></a>' for name, each in calls)
    yield "</nav>"
    for name, operation in calls:
        yield from _call(name, operation)
    yield from documented.schemas(described["components"]["schemas"])


def _call(name: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{operation["operationId"]}"><code>{escape(name)}</code></h3>'
    yield f"<p>{text(operation.get('summary', ''))}</p><p>{text(operation.get('description', ''))}</p>"
    takes = operation.get("parameters", ())
    if takes:
        fields = {each["name"]: {**each["schema"], "description": each.get("description", "")} for each in takes}
        required = [each["name"] for each in takes if each.get("required")]
        yield documented.fields({"properties": fields, "required": required})
    if "requestBody" in operation:
        yield f"<p>Body: {_content(operation['requestBody'])}</p>"
    for status, answer in operation["responses"].items():
        yield f"<p><code>{status}</code> {text(answer.get('description', ''))} {_content(answer)}</p>"


def _content(described: dict[str, Any]) -> str:
    return " or ".join(kind(each["schema"]) for each in described.get("content", {}).values() if "schema" in each)
