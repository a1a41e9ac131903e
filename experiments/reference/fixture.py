"""Writes the text files that tests compare with: lines of `name shape values` (package learn/nn/reference)."""
import os
import sys

import torch

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


class Fixture:
    """A file of values; path is relative to the repository."""

    def __init__(self, path):
        self.path, self.lines = os.path.join(ROOT, path), []
        self.lines.append(f"# written by experiments/reference/{os.path.basename(sys.argv[0])}, torch {torch.__version__.split('+')[0]}, CPU")

    def put(self, name, value):
        value = torch.as_tensor(value).detach().contiguous()
        shape = "x".join(map(str, value.shape)) or "-"
        self.lines.append(" ".join([name, shape] + [f"{v:.9g}" for v in value.flatten().tolist()]))

    def write(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w") as f:
            f.write("\n".join(self.lines) + "\n")
        print(f"{os.path.relpath(self.path, ROOT)}: {os.path.getsize(self.path)} bytes")
