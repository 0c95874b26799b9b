"""Writes the form of a platform's folder. Nothing is overwritten, and nothing outside the folder is touched."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

FORM = "form"
SUFFIX = ".form"


class Unwritable(Exception):
    """The folder cannot be written: names the field, the value and the remedy."""


def write(name: str, sinks: Path) -> list[Path]:
    """The files written, in `sinks/<name>/`. Raises `Unwritable`."""
    _check(name, sinks)
    words = {"name": name, "NAME": name.upper(), "Title": _title(name), "Class": "".join(_parts(name))}
    written = []
    for inside, text in _forms(files(__package__) / FORM, Path()):
        path = sinks / name / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_in_order(Template(text).substitute(words)))
        written.append(path)
    return written


def _forms(folder: Traversable, inside: Path) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            found += _forms(each, inside / each.name)
        elif each.name.endswith(SUFFIX):
            found.append((inside / each.name.removesuffix(SUFFIX), each.read_text()))
    return found


def _in_order(text: str) -> str:
    """The place of `sinks.<name>` among the imports depends on the name."""
    lines = text.splitlines(keepends=True)
    ours = [nth for nth, line in enumerate(lines) if line.startswith(("from schemas", "from sinks"))]
    imports = sorted((lines[nth] for nth in ours), key=lambda line: line.split()[1])
    for nth, line in zip(ours, imports, strict=True):
        lines[nth] = line
    return "".join(lines)


def _check(name: str, sinks: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,29}", name) or keyword.iskeyword(name):
        raise Unwritable(f"NAME {name!r}: small letters, digits and _, beginning with a letter, at most 30: acme")
    if not (sinks.parent / "pyproject.toml").is_file():
        raise Unwritable(f"{sinks}: not in a checkout of the repository; a sink is written where it is kept")
    if (sinks / f"{name}.py").exists():
        raise Unwritable(f"NAME {name!r}: sinks/{name}.py belongs to the kit; take another name")
    if (sinks / name).exists():
        raise Unwritable(f"NAME {name!r}: sinks/{name}/ is there already; delete it, or take another name")


def _parts(name: str) -> list[str]:
    return [part.capitalize() for part in name.split("_") if part]


def _title(name: str) -> str:
    return " ".join(_parts(name))
