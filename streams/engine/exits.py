"""How a worker ends when it cannot go on, and the thread that notices when it no longer moves.

Nothing after the last commit counts as done, so ending at any moment is safe, and safer than going on in doubt. The
process
ends without running stop hooks: they would wait for the very thing that is stuck.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from typing import NoReturn

log = logging.getLogger("streams.engine")

STOPPED = 0
MISCONFIGURED = 2
FATAL = 70


def end(reason: str, *, code: int, exc: BaseException | None = None) -> NoReturn:
    """Say why, and end the process with `code` at once."""
    level = logging.WARNING if code == STOPPED else logging.CRITICAL
    log.log(level, "ending the process (exit %d): %s", code, reason, exc_info=exc)
    with contextlib.suppress(Exception):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def fatal(reason: str, exc: BaseException | None = None) -> NoReturn:
    """End with exit code 70: whoever supervises us starts us again, and the group's last commit is where we go on."""
    end(reason, code=FATAL, exc=exc)


class Watchdog(threading.Thread):
    """Ends the process when its event loop has not run for a whole session.

    Without the loop there was no heartbeat, so the group has given our partitions to somebody else: a handler that
    blocks, or a
    process that was stopped and continued, must not touch them again. The clock is monotonic and runs on while we are
    stopped.
    """

    def __init__(self, session_seconds: float) -> None:
        super().__init__(name="engine-watchdog", daemon=True)
        self._session = session_seconds
        self._beat = time.monotonic()
        self._stop_by = float("inf")

    def beat(self) -> None:
        """The event loop runs. Called by the engine about twice a second."""
        self.check()
        self._beat = time.monotonic()

    def check(self) -> None:
        """Called before anything is written for the partitions we believe to own."""
        silent = time.monotonic() - self._beat
        if silent > self._session:
            fatal(f"the event loop did not run for {silent:.1f} s, longer than a session of {self._session} s")

    def run(self) -> None:
        while True:
            time.sleep(min(0.5, self._session / 4))
            if time.monotonic() > self._stop_by:
                end("stopping took too long; what was not committed will be handled again", code=STOPPED)
            self.check()

    def begin(self) -> None:
        self._beat = time.monotonic()
        self.start()

    def stop_within(self, seconds: float) -> None:
        """The process is stopping: from now on it has this long."""
        self._stop_by = min(self._stop_by, time.monotonic() + seconds)
