#!/usr/bin/env python3
"""Audits a database of CollabCampus and prints what does not hold.

An example of how to audit from a program of one's own, in a nightly job or on a restored backup, say: `audit` reads
one snapshot and changes nothing, so a replica will do, and a user who may only read. What holds, what does not, and
how much was looked at is a line on standard output each; the exit status is 0 where all holds, 1 where something does
not, 2 where it could not be asked. Run it with a Python that has CollabCampus:

    .venv/bin/python scripts/audit.py postgresql://auditor@127.0.0.1:5432/collabcampus

`collabcampus audit` does the same, and holds the log against signed checkpoints too.
"""

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collabcampus.log import verify

CONNECTIONS = 2
EACH_S = 5.0


def main() -> int:
    """0: it holds; 1: it does not; 2: misuse, or no answer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("database", help="how to reach PostgreSQL, as psql takes it")
    database = parser.parse_args().database
    import psycopg  # only now, so that --help is there without it

    try:
        audited = asyncio.run(audit(database))
    except psycopg.Error as error:
        print(error, file=sys.stderr)
        return 2
    for finding in audited.findings:
        print(f"{finding.project_id}  {finding.check}: {finding.what}")
    print(f"{audited.projects} projects, {audited.events} events, {len(audited.findings)} findings")
    return 1 if audited.findings else 0


async def audit(database: str) -> "verify.Audited":
    """Two connections share the work: one folds every project in Python while the other checks in SQL."""
    import psycopg

    from collabcampus.log import verify

    connections = [await psycopg.AsyncConnection.connect(database, autocommit=True) for _ in range(CONNECTIONS)]
    try:
        return await verify.audit_whole(*connections, told=Shown())
    finally:
        for each in connections:
            await each.close()


class Shown:
    """Says now and then how far it is, for whoever waits."""

    def __init__(self) -> None:
        self._next = time.monotonic() + EACH_S

    def __call__(self, progress: "verify.Progress") -> None:
        if time.monotonic() > self._next:
            self._next += EACH_S
            print(f"{progress.done} of {progress.total}: {progress.step}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
