"""Runs a module until it ends or its parent does: `python -m pipelines.schedule.ends_with_parent prefect version`.

The parent keeps the other end of this process' standard input open. The kernel closes it when the parent is gone, however it
ended, so a parent that is killed leaves nothing behind.
"""

import os
import runpy
import signal
import sys
import threading
import time

_SECONDS_TO_END = 15.0


def main() -> None:
    threading.Thread(target=_wait_for_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _wait_for_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_SECONDS_TO_END)
    os._exit(1)


if __name__ == "__main__":
    main()
