# SPDX-License-Identifier: Apache-2.0
"""Makes the text and the tokens.

python3 corpus.py show SEED                         prints one story of each plot
python3 corpus.py tokenizer --books DIR --out DIR   trains tokenizer.json
python3 corpus.py tokens --books DIR --tokenizer DIR --out DIR --stories N --workers W
                                                    writes the token files that train.py reads
"""

import argparse
import json
import multiprocessing
import os
import random
import re
import sys
import time

import books
from cast import hero
from chat import chat
from engine import Story
from more_plots import MORE
from plots import PLOTS as FIRST

PLOTS = FIRST + MORE
VOCAB = 4096
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_SHARE = 0.2  # of the documents that are not books
MIDDLE_SHARE = 0.06  # of the stories begin in the middle, so that any sentence will do as a prompt
HELD_OUT_SEED = 10**9


def story(rng, plot=None, want=None):
    s = Story(rng)
    hero(s, want)
    (plot or rng.choice(PLOTS))(s)
    return s.text()


def document(seed, kind=None):
    rng = random.Random(seed)
    is_chat = rng.random() < CHAT_SHARE if kind is None else kind == "chat"
    if is_chat:
        return chat(rng)
    text = story(rng)
    if kind is None and rng.random() < MIDDLE_SHARE:
        cuts = [m.end() for m in re.finditer(r"[.!?]\"?\s+", text[: len(text) * 2 // 3])]
        text = text[rng.choice(cuts) :] if cuts else text
    return text


def train_tokenizer(args):
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    tok = Tokenizer(models.BPE(unk_token=None, fuse_unk=False, byte_fallback=False))
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    tok.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tok.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB - len(SPECIAL),
        special_tokens=[],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    train, _ = books.split(args.books)
    texts = [p for _, chapter in train for p in chapter]
    texts += [story(random.Random(i)) for i in range(args.stories)]
    tok.train_from_iterator(texts, trainer)
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    assert tok.get_vocab_size() == VOCAB, tok.get_vocab_size()
    os.makedirs(args.out, exist_ok=True)
    tok.save(os.path.join(args.out, "tokenizer.json"))


def _encode_range(job):
    """Token lists of the documents of a seed range, as one flat array with lengths."""
    import numpy as np
    from tokenizers import Tokenizer

    path, first, count, kind = job
    tok = Tokenizer.from_file(path)
    eot = tok.token_to_id("<|endoftext|>")
    texts = [document(seed, kind) for seed in range(first, first + count)]
    flat, lengths, size = [], [], 0
    for enc, text in zip(tok.encode_batch(texts, add_special_tokens=False), texts):
        ids = enc.ids + [eot]
        flat.extend(ids)
        lengths.append(len(ids))
        size += len(text.encode())
    return np.array(flat, dtype=np.uint16), np.array(lengths, dtype=np.int32), size


def make_tokens(args):
    import numpy as np
    from tokenizers import Tokenizer

    t0 = time.time()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    path = os.path.join(args.tokenizer, "tokenizer.json")
    os.makedirs(args.out, exist_ok=True)
    info = {}

    def save(name, parts):
        flat, lengths = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
        np.save(os.path.join(args.out, name + ".npy"), flat)
        np.save(os.path.join(args.out, name + ".len.npy"), lengths)
        info[name] = {"documents": len(lengths), "tokens": len(flat), "bytes": int(sum(p[2] for p in parts))}

    with multiprocessing.Pool(args.workers) as pool:
        step = 2000
        jobs = [(path, i, min(step, args.stories - i), None) for i in range(0, args.stories, step)]
        save("train", pool.map(_encode_range, jobs, chunksize=1))
        save("held_story", pool.map(_encode_range, [(path, HELD_OUT_SEED + i * 100, 100, "story") for i in range(10)]))
        save("held_chat", pool.map(_encode_range, [(path, 2 * HELD_OUT_SEED + i * 50, 50, "chat") for i in range(4)]))

    tok = Tokenizer.from_file(path)
    eot = tok.token_to_id("<|endoftext|>")
    for name, part in zip(("book", "held_book"), books.split(args.books)):
        flat, starts, size = [], [], 0
        for _, paragraphs in part:
            for i, p in enumerate(paragraphs):
                starts.append(len(flat))  # a training row may start at any paragraph
                text = p + ("\n\n" if i + 1 < len(paragraphs) else "")
                flat.extend(tok.encode(text, add_special_tokens=False).ids)
                size += len(text.encode())
            flat.append(eot)
        np.save(os.path.join(args.out, name + ".npy"), np.array(flat, dtype=np.uint16))
        np.save(os.path.join(args.out, name + ".start.npy"), np.array(starts, dtype=np.int32))
        info[name] = {"chapters": len(part), "tokens": len(flat), "bytes": size}
    info["seconds"] = round(time.time() - t0, 1)
    with open(os.path.join(args.out, "info.json"), "w") as f:
        json.dump(info, f, indent=1)
    print(json.dumps(info))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = ap.add_subparsers(dest="cmd", required=True)
    p = sub.add_parser("show")
    p.add_argument("seed", type=int)
    p = sub.add_parser("tokenizer")
    p.add_argument("--books", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--stories", type=int, default=4000)
    p = sub.add_parser("tokens")
    p.add_argument("--books", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--stories", type=int, default=600000)
    p.add_argument("--workers", type=int, default=os.cpu_count())
    args = ap.parse_args()
    if args.cmd == "show":
        for i, plot in enumerate(PLOTS):
            print("=====", plot.__name__)
            print(story(random.Random(args.seed * 100 + i), plot))
        print("===== chat")
        for i in range(8):
            print(chat(random.Random(args.seed * 100 + i)))
    elif args.cmd == "tokenizer":
        train_tokenizer(args)
    else:
        make_tokens(args)


if __name__ == "__main__":
    sys.exit(main())
