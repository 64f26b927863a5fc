"""Who may register: by each rule a server can have."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from collabcampus.app import Application, now
from collabcampus.domain import commands as c
from collabcampus.domain.errors import AddressNotVerified
from collabcampus.domain.project import Actor
from collabcampus.domain.things import Invitation
from collabcampus.identity import Identity, Invited, errors
from collabcampus.identity.letters import RESET_PAGE
from collabcampus.log.database import Database
from identity.nodes import AGENT, EMAIL, NAME, PASSWORD, Box, node
from live.asking import a_garden, made, registered

pytestmark = pytest.mark.anyio


async def came_in(identity: Identity, email: str = EMAIL, invited: Invited | None = None) -> str:
    """`in`, `verify`, or the code of the refusal."""
    try:
        signed_in = await identity.sign_up(email, NAME, PASSWORD, AGENT, invited)
    except (errors.RegistrationClosed, errors.AddressNotAllowed) as refused:
        return refused.code
    return "in" if signed_in else "verify"


async def verified(identity: Identity, box: Box) -> None:
    """Bring what was mailed."""
    await identity.post.drained()
    await identity.changes.verify_by_password(box.token(), PASSWORD)


async def test_an_open_server_takes_everybody_and_mails_what_verifies_the_address(database: Database) -> None:
    identity, box = await node(database)

    assert await came_in(identity) == "in"
    signed_in = await identity.login(EMAIL, PASSWORD, AGENT)
    assert (await identity.account(signed_in.user.id)).verified is False
    await verified(identity, box)

    assert (await identity.account(signed_in.user.id)).verified is True
    assert [each["to"] for each in box.mails] == [EMAIL]
    identity.close()


async def test_a_closed_server_takes_whom_its_operator_adds(database: Database) -> None:
    identity, box = await node(database, registration="closed")

    assert await came_in(identity) == "registration_closed"
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT, verified=True)).user

    assert (await identity.account(user.id)).verified is True
    assert box.mails == []
    identity.close()


async def test_only_people_of_the_domains_come_in_and_only_after_they_have_shown_that_they_are(
    database: Database,
) -> None:
    identity, box = await node(database, registration="Example.edu, example.org")

    for other in ("alice@example.com", "alice@sub.example.org", "example.org@example.com", "alice@xexample.org"):
        assert await came_in(identity, other) == "address_not_allowed"
    assert await came_in(identity, "Bob@EXAMPLE.edu") == "verify"
    assert await came_in(identity) == "verify"
    with pytest.raises(errors.BadCredentials):
        await identity.login(EMAIL, "not the password", AGENT)
    with pytest.raises(AddressNotVerified):
        await identity.login(EMAIL, PASSWORD, AGENT)
    await verified(identity, box)

    user = (await identity.login(EMAIL, PASSWORD, AGENT)).user
    with pytest.raises(errors.AddressNotAllowed):
        await identity.changes.email(user.id, "alice@example.com", PASSWORD)
    await identity.changes.email(user.id, "alice@example.edu", PASSWORD)
    identity.close()


async def test_where_addresses_are_verified_first_nobody_learns_who_is_registered_but_the_owner(
    database: Database,
) -> None:
    identity, box = await node(database, registration="example.org")
    await identity.register(EMAIL, NAME, PASSWORD, AGENT, verified=True)
    assert await came_in(identity, "new@example.org") == "verify"
    await identity.post.drained()

    for email in (EMAIL, "new@example.org"):
        assert await came_in(identity, email) == "verify"
        await identity.post.drained()

    assert [each["to"] for each in box.mails] == ["new@example.org", EMAIL, "new@example.org"]
    assert [each["subject"] for each in box.mails][1:] == [
        "You have an account already",
        "Confirm your e-mail address",
    ]
    assert (await identity.login(EMAIL, PASSWORD, AGENT)).user.name == NAME, "nothing of the account is another's"
    for _ in range(6):
        await came_in(identity)
        await identity.post.drained()
    assert [each["to"] for each in box.mails].count(EMAIL) == 5, "nobody fills a mailbox through us"
    identity.close()


async def test_an_open_server_signs_in_at_once_and_so_tells_that_an_address_is_taken(database: Database) -> None:
    identity, _ = await node(database)
    assert await came_in(identity) == "in"
    with pytest.raises(errors.EmailTaken):
        await came_in(identity)
    identity.close()


async def test_a_weak_password_is_refused_alike_whether_one_is_invited_or_not(application: Application) -> None:
    (owner,) = await registered(application, "Owner")
    garden = (await a_garden(application, owner)).project_id
    identity, _ = await node(application.database, registration="invitation")
    await invitation(application, owner, garden, email="invited@example.org")
    for email in ("invited@example.org", "stranger@example.org"):
        with pytest.raises(errors.WeakPassword):
            await identity.sign_up(email, NAME, "short", AGENT)
    identity.close()


async def test_a_forgotten_password_lets_in_who_never_brought_the_first_mail(database: Database) -> None:
    identity, box = await node(database, registration="example.org")
    await came_in(identity)

    identity.changes.forgot(EMAIL)
    await identity.post.drained()
    await identity.changes.reset(box.token(RESET_PAGE), PASSWORD)

    assert await identity.login(EMAIL, PASSWORD, AGENT)
    identity.close()


async def invitation(application: Application, owner: Actor, project_id: str, **bounds: object) -> Invited:
    """An invitation, as its link names it."""
    made_one: Invitation = await made(application, c.CreateInvitation("viewer", **bounds), owner, project_id)  # type: ignore[arg-type]
    secret = application.identity.invitation_secret(made_one.invitation_id)
    return Invited(made_one.invitation_id, secret)


async def test_only_the_invited_come_in_with_a_links_secret_or_by_their_address(application: Application) -> None:
    (owner,) = await registered(application, "Owner")
    garden = (await a_garden(application, owner)).project_id
    identity, box = await node(application.database, registration="invitation")
    link = await invitation(application, owner, garden)
    bound = await invitation(application, owner, garden, email="bound@example.org")

    assert await came_in(identity) == "registration_closed"
    assert await came_in(identity, invited=Invited(link.invitation_id, bound.secret)) == "registration_closed"
    assert await came_in(identity, invited=bound) == "registration_closed"
    assert await came_in(identity, invited=link) == "in"
    assert await came_in(identity, "Bound@Example.org") == "verify", "nothing shows yet that it is them"
    with pytest.raises(AddressNotVerified):
        await identity.login("bound@example.org", PASSWORD, AGENT)
    await verified(identity, box)
    assert await identity.login("bound@example.org", PASSWORD, AGENT)
    identity.close()


async def test_an_invitation_that_is_not_in_force_lets_nobody_register(application: Application) -> None:
    owner, guest = await registered(application, "Owner", "Guest")
    garden, archived = [(await a_garden(application, owner)).project_id for _ in range(2)]
    identity, _ = await node(application.database, registration="invitation")
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    used_up = await invitation(application, owner, garden, max_uses=1)
    accepted = c.AcceptInvitation(used_up.invitation_id, used_up.secret)
    revoked = await invitation(application, owner, garden)
    bound = await invitation(application, owner, garden, expires_at="2100-01-01", email=EMAIL)
    over = await invitation(application, owner, garden, expires_at=soon)
    in_archive = await invitation(application, owner, archived)
    for each in (used_up, revoked, in_archive):
        assert await came_in(identity, f"{each.invitation_id}@example.org", each) == "in"

    await made(application, accepted, guest, garden)
    await made(application, c.RevokeInvitation(revoked.invitation_id), owner, garden)
    await made(application, c.ArchiveProject(), owner, archived)
    for nth, each in enumerate((used_up, revoked, in_archive)):
        assert await came_in(identity, f"{nth}@example.org", each) == "registration_closed"

    assert await came_in(identity, EMAIL, bound) == "in"
    while now() <= soon:  # noqa: ASYNC110 - a clock offers no event
        await asyncio.sleep(0.01)
    assert await came_in(identity, "over@example.org", over) == "registration_closed"
    identity.close()
