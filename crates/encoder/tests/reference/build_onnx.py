#!/usr/bin/env python3
"""Writes `fp32.onnx` beside the weights of a BERT-family model folder: the reference that onnxruntime runs.

The graph is the textbook one, operator by operator, from the original 32-bit weights. With `--int8` it also writes
`int8.onnx`, onnxruntime's own dynamic quantisation of it, the faster baseline of the speed comparison.
"""

import argparse
import json
import math
import struct
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    return tensors


class Graph:
    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, value, kind=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=kind), name))
        return name

    def __call__(self, operator, *inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name


def build(folder):
    config = json.loads((folder / "config.json").read_text())
    weights = read_safetensors(folder / "model.safetensors")
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    g = Graph()
    eps = float(config.get("layer_norm_eps", 1e-12))

    def norm(x, name):
        scale, bias = (g.constant(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return g("LayerNormalization", x, scale, bias, axis=-1, epsilon=eps)

    def linear(x, name):
        product = g("MatMul", x, g.constant(weights[name + ".weight"].T))
        return g("Add", product, g.constant(weights[name + ".bias"]))

    def split(x, order):
        wide = g("Reshape", x, g.constant([0, 0, heads, hidden // heads], np.int64))
        return g("Transpose", wide, perm=order)

    words = g("Gather", g.constant(weights["embeddings.word_embeddings.weight"]), "input_ids")
    shape = g("Shape", "input_ids")
    tokens = g("Gather", shape, g.constant([1], np.int64))
    places = g("Slice", g.constant(weights["embeddings.position_embeddings.weight"]), g.constant([0], np.int64), tokens)
    kinds = g.constant(weights["embeddings.token_type_embeddings.weight"][0])
    x = norm(g("Add", g("Add", words, kinds), places), "embeddings.LayerNorm")
    mask = g("Cast", "attention_mask", to=TensorProto.FLOAT)
    mask = g("Mul", g("Sub", mask, g.constant(1.0)), g.constant(1e9))
    mask = g("Unsqueeze", mask, g.constant([1, 2], np.int64))
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}."
        q = split(linear(x, at + "attention.self.query"), [0, 2, 1, 3])
        k = split(linear(x, at + "attention.self.key"), [0, 2, 3, 1])
        v = split(linear(x, at + "attention.self.value"), [0, 2, 1, 3])
        scores = g("Mul", g("MatMul", q, k), g.constant(1 / math.sqrt(hidden // heads)))
        shares = g("Softmax", g("Add", scores, mask), axis=-1)
        context = g("Transpose", g("MatMul", shares, v), perm=[0, 2, 1, 3])
        context = g("Reshape", context, g.constant([0, 0, hidden], np.int64))
        x = norm(g("Add", x, linear(context, at + "attention.output.dense")), at + "attention.output.LayerNorm")
        h = g("Gelu", linear(x, at + "intermediate.dense"))
        x = norm(g("Add", x, linear(h, at + "output.dense")), at + "output.LayerNorm")
    g.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))

    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["texts", "tokens"]) for n in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["texts", "tokens", hidden])]
    graph = helper.make_graph(g.nodes, "bert", inputs, outputs, g.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--int8", action="store_true")
    arguments = parser.parse_args()
    onnx.save(build(arguments.folder), arguments.folder / "fp32.part")
    if arguments.int8:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(arguments.folder / "fp32.part", arguments.folder / "int8.onnx", per_channel=True,
                         op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)
    (arguments.folder / "fp32.part").rename(arguments.folder / "fp32.onnx")


if __name__ == "__main__":
    main()
