"""Members over HTTP."""

import uuid

import pytest

from answering import done, items, made, pages, problem
from running import Person
from world import People, World


@pytest.fixture
def members(path: str) -> str:
    return f"{path}/members"


def test_a_member_comes_by_address_changes_and_goes(members: str, owner: Person, outsider: Person) -> None:
    added = made(owner.http.post(members, json={"email": outsider.email.upper(), "role": "viewer"}))
    assert added == {"userId": outsider.user_id, "name": "Outsider", "role": "viewer"}
    assert [each["name"] for each in items(outsider, members)] == ["Owner", "Viewer", "Editor", "Outsider"]
    assert pages(outsider, members) == items(outsider, members)

    changed = done(owner.http.patch(f"{members}/{outsider.user_id}", json={"role": "editor"}))
    assert changed == {**added, "role": "editor"}

    gone = owner.http.delete(f"{members}/{outsider.user_id}")
    assert list(gone.json()) == ["position"]
    assert problem(outsider.http.get(members)) == (404, "project_not_found")


def test_a_member_may_leave_whatever_the_role_and_takes_the_assignments_along(
    world: World, members: str, owner: Person, viewer: Person
) -> None:
    owner.http.patch(f"/api/tasks/{world.task}", json={"assignees": [viewer.user_id]})

    assert viewer.http.delete(f"{members}/{viewer.user_id}").status_code == 200

    assert problem(viewer.http.get(members)) == (404, "project_not_found")
    assert owner.http.get(f"/api/tasks/{world.task}").json()["assignees"] == []


def test_the_last_owner_stays(members: str, owner: Person) -> None:
    assert problem(owner.http.delete(f"{members}/{owner.user_id}")) == (409, "last_owner")
    assert problem(owner.http.patch(f"{members}/{owner.user_id}", json={"role": "viewer"})) == (409, "last_owner")


def test_ownership_goes_from_one_to_another(members: str, owner: Person, editor: Person) -> None:
    promoted = done(owner.http.post(f"{members}/{editor.user_id}/ownership"))

    assert promoted == {"userId": editor.user_id, "name": "Editor", "role": "owner"}
    assert {each["userId"]: each["role"] for each in items(owner, members)}[owner.user_id] == "editor"
    assert problem(owner.http.post(f"{members}/{editor.user_id}/ownership")) == (403, "role_too_low")


def test_somebody_who_is_no_member_cannot_be_changed_or_promoted(
    members: str, owner: Person, outsider: Person
) -> None:
    for nobody in (outsider.user_id, str(uuid.uuid4())):
        changed = owner.http.patch(f"{members}/{nobody}", json={"role": "viewer"})
        assert problem(changed) == (404, "member_not_found")
        assert problem(owner.http.post(f"{members}/{nobody}/ownership")) == (404, "member_not_found")


def test_who_is_added_is_registered_named_once_and_no_member_yet(
    people: People, members: str, owner: Person, editor: Person, outsider: Person
) -> None:
    nobody = {"email": "nobody@example.org", "role": "viewer"}
    assert problem(owner.http.post(members, json=nobody)) == (404, "user_not_found")
    assert problem(owner.http.post(members, json={"role": "viewer"})) == (422, "invalid_payload")
    both = {"email": outsider.email, "userId": outsider.user_id, "role": "viewer"}
    assert problem(owner.http.post(members, json=both)) == (422, "invalid_payload")
    assert problem(owner.http.post(members, json={"userId": editor.user_id, "role": "viewer"})) == (
        409, "already_member",
    )  # fmt: skip
    assert problem(owner.http.post(members, json={"userId": outsider.user_id, "role": "king"})) == (
        400, "invalid_body",
    )  # fmt: skip


def test_who_may_not_add_does_not_learn_who_is_registered(members: str, editor: Person, outsider: Person) -> None:
    for person, expected in ((editor, (403, "role_too_low")), (outsider, (404, "project_not_found"))):
        for email in ("nobody@example.org", outsider.email):
            assert problem(person.http.post(members, json={"email": email, "role": "viewer"})) == expected
