"""Where mailed links lead unless a frontend is set: two pages that bring the token and say what came of it.

The token is in the fragment of their address, which no server is sent, and the page takes it out of there.
"""

import base64
import hashlib
from html import escape

from litestar.handlers import HTTPRouteHandler

from collabcampus import documented
from collabcampus.http.documents import published
from collabcampus.http.security_headers import PAGE
from collabcampus.identity.letters import RESET_PAGE, VERIFY_PAGE

SCRIPT = """
const form = document.querySelector("form");
const told = document.querySelector("output");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);
if (!token) {
  form.remove();
  told.textContent = "There is no code in this address. Open the link in the mail once more.";
}
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  told.textContent = "One moment …";
  try {
    const answer = await fetch(form.dataset.call, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token, password: form.elements.password.value }),
    });
    form.hidden = answer.ok;
    told.textContent = answer.ok ? form.dataset.done : (await answer.json()).detail;
  } catch {
    told.textContent = "The server cannot be reached right now. Try again shortly.";
  }
});
"""
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = f"{PAGE}; connect-src 'self'; script-src 'sha256-{_HASH}'"
"""This one script runs, and it calls this server alone."""


def pages() -> list[HTTPRouteHandler]:
    """Both of them."""
    verify = _page(
        "Confirm your e-mail address", "email/verify", "The address is confirmed. You can close this page.",
        '<label>Your password <input name="password" type="password" '
        'autocomplete="current-password" required></label>',
        "Confirm",
    )  # fmt: skip
    reset = _page(
        "Set a new password", "password/reset", "The password is set. Sign in with it wherever you use CollabCampus.",
        '<label>New password, 12 characters or more <input name="password" type="password" '
        'autocomplete="new-password" required></label>',
        "Set it",
    )  # fmt: skip
    return [
        published(f"/{VERIFY_PAGE}", "text/html", lambda _: verify, POLICY),
        published(f"/{RESET_PAGE}", "text/html", lambda _: reset, POLICY),
    ]


def _page(title: str, call: str, done: str, field: str, button: str) -> bytes:
    return documented.page(
        title,
        [
            f'<form method="post" data-call="{call}" data-done="{escape(done)}">',
            f"{field} <button>{button}</button></form>",
            '<p><output role="status"></output></p>',
            f"<script>{SCRIPT}</script>",
        ],
    )
