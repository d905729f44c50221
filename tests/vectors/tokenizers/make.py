#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the small tokenizers and the ids expected of them.

    pip install tokenizers==0.23.3
    make.py BOOK.txt OUT_FOLDER

Trains five BPE tokenizers on a text and writes NAME.json and NAME.cases.json,
what the library gives for each text below: ids, ids with the post-processor,
the ids' text, and the same without special tokens.
"""
import json
import sys
from pathlib import Path

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
        r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
KIMI = (r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{M}&&[^\p{Han}]]*[\p{L}\p{M}&&[^\p{Han}]]+|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

TEXTS = [
    "", " ", "  ", "\n", "\r\n\r\n", "\t\tx", "a", "Hello world", "Once upon a time there was a king.",
    "It's we'll they'RE I'M don't 'S 'ſ", " leading", "trailing ", "a  b   c    d", "x\r\ny\r\n\r\nz",
    "123 4567 89012345678", "3.14159e-10 ½ Ⅷ １２３ ٣٤", "中文测试，你好世界。", "日本語のテスト カタカナ",
    "한국어 시험", "Привет, мир!", "שלום", "مرحبا", "नमस्ते", "e\u0301 vs \u00e9, A\u030a \u212b", "a\u0300\u0301\u0302b\u0323\u0301",
    "\u089f\u05bd \U0001e130\u05b3", "ﬁ ligature ① ﷺ", "👩‍👩‍👧‍👦 🏳️‍🌈", "zero\u200bwidth\u00a0nbsp\u3000ideo\u180emvs\u0085nel",
    "\u0001ctl\u007f", "foo_bar(baz[0])->qux /* c */", "if (a<=b&&c!=d) {\n\treturn -1;\n}\n",
    "aAbBcC CamelCase SCREAMING snake_case", "…—–“quotes”‘x’", "   \n   \n\t\n  end", "\ufeffBOM", "𝔘𝔫𝔦 𝟘𝟙",
    "İstanbul ıß ẞ", "【a】漢字abc漢", "<|im_start|>user\nhi<|im_end|>\n", "x<|im_end|>y", "<s>not</s> <s> </s>",
    "the <tool> and <tool>", "a<strip>b  <strip>  c", "word wordy word-word sword", "Éa éA Ｗide",
    "<0x41><0x0A>", "▁ ▁▁ _", "kingkingking the the thethe", "!!!???...,,,;;;",
]


def trained(tok, book, size, **kw):
    tok.train_from_iterator([book], trainers.BpeTrainer(vocab_size=size, show_progress=False, **kw))
    return tok


def byte_level():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def qwen(book):
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN), "isolated"), byte_level()])
    tok.decoder = decoders.ByteLevel()
    trained(tok, book, 520, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tok.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("<strip>", lstrip=True, rstrip=True)])
    return tok


def kimi(book):
    tok = Tokenizer(models.BPE(ignore_merges=True))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(KIMI), "isolated"), byte_level()])
    tok.decoder = decoders.ByteLevel()
    trained(tok, book, 520, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.add_special_tokens(["<s>", "</s>"])
    ids = [(t, tok.token_to_id(t)) for t in ("<s>", "</s>")]
    tok.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ids)])
    return tok


def spm(book, prepend):
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if prepend:
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    bytes_ = ["<0x%02X>" % b for b in range(256)]
    lines = book.splitlines()
    tok.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=600, show_progress=False, max_token_length=8,
        special_tokens=["<unk>", "<s>", "</s>"] + bytes_))
    data = json.loads(tok.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    tok = Tokenizer.from_str(json.dumps(data))
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                     decoders.Strip(" ", 1, 0)])
    if not prepend:
        tok.add_tokens([AddedToken("word", single_word=True), AddedToken("<strip>", lstrip=True, normalized=False),
                        AddedToken("<tool>", rstrip=True)])
    return tok


def words(book):
    tok = Tokenizer(models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"))
    tok.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(),
                                           normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("isolated"),
                                                 pre_tokenizers.Digits(individual_digits=True)])
    tok.decoder = decoders.BPEDecoder("</w>")
    trained(tok, book, 400, special_tokens=["[UNK]"], end_of_word_suffix="</w>")
    tok.add_tokens([AddedToken("Word", single_word=True)])
    return tok


def main():
    book = Path(sys.argv[1]).read_text(encoding="utf-8")[:200000]
    out = Path(sys.argv[2])
    made = {"qwen": qwen(book), "kimi": kimi(book), "llama": spm(book, True), "mistral": spm(book, False),
            "words": words(book)}
    for name, tok in made.items():
        data = json.loads(tok.to_str())
        if name == "kimi":  # the older way to write merges
            data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        tok = Tokenizer.from_str(text)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        cases = []
        for t in TEXTS:
            ids = tok.encode(t, add_special_tokens=False).ids
            cases.append({"text": t, "ids": ids, "ids_special": tok.encode(t).ids,
                          "decoded": tok.decode(ids, skip_special_tokens=False),
                          "decoded_skip": tok.decode(ids)})
        lines = ",\n".join(json.dumps(c, ensure_ascii=True, separators=(",", ":")) for c in cases)
        (out / f"{name}.cases.json").write_text('{"cases":[\n' + lines + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
