# SPDX-License-Identifier: Apache-2.0
"""The public-domain books: plain paragraphs, split into tales and chapters."""

import os
import re

BOOKS = ("grimms-fairy-tales.txt", "pinocchio.txt", "twenty-thousand-leagues.txt")
_ASCII = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "—": "--", "–": "-", "\ufeff": "", "_": ""})


def _strip_gutenberg(text):
    start = re.search(r"\*\*\* ?START OF.*?\*\*\*", text)
    end = re.search(r"\*\*\* ?END OF", text)
    return text[start.end() if start else 0 : end.start() if end else len(text)]


def chapters(folder):
    """Returns [(book, [paragraph, ...]), ...] in book order; headings are left out."""
    out = []
    for book in BOOKS:
        with open(os.path.join(folder, book), encoding="utf-8") as f:
            text = _strip_gutenberg(f.read().replace("\r\n", "\n")).translate(_ASCII)
        current = []
        for block in re.split(r"\n\s*\n", text):
            paragraph = " ".join(block.split())
            if not paragraph:
                continue
            letters = [c for c in paragraph if c.isalpha()]
            heading = (
                re.match(r"(CHAPTER|PART|Chapter)\b", paragraph)
                or not letters
                or (len(paragraph) < 90 and all(c.isupper() for c in letters))
            )
            if heading:
                if sum(map(len, current)) > 1500:
                    out.append((book, current))
                current = []
            else:
                current.append(paragraph)
        if sum(map(len, current)) > 1500:
            out.append((book, current))
    return out


def split(folder, every=13):
    """(train, held_out): every 13th chapter or tale is held out."""
    everything = chapters(folder)
    held = [c for i, c in enumerate(everything) if i % every == every // 2]
    train = [c for i, c in enumerate(everything) if i % every != every // 2]
    return train, held
