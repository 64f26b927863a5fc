"""A project with one of everything, and people in every relation to it."""

import pytest

from running import Person, Server
from world import People, World


@pytest.fixture(scope="module")
def people(server: Server) -> People:
    return People(server.url)


@pytest.fixture
def world(people: People) -> World:
    return World(people)


@pytest.fixture
def path(world: World) -> str:
    """Where the project is."""
    return f"/api/projects/{world.project}"


@pytest.fixture
def owner(people: People) -> Person:
    return people["owner"]


@pytest.fixture
def editor(people: People) -> Person:
    return people["editor"]


@pytest.fixture
def viewer(people: People) -> Person:
    return people["viewer"]


@pytest.fixture
def outsider(people: People) -> Person:
    return people["outsider"]
