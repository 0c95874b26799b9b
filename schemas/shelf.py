"""What the embedded registry keeps: every subject's versions, in one file that is replaced as a whole."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any, TextIO

from schemas.layout import parse
from schemas.registry import INCOMPATIBLE, INVALID_VERSION, SCHEMA_NOT_FOUND, SUBJECT_NOT_FOUND, VERSION_NOT_FOUND
from schemas.resolution import Difference, differences


class Refusal(Exception):
    """An answer with Confluent's error body; the HTTP status is the first three digits of the code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Shelf:
    """All subjects in one file, `registry.json`, replaced as a whole, so a crash leaves the old or the new one."""

    def __init__(self, folder: Path, level: str = "BACKWARD_TRANSITIVE") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "registry.json"
        self.lock = _lock(folder / "registry.lock")
        kept = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.schemas: list[str] = kept.get("schemas", [])
        self.subjects: dict[str, list[int]] = kept.get("subjects", {})
        self.level: str = kept.get("level", level)
        self.levels: dict[str, str] = kept.get("levels", {})

    def close(self) -> None:
        self.lock.close()

    def save(self) -> None:
        state = {"schemas": self.schemas, "subjects": self.subjects, "level": self.level, "levels": self.levels}
        fresh = self.file.with_suffix(".new")
        with fresh.open("w") as out:
            json.dump(state, out)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.file)

    def text(self, schema_id: int) -> str:
        if not 1 <= schema_id <= len(self.schemas):
            raise Refusal(SCHEMA_NOT_FOUND, f"Schema {schema_id} not found")
        return self.schemas[schema_id - 1]

    def versions(self, subject: str) -> list[int]:
        if subject not in self.subjects:
            raise Refusal(SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return self.subjects[subject]

    def find(self, subject: str, version: str) -> dict[str, Any]:
        ids = self.versions(subject)
        if version != "latest" and not version.isdigit():
            raise Refusal(INVALID_VERSION, f"The specified version '{version}' is not a valid version id.")
        number = len(ids) if version == "latest" else int(version)
        if not 1 <= number <= len(ids):
            raise Refusal(VERSION_NOT_FOUND, f"Version {version} not found.")
        return {"subject": subject, "version": number, "id": ids[number - 1], "schema": self.text(ids[number - 1])}

    def lookup(self, subject: str, schema: str) -> dict[str, Any]:
        for number, schema_id in enumerate(self.versions(subject), 1):
            if self.text(schema_id) == schema:
                return {"subject": subject, "version": number, "id": schema_id, "schema": schema}
        raise Refusal(SCHEMA_NOT_FOUND, "Schema not found")

    def register(self, subject: str, schema: str) -> int:
        ids = self.subjects.get(subject, [])
        for schema_id in ids:
            if self.text(schema_id) == schema:
                return schema_id
        found = self.problems(subject, schema, ids)
        if found:
            raise Refusal(INCOMPATIBLE, f"Incompatible with an earlier version of '{subject}': {'; '.join(found)}")
        if schema not in self.schemas:
            self.schemas.append(schema)
        schema_id = self.schemas.index(schema) + 1
        self.subjects.setdefault(subject, []).append(schema_id)
        self.save()
        return schema_id

    def problems(self, subject: str, schema: str, earlier: list[int], *, all_of_them: bool = False) -> list[str]:
        level = self.levels.get(subject, self.level)
        if not all_of_them and not level.endswith("TRANSITIVE"):
            earlier = earlier[-1:]
        new = parse(schema)
        said: list[Difference] = []
        for old in (parse(self.text(schema_id)) for schema_id in earlier):
            if level.startswith(("BACKWARD", "FULL")):
                said += differences(old, new)
            if level.startswith(("FORWARD", "FULL")):
                said += differences(new, old)
        return [str(each) for each in dict.fromkeys(said)]


def _lock(path: Path) -> TextIO:
    held = path.open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise RuntimeError(f"{path.parent}: another embedded registry uses this folder; stop it first") from None
    return held
