"""llama.cpp's own HTTP server on loopback, one thread, until standard input closes: serve.py KEY

Prints its address when it answers. The model is whatever setup.sh put into .venv/model.gguf."""

import os
import pathlib
import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = str(pathlib.Path(__file__).parent / ".venv" / "model.gguf")
params.model_alias = {"smollm2"}
params.hostnames = ["127.0.0.1"]
params.port = 0
params.api_keys = [sys.argv[1]]
params.n_ctx = 4096
params.n_parallel = 1
params.endpoint_slots = True
# More threads than idle cores make llama.cpp spin, and everything else on the machine with it.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.n_threads_http = 4
params.sampling.temp = 0.0
params.warmup = False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
# The server has threads of its own that do not end by themselves.
os._exit(0)
