# SPDX-License-Identifier: Apache-2.0
"""Loads share/demo in transformers, writes sample stories, and makes the golden logits.

python3 verify.py samples DIR [--prompt TEXT] [--count N]
python3 verify.py chat DIR
python3 verify.py golden DIR OUT.safetensors
"""

import argparse
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = (  # cut to 1, 7, 24 and 70 tokens; chosen so that the best two logits are seldom close
    (1, "There was once a princess"),
    (7, '"Good morning, Grandma!" said Oscar. Oscar was a young boy'),
    (
        24,
        "Once upon a time, a young girl named Karen lived with her grandmother in the little town of Sunnyvale.\n\nEarly one morning, Karen",
    ),
    (
        70,
        "Juniper was a busy mouse who lived in a sunny meadow full of snowdrops.\n\nThere was an old golden trumpet that everyone loved to "
        "hear. But one bright morning, there was no sound any more. Without it, the people became quiet and sad. Nobody danced, and "
        "nobody sang. Strong men came with hammers, and clever men came with books, but the golden trumpet did not make a sound.",
    ),
)


def load(path, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation="eager").eval()


def samples(args):
    tok, model = AutoTokenizer.from_pretrained(args.dir), load(args.dir)
    torch.manual_seed(args.seed)
    ids = tok([args.prompt] * args.count, return_tensors="pt", add_special_tokens=False).to(model.device)
    out = model.generate(**ids, do_sample=True, temperature=0.7, top_p=args.top_p, top_k=0, max_new_tokens=700)
    stops = {tok.convert_tokens_to_ids(t) for t in ("<|endoftext|>", "<|im_end|>")}
    for i, row in enumerate(out.tolist()):
        n = next((k for k, t in enumerate(row) if t in stops), None)
        print(f"===== {i}: {'%d tokens' % n if n is not None else 'did not stop'}")
        print(tok.decode(row[:n]))


def chat(args):
    tok, model = AutoTokenizer.from_pretrained(args.dir), load(args.dir)
    torch.manual_seed(args.seed)
    for ask in (
        "Hello!",
        "Who are you?",
        "Tell me a story about a fox named Rusty.",
        "Write a story about a dragon.",
        "What is the capital of Spain?",
        "Thanks!",
        "Please tell me a story about Mia.",
    ):
        text = tok.apply_chat_template([{"role": "user", "content": ask}], add_generation_prompt=True, tokenize=False)
        ids = tok(text, return_tensors="pt", add_special_tokens=False)
        out = model.generate(**ids, do_sample=True, temperature=0.7, top_p=args.top_p, top_k=0, max_new_tokens=700)
        print(tok.decode(out[0]))


@torch.no_grad()
def golden(args):
    from safetensors.torch import save_file
    import transformers

    tok = AutoTokenizer.from_pretrained(args.dir)
    fp32, bf16 = load(args.dir), load(args.dir, torch.bfloat16)
    out = {}
    for i, (n, text) in enumerate(PROMPTS):
        ids = torch.tensor([tok(text, add_special_tokens=False).input_ids[:n]])
        assert ids.shape[1] == n, (i, ids.shape)
        keep = min(n, args.positions)
        out[f"ids.{i}"] = ids[0].to(torch.int32)
        out[f"logits_fp32.{i}"] = fp32(ids).logits[0, -keep:].float().contiguous()
        out[f"logits_bf16.{i}"] = bf16(ids).logits[0, -keep:].float().contiguous()
        greedy, margin = [], []
        for _ in range(16):
            best = fp32(ids).logits[0, -1].float().topk(2)
            greedy.append(int(best.indices[0]))
            margin.append(float(best.values[0] - best.values[1]))
            ids = torch.cat((ids, best.indices[:1][None]), 1)
        out[f"greedy.{i}"] = torch.tensor(greedy, dtype=torch.int32)
        out[f"margin.{i}"] = torch.tensor(margin)
        error = (out[f"logits_bf16.{i}"] - out[f"logits_fp32.{i}"]).abs().max()
        print(i, n, "largest error of bf16", float(error), repr(tok.decode(greedy)), "smallest margin", min(margin))
    save_file(
        out,
        args.out,
        metadata={
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "note": "eager attention on the CPU; logits_* hold the last min(n,%d) positions; fp32 run on the bf16 checkpoint; "
            "greedy from the fp32 run" % args.positions,
        },
    )


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = ap.add_subparsers(required=True)
    for name, fn in (("samples", samples), ("chat", chat), ("golden", golden)):
        p = sub.add_parser(name)
        p.set_defaults(fn=fn)
        p.add_argument("dir")
        p.add_argument("--seed", type=int, default=1)
        p.add_argument("--top-p", type=float, default=1.0)
        if name == "samples":
            p.add_argument("--prompt", default="Once upon a time")
            p.add_argument("--count", type=int, default=10)
        if name == "golden":
            p.add_argument("out")
            p.add_argument("--positions", type=int, default=5, help="how many of the last positions to keep")
    args = ap.parse_args()
    args.fn(args)


if __name__ == "__main__":
    sys.exit(main())
