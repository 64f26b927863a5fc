"""Every error as `application/problem+json` with a stable `code`."""

from math import ceil
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.plugins.problem_details import ProblemDetailsConfig, ProblemDetailsException, ProblemDetailsPlugin

from collabcampus.domain import errors
from collabcampus.domain.types import explained
from collabcampus.live.pace import RETRY_AFTER_S

PROBLEM_JSON = "application/problem+json"
_STATUS: dict[type[errors.Refused], int] = {
    errors.RateLimited: 429,
    errors.Unauthenticated: 401,
    errors.StalePosition: 412,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Busy: 503,
    errors.Invalid: 422,
}
OF_HTTP = {
    400: "bad_request",
    401: "token_missing",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
"""Codes of what no command was read from, by status."""
_logger = structlog.get_logger(__name__)


def _problem(status: int, code: str, title: str, extra: dict[str, Any]) -> ProblemDetailsException:
    headers = {401: {"WWW-Authenticate": "Bearer"}}.get(status)
    if status in (429, 503):
        headers = {"Retry-After": str(ceil(extra.get("retryAfter", RETRY_AFTER_S)))}
    said = {**extra, "code": code}
    assert not {"status", "type", "title", "detail"} & set(extra), "a detail would hide what every problem has"
    return ProblemDetailsException(
        status_code=status, type_="about:blank", title=title, detail=title, headers=headers, extra=said
    )


def status_of(refused: type[errors.Refused]) -> int:
    """The status of a kind of refusal."""
    return next((status for kind, status in _STATUS.items() if issubclass(refused, kind)), 422)


def of_refused(refused: errors.Refused) -> ProblemDetailsException:
    """The problem of a declined command."""
    return _problem(status_of(type(refused)), refused.code, refused.message, refused.details)


def _of_http(error: HTTPException) -> ProblemDetailsException:
    code = OF_HTTP.get(error.status_code, "internal_error" if error.status_code >= 500 else "bad_request")
    title = explained(error.detail) if error.status_code < 500 else "The server failed."
    return _problem(error.status_code, code, title.partition(" for ")[0], {})


def _of_validation(error: ValidationException) -> ProblemDetailsException:
    wrong = error.extra if isinstance(error.extra, list) else []
    reasons = [{key: explained(str(each[key])) for key in ("key", "message") if key in each} for each in wrong]
    return _problem(400, "invalid_body", "The request is not what this call takes.", {"errors": reasons})


def _of_nesting(_: RecursionError) -> ProblemDetailsException:
    return _problem(400, "bad_request", "The body is nested too deeply.", {})


def _of_anything(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    _logger.exception("request_failed", method=request.method, route=request.route_handler.name)
    return _problem(500, "internal_error", "The server failed.", {}).to_response(request)


def plugin() -> ProblemDetailsPlugin:
    """Litestar's own plugin, told how each kind of error reads."""
    return ProblemDetailsPlugin(
        ProblemDetailsConfig(
            exception_to_problem_detail_map={
                errors.Refused: of_refused,
                HTTPException: _of_http,
                ValidationException: _of_validation,
                RecursionError: _of_nesting,
            }
        )
    )


exception_handlers: dict[int | type[Exception], Any] = {Exception: _of_anything}
