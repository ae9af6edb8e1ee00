"""Build `.venv` from the pinned packages of requirements/ and go on inside it, with the standard library only.

A stamp file in `.venv` names the pins that were installed last, so that the next start installs nothing. A mark file
exists while packages are being installed: a start that finds it knows that an installation was interrupted, and
builds the environment anew. A lock lets one process install at a time; pip inherits it, so that it outlives a killed
start.

CONSOLE_VENV=none uses the Python and the packages as they are (containers, packagers); CONSOLE_VENV=/a/directory
keeps the environment there instead of in `.venv`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
NEED_TEST_PACKAGES = {"test", "lint"}
COVERS = {"run": ["run"], "test": ["run", "test"]}  # requirements/test.txt holds all of run.txt


def enter(pins: str) -> None:
    """Return inside an environment that has the packages of requirements/<pins>.txt.

    If this process is not inside, or they have to be installed first, it is replaced by one that is.
    """
    wanted = os.environ.get("CONSOLE_VENV", "")
    if wanted == "none":
        return
    venv = Path(wanted).absolute() if wanted else BASE / ".venv"
    inside = Path(sys.prefix).resolve() == venv.resolve()
    if not is_current(venv, pins):
        with hold_lock() as lock:
            if not is_current(venv, pins):
                try:
                    build(venv, pins, lock)
                except OSError as error:
                    sys.exit(f"CONSOLE_VENV: the environment cannot be made in {venv}: {error.strerror or error}")
        inside = False  # modules that this process has imported may have been replaced on the disk
    if not inside:
        python = str(venv / "bin" / "python")
        sys.stdout.flush()
        os.execv(python, [python, *sys.orig_argv[1:]])


# --- What is installed ---------------------------------------------------------------------------------------
def compute_fingerprint(pins: str) -> str:
    text = (BASE / "requirements" / f"{pins}.txt").read_bytes()
    return hashlib.sha256(text).hexdigest()


def is_current(venv: Path, pins: str) -> bool:
    """Tell whether `venv` holds exactly these pins, and its Python is still the one it was made with."""
    try:
        stamp = json.loads((venv / "stamp.json").read_text())
        home = Path(stamp["python"])
        return stamp["pins"].get(pins) == compute_fingerprint(pins) and home == (venv / "bin" / "python").resolve(
            strict=True
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def write_stamp(venv: Path, pins: str) -> None:
    stamp = {
        "python": str((venv / "bin" / "python").resolve()),
        "pins": {name: compute_fingerprint(name) for name in COVERS[pins]},
    }
    temporary = venv / "stamp.json.new"
    temporary.write_text(json.dumps(stamp, indent=2))
    temporary.replace(venv / "stamp.json")


@contextlib.contextmanager
def hold_lock() -> Iterator[int]:
    """Hold the lock of this checkout. The directory itself is locked, so that no lock file is left behind."""
    lock = os.open(BASE, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is installing the packages; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


# --- Installing ----------------------------------------------------------------------------------------------
def build(venv: Path, pins: str, lock: int) -> None:
    """Install the pins in `venv`; make it anew if an earlier installation was interrupted or its Python has gone."""
    mark = venv / "installing"
    if venv.exists() and any(venv.iterdir()) and not mark.exists() and not (venv / "pyvenv.cfg").exists():
        sys.exit(f"CONSOLE_VENV: {venv} holds other files; an environment is made in a directory of its own.")
    (venv / "stamp.json").unlink(missing_ok=True)
    if mark.exists() or not is_working(venv):
        make(venv, mark, lock)
    mark.touch()
    install(venv, BASE / "requirements" / f"{pins}.txt", lock)
    write_stamp(venv, pins)
    mark.unlink()


def is_working(venv: Path) -> bool:
    """Tell whether `venv` has pip and a Python that is new enough."""
    python = venv / "bin" / "python"
    if not python.exists():
        return False
    check = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", check], stderr=subprocess.DEVNULL, check=False).returncode == 0


def make(venv: Path, mark: Path, lock: int) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"Python's venv module is incomplete here. On Debian: apt-get install python{version}-venv")
    say(f"Making {venv.name} ...")
    venv.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for entry in venv.iterdir():
        if entry != mark:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    python = getattr(sys, "_base_executable", None) or sys.executable
    made = subprocess.run(
        [python, "-m", "venv", venv],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[lock],
        check=False,
    )
    if made.returncode:
        sys.exit(f"{made.stdout}\nThe environment could not be made in {venv}.")


def install(venv: Path, pins: Path, lock: int) -> None:
    """Run pip and show its progress."""
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "--no-input", "-r", str(pins)]
    command += ["--progress-bar", "off", "--disable-pip-version-check"]
    pip = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[lock],
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PIP_ROOT_USER_ACTION": "ignore"},
    )
    began = time.monotonic()
    output = follow(pip, venv, total=len(re.findall(r"^[A-Za-z0-9]", pins.read_text(), re.MULTILINE)))
    if pip.returncode:
        sys.exit(
            "\n".join(output.splitlines()[-15:])
            + f"\n\nThe packages of {pins.relative_to(BASE)} could not be installed; the next start tries again."
        )
    say(f"Installed the packages in {time.monotonic() - began:.0f} s.")


def follow(pip: subprocess.Popen[bytes], venv: Path, total: int) -> str:
    """Read pip's output to its end, show the progress, and return the output."""
    progress, output, before = Progress(), b"", count_packages(venv)
    with pip, selectors.DefaultSelector() as waiting:
        assert pip.stdout
        waiting.register(pip.stdout, selectors.EVENT_READ)
        while True:
            if waiting.select(timeout=0.3):
                chunk = os.read(pip.stdout.fileno(), 65536)
                if not chunk:
                    break
                output += chunk
            collected = re.search(rb"^Installing collected packages: (.*)", output, re.MULTILINE)
            if collected:
                progress.show("Installing", count_packages(venv) - before, collected[1].count(b",") + 1)
            else:
                found = re.findall(rb"^(?:Collecting|Requirement already satisfied:|Ignoring) ", output, re.MULTILINE)
                progress.show("Fetching", len(found), total)
        pip.wait()
    progress.clear()
    return output.decode(errors="replace")


def count_packages(venv: Path) -> int:
    return len(list(venv.glob("lib/python*/site-packages/*.dist-info")))


class Progress:
    """Progress of an installation: one line that is rewritten on a terminal, elsewhere a line for each quarter."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last: tuple[str, int] | None = None

    def show(self, doing: str, done: int, total: int) -> None:
        done = max(0, min(done, total))
        step = (doing, done if self.live else done * 4 // total)
        if step == self.last:
            return
        self.last = step
        line = f"{doing}: {done} of {total} packages"
        if self.live:
            sys.stderr.write(f"\r{line}\033[K")
        else:
            say(line)

    def clear(self) -> None:
        if self.live:
            sys.stderr.write("\r\033[K")


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")  # not to stdout, where a program may read the command's own output
