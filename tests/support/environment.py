"""What this run of the tests is: which binary, under which sanitizer, how patient to be."""

import os
import pathlib
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("GATEWAY_BINARY", str(ROOT / "build/release/bin/gateway"))
SANITIZED = bool(os.environ.get("GATEWAY_SANITIZE"))
SLOW = bool(os.environ.get("GATEWAY_SLOW"))  # the long forms of the tests of load
PATIENCE = 6 if SANITIZED else 1.5  # how much longer than an idle release build everything may take


def scaled(count, sanitized):
    """How much work a test does: `count`, or `sanitized` of it where every step costs several times as much."""
    return sanitized if SANITIZED else count


def wait_until(condition, what, seconds=5.0):
    """Polls until condition() is true and returns what it returned; fails naming `what` after `seconds` times PATIENCE."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds * PATIENCE:g} s: {what}")
        time.sleep(0.01)


def rate(fetch, enough=None):
    """The best of several, in calls a second: a machine that others use too is slow at times. Stops when `enough` is reached."""
    best = 0.0
    for number in range(30):
        begin = time.monotonic()
        fetch()
        best = max(best, 1 / (time.monotonic() - begin))
        if number >= 5 and best >= (enough or 0):
            break
    return best
