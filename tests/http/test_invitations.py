"""Invitations over HTTP: a way in for who has the secret, and for nobody else."""

import uuid
from typing import Any

import pytest

from answering import done, items, key, made, pages, problem
from running import Person, Server
from sockets.raw import RawSocket
from world import People, World


@pytest.fixture
def invitations(path: str) -> str:
    return f"{path}/invitations"


@pytest.fixture
def guest(people: People) -> Person:
    """Somebody without a place in the project."""
    return people.guest


def test_an_invitation_tells_its_secret_where_it_is_made_and_nowhere_else(
    path: str, invitations: str, owner: Person
) -> None:
    headers = key()
    body = {"role": "editor", "expiresAt": "2100-01-01", "maxUses": 2}
    made_once, again = (owner.http.post(invitations, json=body, headers=headers) for _ in range(2))
    invitation = made(made_once)

    secret = invitation.pop("secret")
    assert invitation == {
        "invitationId": invitation["invitationId"], "role": "editor", "expiresAt": "2100-01-01", "maxUses": 2,
        "uses": 0, "byAddress": False, "createdBy": owner.user_id, "createdAt": invitation["createdAt"],
    }  # fmt: skip
    assert again.json() == made_once.json()
    assert items(owner, invitations)[1] == invitation
    assert pages(owner, invitations) == items(owner, invitations)
    for read in (invitations, f"{path}/events", f"{path}/board", path):
        assert secret not in owner.http.get(read).text, read


def test_invitations_are_for_owners_to_see(
    invitations: str, editor: Person, viewer: Person, outsider: Person
) -> None:
    for member, role in ((editor, "editor"), (viewer, "viewer")):
        refused = member.http.get(invitations)
        assert problem(refused) == (403, "role_too_low")
        assert (refused.json()["role"], refused.json()["least"]) == (role, "owner")
    assert problem(outsider.http.get(invitations)) == (404, "project_not_found")


def test_the_invited_come_in_with_the_role_they_are_given(
    world: World, path: str, invitations: str, owner: Person, guest: Person
) -> None:
    accepted = guest.http.post(f"{invitations}/{world.invitation}/accept", json={"secret": world.secret})

    assert done(accepted)["members"][-1] == {"userId": guest.user_id, "name": "Guest", "role": "viewer"}
    assert guest.http.get(path).json() == accepted.json()
    assert items(owner, invitations)[0]["uses"] == 1
    again = guest.http.post(f"{invitations}/{world.invitation}/accept", json={"secret": world.secret})
    assert again.json() == accepted.json(), "a member stays what they are, and nothing is used up"


def test_whoever_has_not_the_right_secret_cannot_tell_what_there_is(
    server: Server, world: World, owner: Person, guest: Person
) -> None:
    nothing = str(uuid.uuid4())
    archived = World(world.people)
    owner.http.delete(f"/api/projects/{archived.project}")
    socket = RawSocket(server.url, guest.token)
    answers, acknowledgements = [], []
    for project, invitation, secret in [
        (world.project, world.invitation, "wrong"),
        (world.project, nothing, world.secret),
        (nothing, world.invitation, world.secret),
        (nothing, nothing, "wrong"),
        (archived.project, archived.invitation, archived.secret),
    ]:
        for headers in ({}, {"If-Match": '"1"'}):
            path = f"/api/projects/{project}/invitations/{invitation}/accept"
            answers.append(guest.http.post(path, json={"secret": secret}, headers=headers))
        asked = {"projectId": project, "invitationId": invitation, "secret": secret}
        acknowledgements.append(socket.ask("accept_invitation", asked))
    socket.close()

    assert {problem(each) for each in answers} == {(404, "invitation_not_found")}
    assert len({each.text for each in answers}) == 1
    assert acknowledgements[0]["error"]["code"] == "invitation_not_found"
    assert all(each == acknowledgements[0] for each in acknowledgements)


def test_an_invitation_to_an_address_is_nobody_elses(invitations: str, owner: Person, people: People) -> None:
    invited, other = people.guest, people["removed"]
    invitation = made(owner.http.post(invitations, json={"role": "viewer", "email": invited.email.upper()}))
    assert invitation["byAddress"] is True
    accept, body = f"{invitations}/{invitation['invitationId']}/accept", {"secret": invitation["secret"]}

    assert problem(other.http.post(accept, json=body)) == (404, "invitation_not_found")
    assert problem(invited.http.post(accept, json=body)) == (403, "address_not_verified")
    assert problem(invited.http.post(accept, json={"secret": "wrong"})) == (404, "invitation_not_found")
    invited.verified()
    assert problem(other.verified().http.post(accept, json=body)) == (404, "invitation_not_found")
    assert invited.http.post(accept, json=body).status_code == 200


def test_an_invitation_that_is_used_up_lets_nobody_in(invitations: str, owner: Person, people: People) -> None:
    invitation = made(owner.http.post(invitations, json={"role": "viewer", "maxUses": 1}))
    accept, body = f"{invitations}/{invitation['invitationId']}/accept", {"secret": invitation["secret"]}
    assert people.guest.http.post(accept, json=body).status_code == 200

    assert problem(people["outsider"].http.post(accept, json=body)) == (404, "invitation_not_found")


def test_an_invitation_that_is_revoked_lets_nobody_in(
    world: World, invitations: str, owner: Person, guest: Person
) -> None:
    gone, again = (owner.http.delete(f"{invitations}/{world.invitation}") for _ in range(2))

    assert (list(gone.json()), again.json()) == (["position"], gone.json())
    refused = guest.http.post(f"{invitations}/{world.invitation}/accept", json={"secret": world.secret})
    assert problem(refused) == (404, "invitation_not_found")


def test_an_invitation_of_another_project_is_as_unknown_as_none(
    world: World, invitations: str, owner: Person, guest: Person
) -> None:
    other = World(world.people)

    for unknown in (other.invitation, str(uuid.uuid4())):
        assert problem(owner.http.delete(f"{invitations}/{unknown}")) == (404, "invitation_not_found")
        accepted = guest.http.post(f"{invitations}/{unknown}/accept", json={"secret": other.secret})
        assert problem(accepted) == (404, "invitation_not_found")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"role": "viewer", "expiresAt": "2030-02-31"}, (422, "invalid_date")),
        ({"role": "viewer", "expiresAt": "2020-01-01"}, (422, "invalid_date")),
        ({"role": "viewer", "maxUses": 0}, (400, "invalid_body")),
        ({"role": "viewer", "email": "nobody"}, (400, "invalid_body")),
        ({"role": "viewer", "secretHash": "0"}, (400, "invalid_body")),
        ({}, (400, "invalid_body")),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(
    invitations: str, owner: Person, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert problem(owner.http.post(invitations, json=body)) == expected
