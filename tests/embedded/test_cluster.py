"""Our own PostgreSQL: started, shared, killed at any point, and stopped by whoever leaves last."""

import multiprocessing
import os
import pwd
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from collabcampus.embedded import Cluster, EmbeddedUnavailable, find_binaries
from collabcampus.embedded.binaries import DEBIAN
from conftest import remove_cluster

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to somebody else")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder; what was placed elsewhere for it goes with it."""
    made = tmp_path / "data"
    yield made
    remove_cluster(made)


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


def test_the_server_is_safe_and_nobody_reaches_it_over_the_network(folder: Path) -> None:
    with Cluster(folder) as cluster:
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


def _join(folder: Path, ready: "multiprocessing.Barrier", told: "multiprocessing.Queue[int]") -> None:  # type: ignore[name-defined,valid-type]
    with Cluster(folder) as cluster:
        told.put(int(str(value(cluster, "SELECT pg_postmaster_start_time()::text <> '' AND true")) == "True"))
        told.put(postmaster(folder))
        ready.wait(30)


def test_five_processes_at_once_get_one_server_and_the_last_one_out_stops_it(folder: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ready, told = spawn.Barrier(5), spawn.Queue()
    processes = [spawn.Process(target=_join, args=(folder, ready, told)) for _ in range(5)]
    for each in processes:
        each.start()
    heard = [told.get(timeout=30) for _ in range(10)]
    for each in processes:
        each.join(30)

    assert len(set(heard) - {1}) == 1, "they saw more than one server"
    assert all(each.exitcode == 0 for each in processes)
    with Cluster(folder) as cluster:
        assert postmaster(folder) not in heard, "the last one out did not stop it"
        assert cluster.alive()


def test_the_first_to_leave_leaves_the_server_to_the_others(folder: Path) -> None:
    with Cluster(folder) as second:
        with Cluster(folder):
            first_server = postmaster(folder)
        assert second.alive()
        assert postmaster(folder) == first_server


def _start_and_die(folder: Path) -> None:
    Cluster(folder).start()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_server_whose_starter_was_killed_is_joined_and_stopped_by_the_next(folder: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_start_and_die, args=(folder,))
    process.start()
    process.join(30)
    orphan = postmaster(folder)

    with Cluster(folder) as cluster:
        assert postmaster(folder) == orphan
    assert not cluster.alive()


def test_a_killed_server_is_seen_to_be_dead_and_comes_back_with_its_data(folder: Path) -> None:
    with Cluster(folder) as cluster:
        write(cluster)
        os.kill(postmaster(folder), signal.SIGKILL)
        while cluster.alive():
            pass

        assert cluster.ensure()
        assert not cluster.ensure()
        assert value(cluster, "SELECT n FROM kept") == 42


def test_looking_whether_it_lives_disturbs_nobody_who_starts_it(folder: Path) -> None:
    watcher = Cluster(folder)
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
            with Cluster(folder) as cluster:
                assert value(cluster, "SELECT 1") == 1
    finally:
        looking.clear()
        watching.join()


def test_a_server_is_not_started_again_by_one_who_has_left_it(folder: Path) -> None:
    with Cluster(folder) as cluster:
        pass

    assert not cluster.ensure()
    assert not cluster.alive()


def test_another_processs_id_in_the_pid_file_fools_nobody(folder: Path) -> None:
    with Cluster(folder) as cluster:
        write(cluster)
    (cluster._data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster._data}\n0\n5432\n")

    with Cluster(folder) as again:
        assert value(again, "SELECT n FROM kept") == 42


@pytest.mark.parametrize("name", ["with blank", 'it\'s "quoted"', "ünï, cödé", "x" * 120, "back\\slash"])
def test_any_path_will_do(folder: Path, name: str) -> None:
    odd = folder / name
    try:
        with Cluster(odd) as cluster:
            assert value(cluster, "SELECT 1") == 1
    finally:
        remove_cluster(odd)


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

    with pytest.raises(EmbeddedUnavailable, match="nonsense"):
        Cluster(folder).start()


@as_root
def test_as_root_the_server_is_somebody_elses_and_no_folder_is_opened_for_it(folder: Path, tmp_path: Path) -> None:
    modes = {each: each.stat().st_mode for each in [tmp_path, *tmp_path.parents]}
    with Cluster(folder):
        owner = Path(f"/proc/{postmaster(folder)}").stat().st_uid

    assert pwd.getpwuid(owner).pw_name in {"postgres", "nobody"}
    assert {each: each.stat().st_mode for each in modes} == modes


@as_root
@pytest.mark.skipif(not list(DEBIAN.glob("*/bin/postgres")), reason="no binaries that everybody can reach")
def test_without_root_it_runs_as_oneself(tmp_path_factory: pytest.TempPathFactory) -> None:
    nobody = pwd.getpwnam("nobody")
    source = Path(find_binaries.__code__.co_filename).parents[2]
    script = textwrap.dedent("""
        import os, sys, tempfile
        from pathlib import Path
        os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]))
        from collabcampus.embedded import Cluster
        from collabcampus.embedded.binaries import DEBIAN, find_binaries
        binaries = find_binaries(sorted(DEBIAN.glob("*/bin"))[-1])
        with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder) / "data", binaries) as cluster:
            pid = next(Path(folder).glob("data/postgres/*/postmaster.pid")).read_text().split()[0]
            print(os.stat(f"/proc/{pid}").st_uid)
    """)
    code = f"import sys; sys.path.insert(0, {str(source)!r}); import psycopg, collabcampus.embedded\n{script}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(nobody.pw_uid), str(nobody.pw_gid)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.stdout.strip(), done.returncode) == (str(nobody.pw_uid), 0), done.stderr
