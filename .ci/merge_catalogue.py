"""Merge two versions of a catalogue of translations entry by entry, also of a compiled one. It needs GNU gettext.

git calls it once `git config merge.catalogue.driver "python3 .ci/merge_catalogue.py %O %A %B"` was said.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_COMPILED = b"\xde\x12\x04\x95"  # how a .mo file begins


def main(arguments: list[str]) -> int:
    base, ours, theirs = map(Path, arguments)
    is_compiled = ours.read_bytes().startswith(_COMPILED)
    merged, disputed = merge(*(read_entries(path) for path in (base, ours, theirs)))
    text = run("msgcat", "--no-wrap", "--sort-output", "-", given="\n\n".join(merged) + "\n")
    if is_compiled:
        run("msgfmt", "-o", str(ours), "-", given=text)
    else:
        ours.write_text(text, encoding="utf-8")
        for entry in disputed:
            sys.stderr.write(f"Both sides translated this otherwise:\n{entry}\n")
    return 1 if disputed and not is_compiled else 0


def merge(base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]) -> tuple[list[str], list[str]]:
    """Give the entries that stand after the merge, and those that both sides changed in different ways."""
    merged, disputed = [], []
    for text in {**ours, **theirs}:
        before, our, their = base.get(text), ours.get(text), theirs.get(text)
        entry = their if our == before else our
        if our != before and their != before and our != their:
            disputed.append(f"{our}\n{their}")
        if entry is not None:
            merged.append(entry)
    return merged, disputed


def read_entries(path: Path) -> dict[str, str]:
    """Read a catalogue's entries by their original text, with its context."""
    content = path.read_bytes()
    if content.startswith(_COMPILED):
        content = run("msgunfmt", "--no-wrap", str(path)).encode()
    entries = {}
    for entry in content.decode().strip().split("\n\n"):
        lines = [line for line in entry.splitlines() if not line.startswith("#")]
        original = "\n".join(lines).partition("\nmsgstr")[0]
        if original:
            entries[original] = entry
    return entries


def run(*command: str, given: str = "") -> str:
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
