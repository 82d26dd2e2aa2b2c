"""A server of one's own: its port, and its end when the process that started it is killed."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil

from pipelines.schedule.prefect_server import free_port
from tests.closure import ROOT

STARTS = """
import subprocess, sys, time
words = [sys.executable, "-m", "pipelines.schedule.ends_with_parent", "http.server", "--bind", "127.0.0.1", "0"]
with subprocess.Popen(words, stdin=subprocess.PIPE):
    time.sleep(600)
"""


def test_the_port_is_the_wanted_one_or_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        assert free_port(wanted) not in (0, wanted)
    assert free_port(wanted) == wanted


def test_what_is_started_ends_when_the_process_that_started_it_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert "Serving HTTP" in str(process.stdout and process.stdout.readline())
        (server,) = psutil.Process(process.pid).children()
        os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "it is still there"
        time.sleep(0.1)
