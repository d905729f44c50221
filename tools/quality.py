#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a numerics profile costs in quality.

python3 tools/quality.py [--aios build/aios] [--driver cpu-ref] [-m share/demo]
                         [--profiles fma32,tc-sm90,i8,i8x2] [--window 1024]
                         [--stories 30] [--books ../shared/demo-corpus] [--bytes 30000] [FILE ...]

Runs `aios logits` over text that the model has not been trained on, in each profile, and prints for
each: bits per byte of the text, and against the first profile the Kullback-Leibler divergence of the
next token's distribution (mean and worst, in nats; expectation under the first profile) and how often
the likeliest token is another one. Without a FILE the text is the demo model's held-out stories and
chapters, as tools/train_demo makes them. Needs NumPy.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "train_demo"))


def texts_of(args):
    """[(set, [text, ...]), ...]"""
    if args.files:
        return [(os.path.basename(f), [open(f, encoding="utf-8").read()]) for f in args.files]
    import books
    import corpus

    sets = [("stories", [corpus.document(corpus.HELD_OUT_SEED + i, "story") for i in range(args.stories)])]
    if os.path.isdir(args.books):
        chapters = ["\n\n".join(paragraphs) for _, paragraphs in books.split(args.books)[1]]
        cut, left = [], args.bytes
        for text in chapters:
            # An equal part of each chapter, so that no book counts alone.
            part = text[: max(1, args.bytes // len(chapters))]
            cut.append(part)
            left -= len(part)
        sets.append(("books", cut))
    return sets


def tokenize(args, texts):
    lines = "".join(json.dumps(t) + "\n" for t in texts)
    out = subprocess.run(
        [args.aios, "tokenize", "-m", args.model, "--no-special", "--jsonl"],
        input=lines, capture_output=True, text=True, check=True,
    )
    return [json.loads(line)["ids"] for line in out.stdout.splitlines()]


def bytes_of(args, ids):
    out = subprocess.run(
        [args.aios, "detokenize", "-m", args.model, "--jsonl"],
        input="".join(json.dumps(i) + "\n" for i in ids), capture_output=True, text=True, check=True,
    )
    return sum(len(json.loads(line)["text"].encode()) for line in out.stdout.splitlines())


def logits(args, ids, profile, path):
    subprocess.run(
        [args.aios, "logits", "-m", args.model, "--driver", args.driver, "--numerics", profile, "--progress", "never",
         "--ids", "-", "--out", path],
        input=",".join(map(str, ids)), text=True, check=True,
    )
    x = np.load(path).astype(np.float64)
    x -= x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


class Sums:
    def __init__(self):
        self.nats = self.kl = self.worst = self.other = self.n = 0

    def add(self, base, own, ids):
        rows = np.arange(len(ids) - 1)
        kl = (np.exp(base) * (base - own)).sum(axis=1)
        self.nats -= own[rows, ids[1:]].sum()
        self.kl += kl.sum()
        self.worst = max(self.worst, kl.max())
        self.other += int((base.argmax(axis=1) != own.argmax(axis=1)).sum())
        self.n += len(kl)
        self.predicted = getattr(self, "predicted", 0) + len(rows)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--aios", default="build/aios")
    p.add_argument("--driver", default="cpu-ref")
    p.add_argument("-m", "--model", default="share/demo")
    p.add_argument("--profiles", default="fma32,tc-sm90,i8,i8x2")
    p.add_argument("--window", type=int, default=1024)
    p.add_argument("--stories", type=int, default=30)
    p.add_argument("--books", default=os.path.join(HERE, "..", "..", "shared", "demo-corpus"))
    p.add_argument("--bytes", type=int, default=30000)
    p.add_argument("files", nargs="*")
    args = p.parse_args()
    profiles = args.profiles.split(",")

    print("| text | tokens | profile | bits per byte | KL mean, nats | KL worst | likeliest differs |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "logits.npy")
        for name, texts in texts_of(args):
            windows = [ids[i : i + args.window] for ids in tokenize(args, texts) for i in range(0, len(ids), args.window)]
            windows = [w for w in windows if len(w) > 1]
            # The first token of a window is given, not predicted.
            size = bytes_of(args, [w[1:] for w in windows])
            sums = {profile: Sums() for profile in profiles}
            for ids in windows:
                base = None
                for profile in profiles:
                    own = logits(args, ids, profile, path)
                    base = own if base is None else base
                    sums[profile].add(base, own, np.array(ids))
            for profile, s in sums.items():
                print(
                    f"| {name} | {s.n} | {profile} | {s.nats / np.log(2) / size:.5f} | {s.kl / s.n:.2e} | {s.worst:.2e} "
                    f"| {100 * s.other / s.n:.2f} % |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
