"""Where a request comes from: the peer's address, noted for the security log."""

from litestar.types import ASGIApp, Receive, Scope, Send

from collabcampus.identity.security_log import peer


def noting_peers(app: ASGIApp) -> ASGIApp:
    """Middleware: while a request is answered, `peer` is its client's address, as the server saw it."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        peer.set(client[0] if client else None)
        await app(scope, receive, send)

    return noting
