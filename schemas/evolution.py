"""The gate for changes of the language: what we can read today must include everything ever published.

`schemas/published/<name>/<version>.avsc` is a schema as it was, `<version>.jsonl` one record of every kind written with
it: the branch, the body (base64, without head) and its rendering. None of these files is ever edited.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from schemas.language import CLASSES, FILES
from schemas.layout import HERE, BadSchema, Type, compact, parse
from schemas.quantities import Unreadable
from schemas.reading import compile_reader
from schemas.resolution import differences
from schemas.samples import rendering, samples
from schemas.writing import compile_writer

PUBLISHED = Path(__file__).parent / "published"
COMMAND = "shoprelay schemas publish"


@dataclass(frozen=True, slots=True)
class Problem:
    """`version` is the published version it concerns; None when it is about the file of today alone."""

    file: str
    version: int | None
    says: str

    def __str__(self) -> str:
        return f"{self.file}{f', version {self.version}' if self.version else ''}: {self.says}"


class NotPublishable(Exception):
    """Today's schemas cannot be published; `problems` say why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def check(current: Path = HERE, published: Path = PUBLISHED) -> list[Problem]:
    """Everything that speaks against releasing the schemas as they are; empty when all is well."""
    found: list[Problem] = []
    for file in FILES:
        unreadable = list(_incompatible(file, current, published))
        found += unreadable
        if not unreadable and _unpublished(file, current, published):
            found.append(Problem(file, None, f"not published as it is now: publish it with `{COMMAND}`"))
    return found


def publish(current: Path = HERE, published: Path = PUBLISHED) -> list[Path]:
    """Writes a new version of every schema that changed. Raises NotPublishable and then writes nothing."""
    wrong = [problem for file in FILES for problem in _incompatible(file, current, published)]
    if wrong:
        raise NotPublishable(wrong)
    written: list[Path] = []
    for file, cls in FILES.items():
        if not _unpublished(file, current, published):
            continue
        text = (current / file).read_text(encoding="utf-8")
        folder = published / file.removesuffix(".avsc")
        folder.mkdir(parents=True, exist_ok=True)
        version = max(_versions(folder), default=0) + 1
        target = folder / f"{version}.avsc"
        target.with_suffix(".jsonl").write_text("".join(_sample_lines(parse(text), cls)), encoding="utf-8")
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written


def read_published(folder: Path, version: int, today: Type) -> Iterator[tuple[str, msgspec.Struct, object]]:
    """Each kept record as today's classes read it: its branch, the object, its rendering when it was published."""
    writer = parse((folder / f"{version}.avsc").read_text(encoding="utf-8"))
    read = compile_reader(writer, today, CLASSES)
    for line in (folder / f"{version}.jsonl").read_text(encoding="utf-8").splitlines():
        kept = json.loads(line)
        body = base64.b64decode(kept["body"])
        try:
            obj, end = read(body, 0)
        except (Unreadable, IndexError, UnicodeDecodeError) as wrong:
            raise NotReadable(f"{kept['branch']}: {wrong}") from None
        if end != len(body):
            raise NotReadable(f"{kept['branch']}: read {end} bytes of {len(body)}")
        yield kept["branch"], obj, kept["record"]


class NotReadable(Exception):
    """A published record is lost to today's classes."""


def _incompatible(file: str, current: Path, published: Path) -> Iterator[Problem]:
    try:
        today = parse((current / file).read_text(encoding="utf-8"))
    except (OSError, BadSchema) as wrong:
        yield Problem(file, None, f"cannot be read: {wrong}")
        return
    folder = published / file.removesuffix(".avsc")
    for version in _versions(folder):
        earlier = parse((folder / f"{version}.avsc").read_text(encoding="utf-8"))
        lost = [Problem(file, version, str(difference)) for difference in differences(earlier, today)]
        yield from lost
        if not lost:
            try:
                for _ in read_published(folder, version, today):
                    pass
            except NotReadable as wrong:
                yield Problem(file, version, str(wrong))


def _unpublished(file: str, current: Path, published: Path) -> bool:
    folder = published / file.removesuffix(".avsc")
    latest = max(_versions(folder), default=None)
    if latest is None:
        return True
    now, then = (current / file).read_text(encoding="utf-8"), (folder / f"{latest}.avsc").read_text(encoding="utf-8")
    return compact(now) != compact(then)


def _versions(folder: Path) -> list[int]:
    return sorted(int(each.stem) for each in folder.glob("*.avsc"))


def _sample_lines(layout: Type, cls: type[msgspec.Struct]) -> Iterator[str]:
    write = compile_writer(layout, CLASSES)
    for branch, obj in samples(cls):
        out: list[bytes] = []
        write(obj, out.append)
        body = base64.b64encode(b"".join(out)).decode()
        yield json.dumps({"branch": branch, "body": body, "record": rendering(obj)}, ensure_ascii=False) + "\n"
