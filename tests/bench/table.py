"""Rounds become rows, rows become tables: interleaving, medians, ratios, aligned text.

It refuses to know what a contender does; it only calls it.
"""

import statistics
import sys

import measure


class Contender:
    """One row of a table: `once(round_number)` gives {"seconds": ..., "bytes": ...} or raises."""

    def __init__(self, name, once, target=None, ours=False):
        self.name = name
        self.once = once
        self.target = target  # (comparison, ratio) that ours should reach against this one, or None
        self.ours = ours
        self.results = []
        self.reason = None    # why there is no number
        self.failed = False

    def median(self, key="seconds"):
        return statistics.median(result[key] for result in self.results)

    def gigabytes_per_second(self):
        return [result["bytes"] / result["seconds"] / 1e9 for result in self.results]


def note(text):
    print(text, file=sys.stderr, flush=True)


def interleave(title, contenders, runs, warm_up=True):
    """Each round runs every contender once, beginning with another one each time; the first round is not counted."""
    for round_number in range(0 if warm_up else 1, runs + 1):
        shift = round_number % len(contenders)
        for contender in contenders[shift:] + contenders[:shift]:
            if contender.reason is not None:
                continue
            note(f"{title}: round {round_number or 'warm-up'} of {runs}: {contender.name}")
            try:
                result = contender.once(round_number)
            except measure.NotMeasured as why:
                contender.reason = str(why)
            except measure.Failed as why:
                contender.reason = str(why)
                contender.failed = True
            else:
                if round_number > 0:
                    contender.results.append(result)


class Table:
    """A title, the columns' names, rows of text, lines below it, and the raw numbers for --json."""

    def __init__(self, bench, place, title, columns):
        self.bench, self.place, self.title, self.columns = bench, place, title, columns
        self.rows, self.notes, self.data = [], [], []
        self.failed = False

    def add(self, contender, cells):
        """`cells` is called only when there are numbers."""
        measured = contender.reason is None and bool(contender.results)
        if measured:
            self.rows.append([contender.name, *cells()])
        else:
            self.rows.append([contender.name, "not measured: " + (contender.reason or "no round was run")])
        self.failed = self.failed or contender.failed
        self.data.append({"contender": contender.name, "ours": contender.ours, "target": contender.target,
                          "measured": measured, "reason": contender.reason, "rounds": contender.results})

    def text(self):
        full = [row for row in self.rows if len(row) == len(self.columns)]
        widths = [max(len(row[i]) for row in [self.columns, *full]) for i in range(len(self.columns))]
        widths[0] = max(widths[0], *(len(row[0]) for row in self.rows))
        lines = [self.title, self.line(self.columns, widths), self.line(["-" * width for width in widths], widths)]
        lines += [self.line(row, widths) for row in self.rows]
        return "\n".join(lines + self.notes) + "\n"

    @staticmethod
    def line(row, widths):
        rest = [row[1]] if len(row) == 2 and len(widths) > 2 else [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        return "  ".join([row[0].ljust(widths[0]), *rest]).rstrip()

    def json(self):
        return {"bench": self.bench, "place": self.place, "title": self.title, "columns": self.columns,
                "rows": self.rows, "notes": self.notes, "data": self.data}


def ratio_cell(ours, other):
    """How many times as fast as `other` ours is; a star marks what falls short of its target."""
    if ours is other or not ours.results or not other.results or ours.reason:
        return "-"
    ratio = other.median() / ours.median() * ours.results[0]["bytes"] / other.results[0]["bytes"]
    met = True
    if other.target is not None:
        sign, bound = other.target
        met = ratio >= bound if sign == ">=" else ratio > bound
    return f"{ratio:.2f}" + (" " if met else "*")


def bandwidth_table(bench, place, title, contenders):
    """Median, min, max in GB/s (10^9 bytes), and each of ours against every row, from the medians."""
    ours = [contender for contender in contenders if contender.ours]
    columns = ["contender", "GB/s", "min", "max", "seconds", "target", *(f"{c.name} / it" for c in ours)]
    table = Table(bench, place, title, columns)

    def cells(contender):
        speeds = contender.gigabytes_per_second()
        target = " ".join((contender.target[0], f"{contender.target[1]:.2f}")) if contender.target else ""
        return [f"{contender.results[0]['bytes'] / contender.median() / 1e9:.3f}", f"{min(speeds):.3f}", f"{max(speeds):.3f}",
                f"{contender.median():.3f}", target, *(ratio_cell(c, contender) for c in ours)]

    for contender in contenders:
        table.add(contender, lambda contender=contender: cells(contender))
    if any(cell.endswith("*") for row in table.rows for cell in row[1:]):
        table.notes.append("* short of the target")
    return table
