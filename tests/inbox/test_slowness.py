"""A slow box, under the real server, delays no other request."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import requests
from django.conf import settings

from notifications_project.inbox.models import Box, Message
from notifications_project.runtime.start import find_free_port


@pytest.fixture
def server(transactional_db: None, database_url: str) -> Iterator[str]:
    port = find_free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "notifications_project.asgi:application", "--port", str(port)],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": database_url},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "running on" in line:
            break
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()
    process.stderr.close()


def test_others_are_answered_while_a_slow_box_lets_its_sender_wait(server: str) -> None:
    Box.objects.create(name="slow", answer=Box.Answer.SLOW)
    for _ in range(3):
        with pytest.raises(requests.ReadTimeout):
            requests.post(f"{server}/inbox/slow/", data="x", timeout=0.5)

    began = time.monotonic()
    answer = requests.post(f"{server}/inbox/demo/", data="x", timeout=10)

    assert answer.json() == {"received": True}
    assert time.monotonic() - began < 5
    assert Message.objects.filter(box__name="slow").count() == 3  # what was received was kept before the wait
