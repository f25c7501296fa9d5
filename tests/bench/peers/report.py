"""Results as a file that later runs add to, as a Markdown table and as a plot."""

import json
import math
import statistics

from bench.peers.proxies import BEFORE, COMMANDS, OURS

BEHIND = {"h1": "HTTP/1.1", "h2c": "h2c"}
TIMES = "times"  # the unit of what is a proxy's ratio to itself already: it is not compared


def median(rows, key="value"):
    values = [row[key] for row in rows if row.get(key) is not None]
    return statistics.median(values) if values else None


def failures(rows):
    return sum(row.get("failed", 0) for row in rows)


def ratio(entry):
    """(ours / the best of the others, who that is). A proxy with failures is no best; (None, None) where there is none to compare."""
    peers = {name: median(rows) for name, rows in entry["rows"].items() if name not in (OURS, BEFORE) and not failures(rows)}
    if not peers or OURS not in entry["rows"] or entry["unit"] == TIMES:
        return None, None
    best = min(peers, key=peers.get)
    return median(entry["rows"][OURS]) / peers[best], best


def read(path):
    return json.loads(path.read_text()) if path.exists() else {}


def merge(results, scenario, protocol, rows):
    """A later run of a scenario takes the place of an earlier one. Of one whose proxies are measured alone, proxy by proxy."""
    key = f"{scenario.name}/{protocol}"
    kept = results.get(key, {}).get("rows", {}) if scenario.alone else {}
    results[key] = {"title": scenario.title, "unit": scenario.unit, "protocol": protocol, "rows": {**kept, **rows}}


def number(value):
    """Three digits that count."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(rows):
    if not rows:
        return ""
    lost = failures(rows)
    return number(median(rows)) + (f" ({lost} of {lost + sum(row.get('ok', 0) for row in rows)} failed)" if lost else "")


def table(results):
    """Ratios and what they are made of, then what was seen beside."""
    names = [name for name in COMMANDS if any(name in entry["rows"] for entry in results.values())]
    lines = [f"| scenario | behind | unit | ours / best | best | {' | '.join(names)} |", "|" + "---|" * (5 + len(names))]
    for entry in results.values():
        part, best = ratio(entry)
        cells = [entry["title"], BEHIND[entry["protocol"]], entry["unit"], f"**{part:.2f}**" if part else "", best or ""]
        lines.append(f"| {' | '.join(cells + [cell(entry['rows'].get(name)) for name in names])} |")
    lines += ["", "| scenario | behind | proxy | us user + system | answers/s | p50 ms | p99 ms | PSS MiB | spread |", "|" + "---|" * 9]
    for entry in results.values():
        for name, rows in entry["rows"].items():
            if "cpu" in rows[0]:
                lines.append(details(entry, name, rows))
    return "\n".join(lines) + "\n"


def details(entry, name, rows):
    values = sorted(row["value"] for row in rows)
    p50, p99 = (median(rows, key) for key in ("p50", "p99"))
    cells = [entry["title"], BEHIND[entry["protocol"]], name, f"{number(median(rows, 'user'))} + {number(median(rows, 'system'))}",
             number(median(rows, "rate")), number(p50 and p50 / 1000), number(p99 and p99 / 1000),
             number(median(rows, "pss") / 1024), f"{number(values[0])} to {number(values[-1])}"]
    return f"| {' | '.join(cells)} |"


def plot(results, path):
    """Bars, a small picture for each scenario; whether it was drawn: not where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    entries = list(results.values())
    columns = 3
    figure, axes = pyplot.subplots(math.ceil(len(entries) / columns), columns, squeeze=False,
                                   figsize=(5 * columns, 2.2 * math.ceil(len(entries) / columns)))
    for axis in axes.flat[len(entries):]:
        axis.set_visible(False)
    for axis, entry in zip(axes.flat, entries):
        names = [name for name in COMMANDS if name in entry["rows"]]
        values = [median(entry["rows"][name]) for name in names]
        colours = ["tab:green" if name == OURS else "tab:red" if failures(entry["rows"][name]) else "tab:gray" for name in names]
        axis.barh(names, values, color=colours)
        values = [value if math.isfinite(value) else 0 for value in values]
        reach = 1.15 * min(max(values), 4 * min(values))  # one far behind would hide the others: its bar is cut
        axis.set_xlim(0, reach)
        for place, value in enumerate(values):
            cut = value > 0.87 * reach
            axis.text(0.98 * reach if cut else value + 0.01 * reach, place, number(value), va="center", ha="right" if cut else "left",
                      color="white" if cut else "black", fontsize=8)
        axis.invert_yaxis()
        axis.set_title(f"{entry['title']}, {BEHIND[entry['protocol']]} behind [{entry['unit']}]", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    return True
