#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bars of one column of `aios simulate --csv` (standard input) as an SVG file: a group for each
tenant, a bar for each policy, on a logarithmic scale with --log.

    aios simulate --generate flood --csv ... | tools/plot_simulation.py ttft_p99 --log \
        --title 'Time to the first token, p99' --unit s >plot.svg
"""
import argparse
import csv
import math
import sys
from xml.sax.saxutils import escape

COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 280, 56, 58, 28


def ticks(low, high, log):
    """Round values from `low` to `high`."""
    if log:
        return [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    step = 10 ** math.floor(math.log10(high))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if high / s <= 6)
    return [i * step for i in range(math.ceil(high / step) + 1)]


def draw(groups, policies, values, args):
    positive = [v for v in values.values() if v > 0]
    marks = ticks(min(positive), max(positive), args.log)
    low, high = marks[0], marks[-1]

    def height(v):
        if args.log:
            v = max(v, low)
            return (math.log10(v) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return v / high

    plot = HEIGHT - TOP - BOTTOM
    span = (WIDTH - LEFT - 10) / len(groups)
    bar = span * 0.8 / len(policies)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="18" font-size="14">{escape(args.title)}</text>']
    for i, policy in enumerate(policies):
        x = LEFT + 110 * i
        out.append(f'<rect x="{x}" y="30" width="12" height="12" fill="{COLOURS[i % 6]}"/>')
        out.append(f'<text x="{x + 17}" y="40">{escape(policy)}</text>')
    for mark in marks:
        y = TOP + plot * (1 - height(mark))
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{mark:g} {args.unit}</text>')
    for g, group in enumerate(groups):
        x = LEFT + g * span + span * 0.1
        name = group if group == "all" else f"tenant {group}"
        out.append(f'<text x="{x + span * 0.4:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{name}</text>')
        for i, policy in enumerate(policies):
            v = values.get((policy, group), 0)
            h = plot * max(height(v), 0) if v > 0 else 0
            out.append(f'<rect x="{x + i * bar:.1f}" y="{TOP + plot - h:.1f}" width="{bar * 0.92:.1f}" '
                       f'height="{h:.1f}" fill="{COLOURS[i % 6]}"><title>{policy}, {name}: {v:g}'
                       '</title></rect>')
    out.append("</svg>")
    print("\n".join(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("column")
    parser.add_argument("--title", default="")
    parser.add_argument("--unit", default="")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--log", action="store_true")
    args = parser.parse_args()
    rows = [r for r in csv.DictReader(sys.stdin) if r[args.column] != ""]
    policies = list(dict.fromkeys(r["policy"] for r in rows))
    groups = list(dict.fromkeys(r["tenant"] for r in rows if r["tenant"] != "all")) or ["all"]
    values = {(r["policy"], r["tenant"]): float(r[args.column]) * args.scale for r in rows}
    draw(groups, policies, {k: v for k, v in values.items() if k[1] in groups}, args)


if __name__ == "__main__":
    main()
