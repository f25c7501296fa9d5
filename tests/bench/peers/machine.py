"""What the kernel says of a process and its children: CPU time and memory; and processes bound to CPUs."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import time

from support.process import Process

TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Cpu:
    """Seconds of CPU."""
    user: float
    system: float

    def __sub__(self, earlier):
        return Cpu(self.user - earlier.user, self.system - earlier.system)

    def __add__(self, other):
        return Cpu(self.user + other.user, self.system + other.system)


def parse_stat(text):
    """The CPU time in a line of /proc/PID/stat: of all threads, and of children that have ended and were waited for."""
    fields = text.rsplit(")", 1)[1].split()  # the name before it may hold anything, the third field comes first here
    user, system, children_user, children_system = (int(ticks) / TICKS for ticks in fields[11:15])
    return Cpu(user + children_user, system + children_system)


def parse_pss(text):
    """KiB of proportional memory in /proc/PID/smaps_rollup."""
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def family(pid):
    """The process and its descendants. Whoever ends meanwhile is left out."""
    pids, found = [pid], []
    while pids:
        one = pids.pop()
        found.append(one)
        pids += children(one)
    return found


def children(pid):
    """Those that its threads started."""
    found = []
    with contextlib.suppress(OSError):  # it has ended
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):  # this thread has
                found += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


class Pinned(Process):
    """A process with its children on the named CPUs ("0", "0,1")."""

    def __init__(self, command, log, cpus, env=None):
        super().__init__(["taskset", "-c", cpus, *command], log, env=env)

    def cpu(self):
        """What it and its children have used by now, to a tick of the kernel (10 ms)."""
        total = Cpu(0, 0)
        for pid in family(self.pid):
            try:
                total += parse_stat(pathlib.Path(f"/proc/{pid}/stat").read_text())
            except OSError:
                continue
        return total

    def pss(self):
        """KiB that it and its children hold, what they share with others in proportion."""
        total = 0
        for pid in family(self.pid):
            try:
                total += parse_pss(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text())
            except OSError:
                continue
        return total

    def settled_pss(self):
        """The same once it has ceased to change: some proxies start others of their own after they listen."""
        last, since = self.pss(), time.monotonic()
        begin = since
        while time.monotonic() - since < 1:
            if time.monotonic() - begin > 20:
                raise TimeoutError("its memory does not settle")
            time.sleep(0.1)
            now = self.pss()
            if abs(now - last) > last / 100:
                last, since = now, time.monotonic()
        return self.pss()

    @contextlib.contextmanager
    def its_turn(self):
        """Goes on for this time, after which it is stopped, with its children."""
        try:
            self.signal_family(signal.SIGCONT)
            yield
        finally:
            self.signal_family(signal.SIGSTOP)

    def signal_family(self, number):
        for pid in family(self.pid):
            os.kill(pid, number)

    def kill(self):
        """Ends the children too: not every one of them hears that its parent is gone."""
        pids = family(self.pid)
        super().kill()
        for pid in pids[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
