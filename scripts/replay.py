#!/usr/bin/env python3
"""Folds a project's history by itself, over HTTP, and shows the board as it was.

An example of what the history is good for, with nothing but Python's standard library: the events come oldest first
and carry new values, so a board is their merge, left to right. At the end it asks the server for the board of the
same position, and exits 1 where the two differ.

    COLLABCAMPUS_TOKEN=… scripts/replay.py http://127.0.0.1:8000 PROJECT --at 2026-11-25T10:00:00Z
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TIMEOUT_S = 60
Board = dict[str, Any]
Event = dict[str, Any]


def main() -> int:
    """0: the server shows the same; 1: it does not, or refuses; 2: misuse."""
    asked = arguments()
    board: Board = {"position": 0, "name": "", "columns": [], "tasks": {}}
    try:
        for event in history(asked):
            if is_later(event, asked):
                break
            merge(board, event)
        same = mine(board) == theirs(asked, board["position"])
    except HTTPError as error:
        print(f"{error.code}: {error.read().decode()}", file=sys.stderr)
        return 1
    show(board)
    print("the server shows the same" if same else "the server shows another board", file=sys.stderr)
    return 0 if same else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("server", help="such as http://127.0.0.1:8000")
    parser.add_argument("project", help="the project's id")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--position", type=int, help="as it was right after this event")
    when.add_argument("--at", type=datetime.fromisoformat, help="as it was at this moment, with a time zone")
    asked = parser.parse_args()
    if asked.at and asked.at.tzinfo is None:
        parser.error("--at needs a time zone, such as the Z of 2026-11-25T10:00:00Z")
    return asked


def get(asked: argparse.Namespace, path: str, accept: str) -> Any:
    """An open answer; HTTPError for a refusal, with its problem+json as the body."""
    headers = {"Authorization": f"Bearer {os.environ.get('COLLABCAMPUS_TOKEN', '')}", "Accept": accept}
    return urlopen(Request(f"{asked.server}/api/projects/{asked.project}/{path}", headers=headers), timeout=TIMEOUT_S)


def history(asked: argparse.Namespace) -> Iterator[Event]:
    """The events, oldest first, one in memory at a time."""
    with get(asked, "events", "application/x-ndjson") as answer:
        for line in answer:
            yield json.loads(line)


def is_later(event: Event, asked: argparse.Namespace) -> bool:
    """Whether this and all that follows is beyond what was asked for: the server has the same rule."""
    if asked.at:
        return bool(datetime.fromisoformat(event["at"]) > asked.at)
    return asked.position is not None and event["position"] > asked.position


def merge(board: Board, event: Event) -> None:
    """One more event. Those that put nothing else on the board only move the position."""
    values, tasks = event["data"], board["tasks"]
    match event["type"]:
        case "ProjectCreated" | "ProjectEdited":
            board |= {name: values[name] for name in ("name", "columns") if name in values}
        case "ColumnAdded" | "ColumnEdited" | "ColumnMoved" | "ColumnRemoved":
            board["columns"] = values["columns"]
        case "ColumnRebalanced":
            for task_id, rank in values["ranks"].items():
                tasks.get(task_id, {})["rank"] = rank
        case "TaskCreated":
            tasks[event["key"]] = values
        case "TaskEdited" | "TaskMoved" | "TaskAssigned" | "TaskArchived" | "TaskRestored":
            tasks.get(event["key"], {}).update(values)
        case "TaskDeleted":
            tasks.pop(event["key"], None)
    board["position"] = event["position"]


def mine(board: Board) -> list[tuple[str, list[str]]]:
    """The titles of each column, in their order: ranks sort bytewise."""
    there = [each for each in board["tasks"].values() if not each.get("archived")]
    there.sort(key=lambda each: (each["rank"].encode(), each["taskId"]))
    return [
        (column["name"], [each["title"] for each in there if each["status"] == column["id"]])
        for column in board["columns"]
    ]


def theirs(asked: argparse.Namespace, position: int) -> list[tuple[str, list[str]]]:
    """The same of the server's own board at that position."""
    with get(asked, f"board?position={position}", "application/json") as answer:
        board = json.load(answer)
    return mine({**board, "tasks": {each["taskId"]: each for each in board["tasks"]}})


def show(board: Board) -> None:
    print(f"{board['name']} at position {board['position']}")
    for name, titles in mine(board):
        print(f"\n{name} ({len(titles)})")
        for title in titles:
            print(f"  {title}")


if __name__ == "__main__":
    sys.exit(main())
