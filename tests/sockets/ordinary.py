"""`collabcampus` on uvicorn's own websockets: what it does on an ASGI server that offers no wire."""

from collabcampus import app, cli

app.HandshakeProtocol = "websockets-sansio"  # type: ignore[misc, assignment]
cli.main()
