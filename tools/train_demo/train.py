# SPDX-License-Identifier: Apache-2.0
"""Trains the demo model: Qwen3 architecture in plain PyTorch, with the parameter names of Hugging Face.

Reads the token files of corpus.py, writes share/demo's config.json, model.safetensors (bf16), tokenizer_config.json and
generation_config.json, and a report (report.json) with the held-out bits per byte of the bf16 weights.
"""

import argparse
import contextlib
import json
import math
import os
import shutil
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": None,
    "eos_token_id": 4093,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 256,
    "initializer_range": 0.02,
    "intermediate_size": 448,
    "max_position_embeddings": 2048,
    "max_window_layers": 8,
    "model_type": "qwen3",
    "num_attention_heads": 8,
    "num_hidden_layers": 8,
    "num_key_value_heads": 4,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.51.0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 4096,
}
CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.eps)
        return (y * self.weight).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv_heads, self.dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        hidden = c["hidden_size"]
        self.q_proj = nn.Linear(hidden, self.heads * self.dim, bias=False)
        self.k_proj = nn.Linear(hidden, self.kv_heads * self.dim, bias=False)
        self.v_proj = nn.Linear(hidden, self.kv_heads * self.dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.dim, hidden, bias=False)
        self.q_norm = RMSNorm(self.dim, c["rms_norm_eps"])
        self.k_norm = RMSNorm(self.dim, c["rms_norm_eps"])

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        q = self.q_norm(self.q_proj(x).view(b, t, self.heads, self.dim)).transpose(1, 2)
        k = self.k_norm(self.k_proj(x).view(b, t, self.kv_heads, self.dim)).transpose(1, 2)
        v = self.v_proj(x).view(b, t, self.kv_heads, self.dim).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        group = self.heads // self.kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        y = F.scaled_dot_product_attention(q, k, v.to(q.dtype), is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, self.heads * self.dim))


def rotate(x, cos, sin):
    x1, x2 = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-x2, x1), dim=-1) * sin).to(x.dtype)


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.up_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.down_proj = nn.Linear(c["intermediate_size"], c["hidden_size"], bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn = Attention(c)
        self.mlp = MLP(c)
        self.input_layernorm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        self.post_attention_layernorm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))
        self.norm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.model = Body(c)
        half = torch.arange(0, c["head_dim"], 2, dtype=torch.float32) / c["head_dim"]
        angle = torch.outer(torch.arange(c["max_position_embeddings"], dtype=torch.float32), c["rope_theta"] ** -half)
        self.register_buffer("cos", torch.cat((angle, angle), -1).cos(), persistent=False)
        self.register_buffer("sin", torch.cat((angle, angle), -1).sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                std = 0.02
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    std /= math.sqrt(2 * c["num_hidden_layers"])
                nn.init.normal_(p, std=std)

    def forward(self, ids, targets):
        """Mean cross entropy; a target of -1 does not count."""
        t = ids.shape[1]
        cos, sin = self.cos[:t], self.sin[:t]
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        logits = F.linear(self.model.norm(x), self.model.embed_tokens.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets.reshape(-1), ignore_index=-1)


class Documents:
    """Rows that start at a document's start. A row holds whole documents and, last, the beginning of one more."""

    def __init__(self, folder, seed):
        self.flat = np.load(os.path.join(folder, "train.npy"))
        self.lengths = np.load(os.path.join(folder, "train.len.npy")).astype(np.int64)
        self.starts = np.concatenate(([0], np.cumsum(self.lengths)[:-1]))
        self.rng = np.random.default_rng(seed)
        self.next = None
        self.epochs = 0

    def _shuffle(self):
        order = self.rng.permutation(len(self.lengths))
        lengths, starts = self.lengths[order], self.starts[order]
        self.ends = np.cumsum(lengths)
        begin = self.ends - lengths
        index = np.arange(self.ends[-1]) + np.repeat(starts - begin, lengths)
        self.stream = self.flat[index]
        self.begin = begin
        self.next = 0
        self.epochs += 1

    def rows(self, count, width):
        out = np.empty((count, width), dtype=np.int64)
        for i in range(count):
            if self.next is None or self.next >= len(self.begin) or self.begin[self.next] + width > len(self.stream):
                self._shuffle()
            at = self.begin[self.next]
            out[i] = self.stream[at : at + width]
            self.next = int(np.searchsorted(self.ends, at + width)) + 1
        return out


class Books:
    """Rows that start at a random paragraph."""

    def __init__(self, folder, seed):
        self.flat = np.load(os.path.join(folder, "book.npy"))
        self.starts = np.load(os.path.join(folder, "book.start.npy"))
        self.rng = np.random.default_rng(seed)

    def rows(self, count, width):
        usable = self.starts[self.starts + width <= len(self.flat)]
        at = self.rng.choice(usable, count)
        return (
            np.stack([self.flat[a : a + width] for a in at]).astype(np.int64)
            if count
            else np.empty((0, width), np.int64)
        )


@torch.no_grad()
def held_out(model, folder, device, autocast):
    """Bits per byte. Stories and chats stand alone in their rows; the books are read in windows of 1024 tokens."""
    info = json.load(open(os.path.join(folder, "info.json")))
    out = {}
    for name in ("held_story", "held_chat", "held_book"):
        flat = np.load(os.path.join(folder, name + ".npy")).astype(np.int64)
        if name == "held_book":
            pieces = [flat[i : i + 1025] for i in range(0, len(flat) - 1, 1024)]
        else:
            ends = np.cumsum(np.load(os.path.join(folder, name + ".len.npy")))
            pieces = [flat[b : min(e, b + 2049)] for b, e in zip(np.concatenate(([0], ends[:-1])), ends)]
        nats = count = 0
        # Pad to few distinct shapes, longest first.
        pieces.sort(key=len, reverse=True)
        for i in range(0, len(pieces), 32):
            group = pieces[i : i + 32]
            width = -(-(len(group[0]) - 1) // 128) * 128
            ids = np.zeros((len(group), width), dtype=np.int64)
            targets = np.full((len(group), width), -1, dtype=np.int64)
            for row, piece in enumerate(group):
                ids[row, : len(piece) - 1] = piece[:-1]
                targets[row, : len(piece) - 1] = piece[1:]
            n = int((targets >= 0).sum())
            with autocast():
                loss = model(torch.from_numpy(ids).to(device), torch.from_numpy(targets).to(device))
            nats += float(loss) * n
            count += n
        out[name] = {
            "bits_per_byte": round(nats / math.log(2) / info[name]["bytes"], 4),
            "nats_per_token": round(nats / count, 4),
        }
    return out


def export(model, args):
    from safetensors.torch import save_file

    os.makedirs(args.out, exist_ok=True)
    tensors = {k: v.detach().to(torch.bfloat16).cpu().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, os.path.join(args.out, "model.safetensors"), metadata={"format": "pt"})

    def dump(name, value):
        with open(os.path.join(args.out, name), "w") as f:
            json.dump(value, f, indent=2)
            f.write("\n")

    dump("config.json", CONFIG)
    dump(
        "generation_config.json",
        {
            "do_sample": True,
            "eos_token_id": [4093, 4095],
            "pad_token_id": 4093,
            "temperature": 0.7,
            "top_p": 0.9,
            "transformers_version": "4.51.0",
        },
    )
    special = [(4093, "<|endoftext|>"), (4094, "<|im_start|>"), (4095, "<|im_end|>")]
    dump(
        "tokenizer_config.json",
        {
            "add_bos_token": False,
            "add_prefix_space": False,
            "added_tokens_decoder": {
                str(i): {
                    "content": t,
                    "lstrip": False,
                    "normalized": False,
                    "rstrip": False,
                    "single_word": False,
                    "special": True,
                }
                for i, t in special
            },
            "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
            "bos_token": None,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "eos_token": "<|endoftext|>",
            "errors": "replace",
            "model_max_length": 2048,
            "pad_token": "<|endoftext|>",
            "split_special_tokens": False,
            "tokenizer_class": "Qwen2Tokenizer",
            "unk_token": None,
        },
    )
    source = os.path.join(args.tokenizer, "tokenizer.json")
    target = os.path.join(args.out, "tokenizer.json")
    if os.path.abspath(source) != os.path.abspath(target):
        shutil.copyfile(source, target)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tokens", required=True, help="folder of corpus.py tokens")
    ap.add_argument("--tokenizer", required=True, help="folder of tokenizer.json")
    ap.add_argument("--out", required=True)
    ap.add_argument("--steps", type=int, default=0)
    ap.add_argument("--seconds", type=float, default=0, help="instead of --steps: as many steps as fit")
    ap.add_argument("--tokens-per-step", type=int, default=131072)
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--no-compile", action="store_true")
    args = ap.parse_args()

    t0 = time.time()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    model = Model(CONFIG).to(device)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters on {device}", flush=True)

    def autocast():
        return torch.autocast(device, dtype=torch.bfloat16) if device == "cuda" else contextlib.nullcontext()

    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.dim() != 2 or "embed" in n]
    opt = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=args.lr,
        betas=(0.9, 0.95),
        eps=1e-9,
        fused=device == "cuda",
    )
    step_fn = model if args.no_compile else torch.compile(model, dynamic=False)
    docs, book = Documents(args.tokens, args.seed), Books(args.tokens, args.seed + 1)

    # Every fourth step reads rows of 2048 tokens, the others rows of 1024. Every other step has one row of the books: more
    # would only be learned by heart, for the books are small.
    def batch(step):
        width = min(2048 if step % 4 == 3 else 1024, args.tokens_per_step)
        rows = args.tokens_per_step // width
        from_books = 1 - step % 2
        data = np.concatenate((docs.rows(rows - from_books, width + 1), book.rows(from_books, width + 1)))
        data = torch.from_numpy(data)
        if device == "cuda":
            data = data.pin_memory().to(device, non_blocking=True)
        return data[:, :-1].contiguous(), data[:, 1:].contiguous()

    steps, warmup, losses, clock = args.steps or 10**9, 200, [], None
    step = 0
    while step < steps:
        if step < warmup:
            lr = args.lr * (step + 1) / warmup
        else:
            lr = args.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))))
        for g in opt.param_groups:
            g["lr"] = lr
        ids, targets = batch(step)
        with autocast():
            loss = step_fn(ids, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        opt.zero_grad(set_to_none=True)
        losses.append(loss.detach())
        step += 1
        if not args.steps and step in (40, 160):
            if device == "cuda":
                torch.cuda.synchronize()
            if step == 40:
                clock = time.time()
            else:
                per_step = (time.time() - clock) / 120
                steps = max(400, int(step + (args.seconds - (time.time() - t0)) / per_step))
                print(f"{per_step * 1000:.1f} ms a step, so {steps} steps", flush=True)
        if step % 250 == 0 or step == steps:
            mean = float(torch.stack(losses).mean())
            losses = []
            print(f"step {step} loss {mean:.4f} lr {lr:.2e} epoch {docs.epochs} {time.time() - t0:.0f} s", flush=True)
        if step % 1000 == 0:
            print(json.dumps(held_out(model, args.tokens, device, autocast)), flush=True)

    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.to(torch.bfloat16))
    report = {
        "parameters": count,
        "steps": steps,
        "tokens": steps * args.tokens_per_step,
        "epochs": docs.epochs,
        "seed": args.seed,
        "lr": args.lr,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "torch": torch.__version__,
        "seconds": round(time.time() - t0),
        "held_out": held_out(model, args.tokens, device, autocast),
        "corpus": json.load(open(os.path.join(args.tokens, "info.json"))),
    }
    export(model, args)
    with open(os.path.join(args.out, "report.json"), "w") as f:
        json.dump(report, f, indent=1)
    print(json.dumps(report))


if __name__ == "__main__":
    sys.exit(main())
