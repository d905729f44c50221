# SPDX-License-Identifier: Apache-2.0
"""A small text grammar engine.

A template is plain text with
    [one|two|three]   one of the alternatives, chosen at random; nests; an alternative may be empty
    {name}            the value bound to `name` in the story
    {#list}           a random word of a list in words.py
    {#list>name}      the same, and bind it to `name` for later sentences
Articles and capitals are put right afterwards: write "a" everywhere, and sentences in lower case if that is easier.
A quotation that goes on after a comma ('"Yes," said Tom, "but') stays lower case.
After !" and ?" a lower-case word stays lower case ('"Help!" cried the fox'), so a new sentence there is written with
its capital, or given to a separate call.
"""

import re

from words import LISTS

_CACHE = {}


def _parse(text, i, closing):
    """Returns (alternatives, next index); an alternative is a tuple of parts."""
    alternatives, parts, start = [], [], i

    def flush(end):
        if end > start:
            parts.append(text[start:end])

    while i < len(text):
        c = text[i]
        if c == "[":
            flush(i)
            inner, i = _parse(text, i + 1, "]")
            parts.append(("pick", inner))
            start = i
        elif c == "{":
            flush(i)
            end = text.index("}", i)
            key = text[i + 1 : end]
            if key[0] == "#":
                name, _, bind = key[1:].partition(">")
                parts.append(("list", LISTS[name], bind))
            else:
                parts.append(("var", key))
            i = start = end + 1
        elif c == "|" and closing:
            flush(i)
            alternatives.append(tuple(parts))
            parts = []
            i += 1
            start = i
        elif c == "]" and closing:
            flush(i)
            alternatives.append(tuple(parts))
            return alternatives, i + 1
        else:
            i += 1
    if closing:
        raise ValueError("unclosed [ in template: " + text)
    flush(i)
    alternatives.append(tuple(parts))
    return alternatives, i


def _compile(text):
    tree = _CACHE.get(text)
    if tree is None:
        tree = _CACHE[text] = _parse(text, 0, "")[0][0]
    return tree


ARTICLE = re.compile(r"\b([Aa]) (?=(?:[aeioAEIO]|u(?!ni|se|su|ku)|hour|honest))(?!on[ce]\b)")
_SENTENCE = re.compile(r"(^\W*|[.!?] +|\.\" |(?:^|(?<!,)[\s(])\")([a-z])")
_SPACES = re.compile(r"  +")
_SPACE_BEFORE = re.compile(r" +([.,!?;:])")


def tidy(text):
    text = _SPACE_BEFORE.sub(r"\1", _SPACES.sub(" ", text.strip()))
    text = ARTICLE.sub(r"\1n ", text)
    return _SENTENCE.sub(lambda m: m.group(1) + m.group(2).upper(), text)


class Story:
    """Collects paragraphs. s(template, ...) adds sentences, s.p() starts a new paragraph."""

    def __init__(self, rng):
        self.rng = rng
        self.ctx = {}
        self.paragraphs = [[]]
        self.meta = {}

    def expand(self, template):
        out = []
        self._walk(_compile(template), out)
        return "".join(out)

    def _walk(self, parts, out):
        for part in parts:
            if isinstance(part, str):
                out.append(part)
            elif part[0] == "pick":
                options = part[1]
                self._walk(options[int(self.rng.random() * len(options))], out)
            elif part[0] == "var":
                out.append(self.ctx[part[1]])
            else:
                word = part[1][int(self.rng.random() * len(part[1]))]
                if "[" in word or "{" in word:
                    word = self.expand(word)
                if part[2]:
                    self.ctx[part[2]] = word
                out.append(word)

    def __call__(self, *templates):
        for template in templates:
            text = tidy(self.expand(template))
            if text:
                self.paragraphs[-1].append(text)

    def maybe(self, chance, *templates):
        """Adds one of the templates, or nothing."""
        if self.rng.random() < chance:
            self.one(*templates)

    def one(self, *templates):
        """Adds one of the templates."""
        self(templates[int(self.rng.random() * len(templates))])

    def bind(self, **values):
        for key, template in values.items():
            self.ctx[key] = self.expand(template)

    def p(self):
        if self.paragraphs[-1]:
            self.paragraphs.append([])

    def vary(self):
        """Where two sentences in a row begin with the hero's name and speak of nobody else, the second mostly says he or she."""
        name = self.ctx.get("h")
        if not name:
            return
        others = [self.ctx[k] for k in self.meta["cast"] if k != "h" and k in self.ctx]
        he = self.ctx["h.he"].capitalize()
        plain = re.compile(re.escape(name) + r" (?!and |or |the )[a-z]")
        for paragraph in self.paragraphs:
            for i in range(1, len(paragraph)):
                before, text = paragraph[i - 1], paragraph[i]
                if (
                    plain.match(text)
                    and before.startswith((name + " ", he + " "))
                    and '"' not in before
                    and not any(o in before for o in others)
                    and self.rng.random() < 0.75
                ):
                    paragraph[i] = he + text[len(name) :]

    def text(self):
        self.vary()
        return "\n\n".join(" ".join(p) for p in self.paragraphs if p)
