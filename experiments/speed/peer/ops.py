"""Cases that torch_step.py has not: products of numpy (OpenBLAS) and small ones of PyTorch, both into an array that is there;
the eager form of gather, sum and sum of squares; the Parquet scan of pyarrow. Run by serve.py, which gives
timed and data.
"""
import os
import numpy, threadpoolctl

def floats(*shape):
    return numpy.random.default_rng(1).standard_normal(shape, dtype=numpy.float32)

def product(name, x, w):
    o = numpy.empty((x.shape[0], w.shape[1]), numpy.float32)
    timed("numpy " + name, 1, lambda: numpy.matmul(x, w, out=o), "")

for m, k, n in [(4096, 624, 1024), (4096, 1024, 512), (512, 512, 512), (2048, 2048, 2048)]:
    product(f"matmul:{m}x{k}x{n}", floats(m, k), floats(k, n))
product("matmul:624x4096x1024", floats(4096, 624).T, floats(4096, 1024))

import torch
import torch.nn.functional as F

for m, k, n in [(16, 464, 256), (16, 256, 128), (64, 464, 256)]:
    a, b = floats(m, k), floats(k, n)
    product(f"matmul:{m}x{k}x{n}", a, b)
    x, w, o = torch.from_numpy(a), torch.from_numpy(b), torch.empty(m, n)
    timed(f"torch matmul:{m}x{k}x{n}", 1, lambda: torch.mm(x, w, out=o), "")

ids, table = torch.randint(0, 1_000_000, (4096, 39)), torch.randn(1_000_000, 16)
ids[:, :8] %= 100

def gather_fm():
    v = F.embedding(ids, table)
    return v.sum(1), (v * v).sum(1)

timed("torch gather_fm", 1, gather_fm, "")

import pyarrow.parquet

flights = os.path.join(data, "flights-3m", "flights-3m.parquet")
timed("pyarrow scan", 1, lambda: pyarrow.parquet.read_table(flights), "")
