"""What the measurements are read from and compared by: lines of /proc, h2load's log, frames of a response, tables of results."""

import contextlib
import dataclasses
import functools
import struct
import subprocess
import types

import pytest

from bench.peers import client, load, machine, report, scenarios

H2LOAD = """
requests: 4 total, 4 started, 4 done, 3 succeeded, 1 failed, 1 errored, 0 timeout
traffic: 4.22KB (4321) total, 131B (131) headers (space savings 65.07%), 3.00KB (3072) data
"""


def test_cpu_time_is_found_behind_a_name_of_any_kind():
    stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 200 0 0 150 50 30 20 20 0 1 0 1000 1000000 500"
    assert machine.parse_stat(stat) == machine.Cpu(180 / machine.TICKS, 70 / machine.TICKS)


def test_proportional_memory_is_the_sum_and_not_one_of_its_parts():
    assert machine.parse_pss("ffff [rollup]\nRss:     900 kB\nPss:     512 kB\nPss_Anon:   100 kB\n") == 512


def test_a_family_has_the_children_of_children():
    with subprocess.Popen(["sh", "-c", "sh -c 'cat; :'; :"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdin.write(b"x")
        parent.stdin.flush()
        assert parent.stdout.read(1) == b"x"  # cat is there, a child of the child
        assert len(machine.family(parent.pid)) == 3
        parent.stdin.close()


def test_the_log_tells_when_an_answer_ended_and_which_were_whole():
    rows = load.parse_log("1000000\t200\t500000\n1000000\t-1\t10\n2000000\t503\t10\n2000000\t204\t7\n200")
    assert rows[0] == (1.5, 200, 500000)
    assert load.good(rows) == [500000, 7]


def test_the_bytes_of_bodies_are_told_apart_from_those_of_heads():
    assert load.parse_data_bytes(H2LOAD) == 3072
    assert load.parse_data_bytes("no summary") is None


def test_the_p99_of_a_tenth_is_of_those_that_ended_in_it_and_whole_tenths_count():
    ends = [0.95, *(1.0 + i / 1000 for i in range(100)), *(1.1 + i / 1000 for i in range(100)), 1.25]
    rows = [(end, 200, i) for i, end in enumerate(ends)] + [(1.15, -1, 10 ** 6)]
    assert load.p99_of_tenths(rows) == [99, 199]  # of the values 1 to 100, and 101 to 200
    assert load.Point(2, 0, 1.0, machine.Cpu(0.1, 0.1), [1, 2], 100, [*range(20, 0, -1)]).row()["p99 of a quiet tenth"] == 2


class Growing:
    """Memory of 100 KiB that grows `steps` times."""

    def __init__(self, steps):
        self.steps = iter(range(steps))
        self.now = 100

    def pss(self):
        self.now += 10 * (next(self.steps, None) is not None)
        return self.now


def test_memory_after_the_start_is_what_it_has_come_to():
    assert machine.Pinned.settled_pss(Growing(5)) == 150


@pytest.mark.parametrize("share, value", [(0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_quantile_is_one_of_the_values(share, value):
    assert load.quantile(list(range(1, 101)), share) == value
    assert load.quantile([7], share) == 7
    assert load.quantile([], share) is None


def test_a_point_without_a_good_answer_is_infinitely_dear():
    assert load.Point(0, 5, 1.0, machine.Cpu(0.1, 0.1), [], 100).row()["cpu"] == float("inf")


class Connection:
    """Gives what it was made with, a few bytes a time."""

    def __init__(self, *frames):
        self.rest = b"".join(frames)
        self.sent = b""

    def recv(self, _):
        some, self.rest = self.rest[:5], self.rest[5:]
        return some

    def sendall(self, octets):
        self.sent += octets


HEAD = client.frame(client.HEADERS, client.END_HEADERS, 1, b"\x20\x88")
BODY = client.frame(client.DATA, client.END_STREAM, 1, b"x" * 10)


@pytest.mark.parametrize("frames, whole", [
    ([client.frame(client.SETTINGS, 0, 0), HEAD, BODY], True),
    ([HEAD, client.frame(client.DATA, 0, 1, b"x" * 9), client.frame(client.DATA, client.END_STREAM, 1, b"x")], True),
    ([HEAD, client.frame(client.DATA, client.END_STREAM, 1, b"x" * 9)], False),
    ([client.frame(client.HEADERS, client.END_HEADERS, 1, b"\x8d"), BODY], False),  # :status 404
    ([HEAD, client.frame(3, 0, 1, struct.pack(">I", 2))], False),  # RST_STREAM
    ([HEAD], False),
])
def test_only_a_whole_200_counts(frames, whole):
    assert client.take_response(Connection(*frames), 10) is whole


def results(**values):
    return {"title": "t", "unit": "u", "protocol": "h1", "rows": {name: [{"value": one} for one in many] for name, many in values.items()}}


def test_the_ratio_is_to_the_best_peer_and_another_build_is_no_peer():
    assert report.ratio(results(gateway=[1, 2, 9], before=[1], nginx=[4, 4, 4], h2o=[8])) == (0.5, "nginx")


def test_a_peer_with_failures_is_not_the_best():
    entry = results(gateway=[4], nginx=[2], h2o=[8])
    entry["rows"]["nginx"][0].update(ok=9, failed=1)
    assert report.ratio(entry) == (0.5, "h2o")
    assert "(1 of 10 failed)" in report.table({"t/h1": entry})


@pytest.mark.parametrize("alone, left", [(False, {"gateway"}), (True, {"gateway", "nginx"})])
def test_a_later_run_replaces_all_that_was_compared_in_one(alone, left):
    scenario = types.SimpleNamespace(name="t", title="t", unit="u", alone=alone)
    kept = {}
    report.merge(kept, scenario, "h1", results(gateway=[1], nginx=[2])["rows"])
    report.merge(kept, scenario, "h1", results(gateway=[3])["rows"])
    assert set(kept["t/h1"]["rows"]) == left
    assert report.median(kept["t/h1"]["rows"]["gateway"]) == 3


class Started(scenarios.Site):
    """Starts nothing, and counts what it was to start."""

    @contextlib.contextmanager
    def running(self, name, protocol, **_):
        yield types.SimpleNamespace(name=name, start=next(self.starts))


def test_a_round_that_starts_all_anew_begins_with_another_one_and_is_one_point_of_many_turns():
    site = Started(None, None, {}, ["gateway", "nginx"], rounds=3, seconds=1, idle=0)
    asked = []
    def ask(start):
        asked.append(start)
        return load.Point(1, 0, 0.5, machine.Cpu(1, 2), [start], start, [start])
    rows = scenarios.started_anew(site, "h1", lambda proxy: functools.partial(ask, proxy.start), lambda point: {**dataclasses.asdict(point), "value": 0})
    turns = scenarios.TURNS
    assert {name: [row["tenths"] for row in many] for name, many in rows.items()} == {
        "gateway": [[0] * turns, [3] * turns, [4] * turns], "nginx": [[1] * turns, [2] * turns, [5] * turns]}
    assert rows["nginx"][0]["seconds"] == turns / 2
    assert asked[:2 * turns] == [0, 1] * turns, "in turns"


def test_points_together_are_a_point():
    together = load.Point(2, 1, 0.5, machine.Cpu(1, 2), [5, 6], 100, [6]) + load.Point(1, 0, 1.5, machine.Cpu(10, 20), [7], 90, [7])
    assert together == load.Point(3, 1, 2.0, machine.Cpu(11, 22), [5, 6, 7], 90, [6, 7])


def test_half_load_is_where_the_cpu_is_half_busy_though_many_cost_less_each():
    def busy(rate):
        return (rate / 40_000) ** 0.7

    def ask(rate, seconds):
        return load.Point(round(rate * seconds), 0, seconds, machine.Cpu(busy(rate) * seconds, 0), [100], 0)

    assert 0.48 < busy(scenarios.half_load(ask, 1.5)) < 0.52
