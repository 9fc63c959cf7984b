"""As much of torch as the programs of the documents ask for, over numpy: shapes and files are right, nothing is learnt.

Real torch is too large for the tests; what they are about is what the programs hand to `artcli`.
"""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy

from torch.tensor import Tensor

float32 = numpy.float32
_random = numpy.random.default_rng(0)

backends = SimpleNamespace(cudnn=SimpleNamespace(deterministic=False))
cuda = SimpleNamespace(is_available=lambda: False, manual_seed_all=lambda seed: None)


class Adam:
    def __init__(self, parameters):
        self.parameters = list(parameters)

    def zero_grad(self):
        pass

    def step(self):
        pass


optim = SimpleNamespace(Adam=Adam)


def manual_seed(seed):
    global _random
    _random = numpy.random.default_rng(seed)


def device(name):
    return name


class no_grad:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def tensor(data):
    return Tensor(numpy.asarray(data))


def rand(*shape):
    return Tensor(_random.random(shape, dtype=numpy.float32))


def unsqueeze(found, dim):
    return Tensor(numpy.expand_dims(found.array, dim))


def cat(tensors, dim=0):
    return Tensor(numpy.concatenate([found.array for found in tensors], axis=dim))


def argsort(found, dim=-1):
    return Tensor(numpy.argsort(found.array, axis=dim, kind="stable"))


def save(value, into):
    if hasattr(into, "write"):
        pickle.dump(value, into)
    else:
        with open(into, "wb") as file:
            pickle.dump(value, file)


def load(path):
    with open(path, "rb") as file:
        return pickle.load(file)


from torch import nn, utils  # noqa: E402
from torch.utils import data as _data  # noqa: E402, F401
