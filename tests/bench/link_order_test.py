"""The program's code lies as gateway/link_order.ld wants it, and that speaks of functions which there are."""

import re

from bench.link_order import SCRIPT, functions_of
from support.environment import BINARY


def named():
    """The functions that it names; of a constructor the second name, which a compiler always gives. Thunks may be elsewhere."""
    names = re.findall(r"\*\(\.text\.(.+)\)", SCRIPT.read_text())
    return [name.replace("[12]", "2") for name in names if not name.startswith("_ZTh")]


def test_most_of_what_it_names_is_there():
    """Else the request's path has changed: PYTHONPATH=tests python3 tests/bench/link_order.py."""
    there = functions_of(BINARY)
    missing = [name for name in named() if name not in there]
    assert len(named()) > 100
    assert len(missing) < len(named()) / 4, missing


def test_they_lie_next_to_each_other():
    there = functions_of(BINARY)
    places = [there[name] for name in named() if name in there]
    span = max(address + size for address, size in places) - min(address for address, _ in places)
    assert span < 1.5 * sum(size for _, size in set(places))
