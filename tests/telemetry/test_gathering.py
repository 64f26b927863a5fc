"""What workers tell is put together as it is: each line says whose it is, and who says nothing is down."""

import asyncio
from pathlib import Path

from prometheus_client.exposition import generate_latest

from collabcampus.telemetry.gathering import Family, Sample, Told, ask, merged, telling

WITHIN_S = 0.1


def of(value: float) -> Told:
    """What a worker tells that has this many rooms."""
    return Told(None, [Family("collabcampus_rooms", "Rooms", "gauge", [Sample("collabcampus_rooms", {}, value)])])


class _Scraped:
    def __init__(self, *told: tuple[str, Told | None]) -> None:
        self._told = told

    def collect(self) -> object:
        return merged(self._told)


def text(*told: tuple[str, Told | None]) -> list[str]:
    """A scrape's lines."""
    return generate_latest(_Scraped(*told)).decode().splitlines()  # type: ignore[arg-type]


def test_a_family_is_there_once_with_a_line_of_each_worker() -> None:
    lines = text(("0", of(3)), ("1", of(4)))

    assert [each for each in lines if "collabcampus_rooms" in each] == [
        "# HELP collabcampus_rooms Rooms", "# TYPE collabcampus_rooms gauge",
        'collabcampus_rooms{worker="0"} 3.0', 'collabcampus_rooms{worker="1"} 4.0',
    ]  # fmt: skip


def test_who_says_nothing_is_down_and_has_no_other_lines() -> None:
    lines = [each for each in text(("0", Told("it is draining", [])), ("1", None)) if not each.startswith("#")]

    assert lines == [
        'collabcampus_worker_up{worker="0"} 1.0', 'collabcampus_worker_up{worker="1"} 0.0',
        'collabcampus_ready{worker="0"} 0.0',
    ]  # fmt: skip


async def test_a_worker_tells_whoever_connects_why_it_is_not_ready(tmp_path: Path, anyio_backend: object) -> None:
    async def why_not() -> str | None:
        return "it is draining"

    async with telling(tmp_path / "0.sock", why_not):
        told = await ask(tmp_path / "0.sock")

    assert told
    assert told.why_not == "it is draining"
    assert "collabcampus_command_seconds" in {each.name for each in told.families}
    assert await ask(tmp_path / "0.sock") is None


async def test_what_hangs_or_talks_nonsense_does_not_answer(tmp_path: Path, anyio_backend: object) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense")
        writer.close()

    for number, answer in enumerate((silent, nonsense)):
        path = tmp_path / str(number)
        async with await asyncio.start_unix_server(answer, path):
            assert await ask(path, WITHIN_S) is None


async def test_a_worker_serves_although_it_cannot_tell(tmp_path: Path, anyio_backend: object) -> None:
    async def why_not() -> str | None:
        return None

    async with telling(tmp_path / ("long" * 50) / "0.sock", why_not):
        assert await ask(tmp_path / ("long" * 50) / "0.sock") is None
