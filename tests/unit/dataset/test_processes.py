"""Processes of data preparation, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from myna.dataset.processes import deaf, processes

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "pthread_sigmask"), reason="Windows holds no signals back"
)

_SLOW = "import time; print('up', flush=True); time.sleep(0.5)"


def test_ctrl_c_waits_for_the_end() -> None:
    reached = []

    def interrupted() -> None:
        with deaf():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached


def test_it_waits_whichever_thread_the_signal_finds() -> None:
    reached, asleep = [], threading.Event()
    other = threading.Thread(target=asleep.wait)
    other.start()
    assert other.ident is not None

    def interrupted() -> None:
        with deaf():
            signal.pthread_kill(other.ident, signal.SIGINT)
            time.sleep(0.1)
            reached.append(True)

    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        asleep.set()
        other.join()
    assert reached
    assert signal.getsignal(signal.SIGINT) is before


def test_a_process_that_is_starting_does_not_hear_it() -> None:
    with deaf():
        child = subprocess.Popen([sys.executable, "-c", _SLOW], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child:
        assert child.stdout.readline().strip() == b"up"
        child.send_signal(signal.SIGINT)
    assert child.returncode == 0


def test_they_compute_with_one_thread() -> None:
    with processes(1) as pool, deaf():
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
