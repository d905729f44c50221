#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Beam search of Hugging Face transformers over the demo model, in fp32: transformers.txt.

usage: make.py SHARE/DEMO > transformers.txt    (needs torch and transformers)
"""
import sys

import torch
from transformers import AutoModelForCausalLM

PROMPTS = [[514, 258, 425], [465, 273, 704, 11], [9, 31, 77, 500, 12, 44]]
# beams, length penalty, early stopping, tokens, end-of-sequence ids
SEARCHES = [
    (2, 1.0, False, 12, [13]),
    (4, 1.0, False, 16, [13, 11]),
    (4, 0.5, "never", 14, [13, 11]),
    (3, 2.0, True, 16, [13, 11, 258]),
    (8, 0.0, False, 10, [13]),
    (4, -1.0, "never", 12, [13, 11]),
]
# Prompt and search of which rounding alone makes another order: see README.
LEFT_OUT = {(0, 4), (2, 0), (2, 3)}
EARLY = {False: 0, True: 1, "never": 2}


def search(model, prompt, beams, penalty, early, tokens, eos):
    out = model.generate(
        torch.tensor([prompt]), num_beams=beams, num_return_sequences=beams, do_sample=False,
        max_new_tokens=tokens, length_penalty=penalty, early_stopping=early, eos_token_id=eos,
        pad_token_id=0, return_dict_in_generate=True, output_scores=True)
    for ids, score in zip(out.sequences[:, len(prompt):].tolist(), out.sequences_scores.tolist()):
        end = next((i + 1 for i, id in enumerate(ids) if id in eos), len(ids))
        yield score, ids[:end]


def words(ids):
    return " ".join(map(str, [len(ids), *ids]))


def main():
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
    for i, prompt in enumerate(PROMPTS):
        for k, (beams, penalty, early, tokens, eos) in enumerate(SEARCHES):
            if (i, k) in LEFT_OUT:
                continue
            print(f"case {beams} {penalty:g} {EARLY[early]} {tokens} {words(eos)} {words(prompt)}")
            with torch.no_grad():
                for score, ids in search(model, prompt, beams, penalty, early, tokens, eos):
                    print(f"answer {score:.6f} {words(ids)}")


if __name__ == "__main__":
    main()
