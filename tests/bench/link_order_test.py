"""The program's code lies as gateway/link_order.ld wants it, and that speaks of functions which there are."""

import pathlib
import re
import subprocess

from support.environment import BINARY

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "gateway" / "link_order.ld"


def symbols(binary):
    """{function: (address, size)}"""
    told = subprocess.run(["nm", "--defined-only", "--print-size", binary], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in told.splitlines())
    return {row[3]: (int(row[0], 16), int(row[1], 16)) for row in rows if len(row) == 4 and row[2] in "tTwW"}


def named():
    """The functions that it names; of a constructor the second name, which a compiler always gives. Thunks may be elsewhere."""
    names = re.findall(r"\*\(\.text\.(.+)\)", SCRIPT.read_text())
    return [name.replace("[12]", "2") for name in names if not name.startswith("_ZTh")]


def test_most_of_what_it_names_is_there():
    """Else the request's path has changed: PYTHONPATH=tests python3 tests/bench/link_order.py."""
    there = symbols(BINARY)
    missing = [name for name in named() if name not in there]
    assert len(named()) > 100
    assert len(missing) < len(named()) / 4, missing


def test_they_lie_next_to_each_other():
    there = symbols(BINARY)
    places = [there[name] for name in named() if name in there]
    span = max(address + size for address, size in places) - min(address for address, _ in places)
    assert span < 1.5 * sum(size for _, size in set(places))
