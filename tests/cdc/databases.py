"""The shop's database, used as its owner uses it: by the command-line client that comes with it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["postgres", "mariadb"]
REFERENCE = Path(__file__).parents[2] / "docs/cdc"
ROLE = "shoprelay_cdc"
MARK = "-- said all --"


class Session:
    """One connection that stays, for transactions that overlap."""

    def __init__(self, command: list[str]) -> None:
        self._client = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )

    def sql(self, text: str) -> str:
        """What it answers, once it has."""
        assert self._client.stdin is not None and self._client.stdout is not None
        self._client.stdin.write(f"{text};\nSELECT '{MARK}';\n")
        self._client.stdin.flush()
        lines: list[str] = []
        for line in self._client.stdout:
            if line.strip() == MARK:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the session ended: {''.join(lines)}")

    def close(self) -> None:
        assert self._client.stdin is not None and self._client.stdout is not None
        self._client.stdin.close()
        self._client.wait(timeout=15)
        self._client.stdout.close()


@dataclass
class Database:
    """`name` is the test's own; what it leaves behind in the server, `drop` removes."""

    kind: Kind
    name: str
    place: str
    """host:port"""
    others: frozenset[str] = frozenset()
    """Readers of the log when this was made. MariaDB tells neither whose they are nor, for long, that they left."""

    @property
    def schema(self) -> str:
        """The middle of its topics' names."""
        return "shop" if self.kind == "postgres" else self.name

    def sql(self, text: str) -> str:
        """Runs it to its end; the rows it answers, a line each, their columns apart by tabs."""
        return self._run(text, self.name)

    def session(self) -> Session:
        return Session(self._client(self.name))

    def create(self, password: str) -> None:
        """With the tables of the reference schema, and the replication role with a password."""
        self.others = frozenset(self._readers())
        self._run(f"CREATE DATABASE {self.name}", None)
        self.sql((REFERENCE / f"reference-{self.kind}.sql").read_text())
        if self.kind == "postgres":
            self.sql(f"ALTER ROLE {ROLE} PASSWORD '{password}'")
        else:
            self.sql(f"SET PASSWORD FOR {ROLE} = PASSWORD('{password}')")

    def drop(self) -> None:
        """Of PostgreSQL with its slot, which holds the log back for as long as it exists."""
        if self.kind == "postgres":
            self._run(f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE {self._ours}", None)
            self._run(f"DROP DATABASE {self.name} WITH (FORCE)", None)
        else:
            self._run(f"DROP DATABASE {self.name}; REVOKE ALL ON {self.name}.* FROM {ROLE}", None)

    @property
    def streams(self) -> bool:
        """A connector reads its log, so the snapshot is behind it."""
        return bool(self._readers() - self.others)

    @property
    def in_use(self) -> bool:
        """Of PostgreSQL: a connector still holds its slot."""
        slots = f"SELECT slot_name FROM pg_replication_slots WHERE active AND {self._ours}"
        return self.kind == "postgres" and self._run(slots, None) != ""

    def _readers(self) -> set[str]:
        if self.kind == "mariadb":
            asked = "SELECT id FROM information_schema.processlist WHERE command = 'Binlog Dump'"
        else:
            slots = "pg_replication_slots JOIN pg_stat_replication ON pid = active_pid"
            asked = f"SELECT active_pid FROM {slots} WHERE state = 'streaming' AND {self._ours}"
        return set(self._run(asked, None).split())

    @property
    def _ours(self) -> str:
        return f"database = '{self.name}'"

    def _run(self, text: str, database: str | None) -> str:
        done = subprocess.run(self._client(database), input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _client(self, database: str | None) -> list[str]:
        host, _, port = self.place.rpartition(":")
        if self.kind == "postgres":
            name = f"dbname={database or 'postgres'} options='-c timezone=UTC'"
            return [
                "psql",
                "-XAtq",
                "-F",
                "\t",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                host,
                "-p",
                port,
                "-U",
                "postgres",
                name,
            ]
        client = ["mariadb", "--no-defaults", "--protocol=tcp", "-h", host, "-P", port, "-u", "root", "-BNn"]
        client.append("--init-command=SET time_zone = '+00:00'")
        return [*client, "--default-character-set=utf8mb4", *([database] if database else [])]
