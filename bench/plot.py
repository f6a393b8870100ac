#!/usr/bin/env python3
"""plot.py - pictures of what `weir bench --json` printed, in any mode.

usage: plot.py FIGURES.json PICTURE.svg|.png|.pdf

A panel a group of loads: a line a load, a dot an allocator, at the median of its rounds; the bar
through it goes from the first quartile to the third. Where the loads of a group are numbers (of
threads, of live blocks) a panel has curves over them instead. One legend for all. The background is
transparent and the text gray, so that a page may be dark or light. Exit status: 0; 1: the file has no
figures; 2: wrong usage; 77: this Python has no matplotlib (python3-matplotlib).
"""
import json
import statistics
import sys

NS = {"ns", "cpu_ns", "replace_ns", "peak_ns"}  # metrics in nanoseconds
GRAY = "#808080"  # of text and axes: readable on black and on white
COLORS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c7b6b", "#e377c2", "#7f9f7f", "#bcbd22", "#17becf"]
STYLE = {"text.color": GRAY, "axes.labelcolor": GRAY, "axes.edgecolor": GRAY, "xtick.color": GRAY,
         "ytick.color": GRAY, "grid.color": GRAY, "legend.facecolor": "none", "legend.edgecolor": GRAY,
         "axes.facecolor": "none", "svg.hashsalt": "weir", "svg.fonttype": "none"}
AXES = {"rate": "operations a second", "over_live": "resident over live bytes"}


def scaled(value, *units):
    """In the first unit in which it is below 1000, or in the last."""
    while abs(value) >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:g}{units[0]}"


def time_text(ns, _=None):
    """10 ns, 1.5 us, 20 ms"""
    return scaled(ns, " ns", " us", " ms", " s")


def count_text(value, _=None):
    return scaled(value, "", "k", "M", "G")


def quartiles(rounds):
    """(first, median, third); of one round, that thrice."""
    if len(rounds) < 2:
        return rounds[0], rounds[0], rounds[0]
    return statistics.quantiles(rounds, n=4, method="inclusive")


def groups_of(figures):
    """{(group, metric): {load: {target: quartiles}}}, in the order of the rows."""
    groups = {}
    for row in figures["rows"]:
        metric = "rate" if figures["what"] == "threads" and "rate" in row else row["metric"]
        rounds = [value for value in row["rounds"].get(metric, []) if value is not None]
        if "error" not in row and rounds:
            loads = groups.setdefault((row["group"], metric), {})
            loads.setdefault(row["load"], {})[row["target"]] = quartiles(rounds)
    return groups


def curves_draw(axes, loads, styles):
    for target, style in styles.items():
        points = [(float(load), of[target]) for load, of in loads.items() if target in of]
        if points:
            x, quarters = zip(*points)
            low, middle, high = zip(*quarters)
            axes.plot(x, middle, marker="o", markersize=4, **style)
            axes.fill_between(x, low, high, alpha=0.2, color=style["color"])
    axes.set_xscale("log", base=2 if max(map(float, loads)) < 1000 else 10)
    axes.xaxis.set_major_formatter(count_text)


def dots_draw(axes, loads, styles):
    names = list(loads)
    for y, load in enumerate(names):
        for target, (low, middle, high) in loads[load].items():
            axes.plot([low, high], [y, y], linewidth=2, alpha=0.5, **styles[target])
            axes.plot(middle, y, "o", markersize=5, **styles[target])
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", alpha=0.3)


def panel_draw(axes, group, metric, loads, styles):
    curves = len(loads) > 1 and all(load.isdigit() for load in loads)
    (curves_draw if curves else dots_draw)(axes, loads, styles)
    values, label = (axes.yaxis, axes.set_ylabel) if curves else (axes.xaxis, axes.set_xlabel)
    quarters = [q for of in loads.values() for three in of.values() for q in three]
    if min(quarters) > 0 and max(quarters) > 5 * min(quarters):
        (axes.set_yscale if curves else axes.set_xscale)("log")
    values.set_major_formatter(time_text if metric in NS else count_text)
    values.set_minor_formatter("")
    label("time" if metric in NS else AXES.get(metric, metric))
    axes.set_title(group, loc="left", fontsize=10)


def picture_make(figures, path, pyplot):
    groups = groups_of(figures)
    if not groups:
        print("plot.py: no figures in it", file=sys.stderr)
        return 1
    pyplot.rcParams.update(STYLE)
    styles = {target: {"color": COLORS[i % len(COLORS)]} for i, target in enumerate(figures["targets"])}
    heights = [1.2 + 0.24 * len(loads) for loads in groups.values()]
    handles = [pyplot.Line2D([], [], marker="o", label=target, **style) for target, style in styles.items()]
    heights.insert(0, 0.2 + 0.2 * ((len(handles) + 5) // 6))
    figure, panels = pyplot.subplots(len(heights), 1, squeeze=False, layout="constrained",
                                     figsize=(10, sum(heights) + 0.6),
                                     gridspec_kw={"height_ratios": heights})
    panels[0, 0].axis("off")
    panels[0, 0].legend(handles=handles, loc="center", ncol=6)
    for axes, ((group, metric), loads) in zip(panels[1:, 0], groups.items()):
        panel_draw(axes, group, metric, loads, styles)
    noisy = ", noisy" if figures["calibration"]["noisy"] else ""
    title = (f"weir {figures['weir']}, {figures['what']}: median and quartiles of "
             f"{figures['rounds']} rounds{noisy}")
    figure.suptitle(f"{title}\n{figures['machine']}", fontsize=9)
    figure.savefig(path, transparent=True, metadata={"Title": title, "Date": None} if path.endswith(".svg") else {})
    return 0


def main():
    if len(sys.argv) != 3:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        print("plot.py: no matplotlib here (package python3-matplotlib): no picture", file=sys.stderr)
        return 77
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            figures = json.load(file)
        return picture_make(figures, sys.argv[2], pyplot)
    except (OSError, ValueError, KeyError) as error:
        print(f"plot.py: {sys.argv[1]}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
