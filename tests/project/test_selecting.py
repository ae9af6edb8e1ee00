"""`manage.py test --fast` leaves out what is slow, which is seen from what a test asks for."""

from __future__ import annotations

import subprocess

import pytest

from tests import selecting

pytest_plugins = ["pytester"]
ASKING = """
import pytest

@pytest.fixture
def httpserver(): ...

@pytest.fixture
def receiver(httpserver): ...

def test_fast(): ...

@pytest.mark.django_db
def test_fast_with_a_database(): ...

@pytest.mark.django_db(transaction=True)
def test_slow_as_it_commits(): ...

@pytest.mark.slow
def test_slow_as_it_says_so(): ...

@pytest.mark.redis
def test_slow_as_it_needs_redis(): ...

def test_slow_as_it_has_a_server(httpserver): ...

def test_slow_as_it_has_a_server_behind_a_fixture(receiver): ...
"""
FILES = {
    "test_asking.py": ASKING,
    "test_processes.py": "import subprocess\n\ndef test_slow_as_it_may_start_processes(): ...",
    "test_commands.py": "from tests.project.processes import Command\n\ndef test_slow_as_it_starts_commands(): ...",
    "test_clock.py": "from tests.project.processes import within\n\ndef test_fast_with_a_helper(): ...",
    "browser/test_looks.py": "def test_slow_as_it_stands_beside_browsers(): ...",
    "faults/test_counts.py": "def test_slow_as_it_stands_beside_faults(): ...",
}


def test_what_a_test_asks_for_makes_it_slow(pytester: pytest.Pytester) -> None:
    for name, text in FILES.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = pytester.inline_genitems("-p", "no:randomly")[0]
    items = [item for item in found if isinstance(item, pytest.Function)]
    assert len(items) == "".join(FILES.values()).count("def test_")
    assert {item.name for item in items if selecting.is_slow(item)} == {
        item.name for item in items if item.name.startswith("test_slow")
    }


def test_a_process_of_a_fast_test_is_refused() -> None:
    with selecting.no_processes(), pytest.raises(pytest.fail.Exception, match="starts no process"):
        subprocess.run(["true"], check=True)
    assert subprocess.run(["true"], check=True).returncode == 0
