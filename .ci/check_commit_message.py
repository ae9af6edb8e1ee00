#!/usr/bin/env python3
"""Checks the form of a commit message: `area: Imperative sentence` in 72 characters, an empty line, then why.

It reads one message from a file (git's commit-msg hook), or every message of a range such as `main..HEAD`.
"""

import re
import subprocess
import sys
from pathlib import Path

LONGEST = 72
SUBJECT = re.compile(r"[a-z][a-z0-9 -]*: [A-Z].*[^.]")
GENERATED = re.compile(r"(Merge|Revert|fixup!|squash!) ?")


def find_problems(message: str) -> list[str]:
    """Return what is wrong with a message, in words; nothing if it is well formed."""
    lines = [line for line in message.rstrip().split("\n") if not line.startswith("#")]
    subject = lines[0] if lines else ""
    if GENERATED.match(subject):
        return []
    problems = []
    if not SUBJECT.fullmatch(subject):
        problems.append("the subject is not `area: Imperative sentence`, without a full stop")
    if len(subject) > LONGEST:
        problems.append(f"the subject has {len(subject)} characters; at most {LONGEST} are shown whole")
    if len(lines) > 1 and lines[1]:
        problems.append("the second line must be empty")
    return problems


def read_messages(source: str) -> dict[str, str]:
    """Return the messages to check, by what they are called in a complaint."""
    if Path(source).is_file():
        return {source: Path(source).read_text(encoding="utf-8")}
    command = ["git", "log", "--format=%h%x01%B%x00", source]
    log = subprocess.run(command, capture_output=True, text=True, check=True)
    entries = [entry.strip("\n").partition("\1") for entry in log.stdout.split("\0") if entry.strip()]
    return {commit: message for commit, _, message in entries}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: check_commit_message.py FILE|RANGE\n")
        return 2
    wrong = {name: find_problems(message) for name, message in read_messages(arguments[0]).items()}
    for name, problems in wrong.items():
        for problem in problems:
            sys.stderr.write(f"{name}: {problem}\n")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
