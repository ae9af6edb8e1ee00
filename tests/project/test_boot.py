"""Boot makes and keeps `.venv`: real environments, with one tiny package of our own, so that nothing is fetched."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from notifications_project import boot
from tests.project.processes import BASE, clean_environment

pytestmark = pytest.mark.sqlite_only  # no database is concerned: once is enough
PROBE = """
import json, os, sys
from notifications_project import boot
print(os.getpid(), file=sys.stderr)
boot.enter("run")
print(json.dumps({"prefix": sys.prefix, "pid": os.getpid(), "arguments": sys.argv[1:]}))
"""
OUTSIDE = getattr(sys, "_base_executable", sys.executable)  # the Python that .venv was made with


def environment(checkout: Path) -> dict[str, str]:
    clean = clean_environment()
    clean.pop("CONSOLE_VENV", None)  # the suite's own environment would be changed
    return clean | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(checkout), "PIP_CONFIG_FILE": "/dev/null"}


def make_wheel(directory: Path) -> str:
    """Make an empty package; return the line that pins it."""
    wheel = directory / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        archive.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.dist-info/RECORD", "")
    return f"tiny==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout in which everything has been started once."""
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / "notifications_project").mkdir()
    (checkout / "requirements").mkdir()
    shutil.copy(BASE / "notifications_project" / "boot.py", checkout / "notifications_project")
    line = make_wheel(checkout)
    for pins in ("run", "test"):
        (checkout / "requirements" / f"{pins}.txt").write_text(f"# {pins}\n{line}")
    (checkout / "probe.py").write_text(PROBE)
    first = subprocess.run(
        [OUTSIDE, "probe.py"], cwd=checkout, env=environment(checkout), capture_output=True, check=False
    )
    assert first.returncode == 0, first.stderr
    assert b"Making .venv" in first.stderr
    return checkout


@pytest.fixture
def checkout(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "checkout", symlinks=True))


@pytest.fixture
def probe(checkout: Path) -> Callable[..., subprocess.Popen[str]]:
    def start(*arguments: str, python: str = OUTSIDE, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [python, "probe.py", *arguments],
            cwd=checkout, env=environment(checkout) | settings, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


def ends(process: subprocess.Popen[str]) -> tuple[dict, str]:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out), err


def stamp(checkout: Path) -> dict:
    return json.loads((checkout / ".venv" / "stamp.json").read_text())["pins"]


def test_it_goes_on_inside_as_the_same_process_and_installs_nothing_again(checkout: Path, probe: Callable) -> None:
    process = probe("up", "--port", "1")
    answer, err = ends(process)
    assert answer == {"prefix": str(checkout / ".venv"), "pid": process.pid, "arguments": ["up", "--port", "1"]}
    assert err.split() == [str(process.pid)] * 2  # began outside, began inside, said nothing


def test_started_with_its_own_python_it_stays(checkout: Path, probe: Callable) -> None:
    process = probe(python=str(checkout / ".venv" / "bin" / "python"))
    answer, err = ends(process)
    assert answer["prefix"] == str(checkout / ".venv")
    assert err.split() == [str(process.pid)]


def test_changed_pins_are_installed_into_what_there_is(checkout: Path, probe: Callable) -> None:
    (checkout / ".venv" / "kept").touch()
    pins = checkout / "requirements" / "run.txt"
    pins.write_text(f"{pins.read_text()}# changed\n")
    _, err = ends(probe())
    assert "Installed the packages" in err
    assert "Making" not in err
    assert (checkout / ".venv" / "kept").exists()
    assert "Installed" not in ends(probe())[1]


def test_an_interrupted_installation_is_begun_anew(checkout: Path, probe: Callable) -> None:
    (checkout / ".venv" / "stamp.json").unlink()
    (checkout / ".venv" / "installing").touch()
    (checkout / ".venv" / "half").mkdir()
    _, err = ends(probe())
    assert "Making .venv" in err
    assert not (checkout / ".venv" / "half").exists()
    assert not (checkout / ".venv" / "installing").exists()
    assert stamp(checkout)


def test_after_one_was_killed_while_it_installed_two_at_once_repair_it_once(checkout: Path, probe: Callable) -> None:
    shutil.rmtree(checkout / ".venv")
    process = probe()
    assert process.stderr
    while "Making" not in process.stderr.readline():
        pass
    process.kill()
    process.communicate()
    answers = [ends(process) for process in [probe(), probe()]]
    assert {answer["prefix"] for answer, _ in answers} == {str(checkout / ".venv")}
    assert sum("Making" in err for _, err in answers) == 1
    assert any("waiting for it" in err for _, err in answers)


def test_an_environment_whose_python_has_gone_is_of_no_use(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    assert boot.is_working(checkout / ".venv")
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert not boot.is_current(checkout / ".venv", "run")
    assert not boot.is_working(checkout / ".venv")


def test_packages_that_do_not_install_are_told_and_tried_again(checkout: Path, probe: Callable) -> None:
    pins = checkout / "requirements" / "run.txt"
    right = pins.read_text()
    pins.write_text(right.replace("tiny==1", "tiny==2"))
    process = probe()
    out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert "requirements/run.txt could not be installed; the next start tries again." in err
    pins.write_text(right)
    ends(probe())


def test_an_installation_for_tests_is_one_for_running_too(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "BASE", made)
    before = (made / ".venv" / "stamp.json").read_text()
    boot.write_stamp(made / ".venv", "test")
    assert boot.is_current(made / ".venv", "test")
    assert boot.is_current(made / ".venv", "run")
    boot.write_stamp(made / ".venv", "run")
    assert not boot.is_current(made / ".venv", "test")
    (made / ".venv" / "stamp.json").write_text(before)


def test_whoever_brings_the_packages_is_left_alone(checkout: Path, probe: Callable) -> None:
    answer, _ = ends(probe(CONSOLE_VENV="none"))
    assert answer["prefix"] != str(checkout / ".venv")


def test_the_environment_may_be_elsewhere(checkout: Path, probe: Callable, tmp_path: Path) -> None:
    shutil.move(checkout / ".venv", tmp_path / "elsewhere")
    answer, _ = ends(probe(CONSOLE_VENV=str(tmp_path / "elsewhere")))
    assert answer["prefix"] == str(tmp_path / "elsewhere")


@pytest.mark.parametrize("where", ["/proc/x", "/dev/null", "/dev/null/x"])
def test_an_environment_that_cannot_be_made_is_one_line(probe: Callable, where: str) -> None:
    process = probe(CONSOLE_VENV=where)
    _, err = process.communicate()
    told = [line for line in err.splitlines() if not line.isdecimal() and not line.startswith("Making ")]
    assert (process.returncode, len(told)) == (1, 1), err
    assert told[0].startswith(f"CONSOLE_VENV: the environment cannot be made in {where}: ")


def test_a_directory_with_other_things_is_never_emptied(probe: Callable, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "letters").touch()
    process = probe(CONSOLE_VENV=str(home))
    _, err = process.communicate()
    assert (process.returncode, err.splitlines()[1:]) == (
        1,
        [f"CONSOLE_VENV: {home} holds other files; an environment is made in a directory of its own."],
    )
    assert (home / "letters").exists()


def test_an_old_python_is_told_in_one_line(tmp_path: Path) -> None:
    """Show, without an old Python, that the check comes before any syntax that an old one cannot read."""
    source = (BASE / "manage.py").read_text()
    assert source.index("sys.version_info < (3, 11)") < source.index("from notifications_project")
    old = source.replace("(3, 11)", "(99, 0)", 1)
    (tmp_path / "manage.py").write_text(old)
    done = subprocess.run([sys.executable, tmp_path / "manage.py", "up"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("This needs Python 3.11 or newer")
