import numpy

from torch.tensor import Tensor


class TensorDataset:
    def __init__(self, *tensors):
        self.tensors = tensors

    def __len__(self):
        return len(self.tensors[0])

    def __getitem__(self, index):
        return tuple(found[index] for found in self.tensors)


class DataLoader:
    def __init__(self, dataset, batch_size=1, shuffle=False):
        self.dataset, self.batch_size = dataset, batch_size

    def __len__(self):
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self):
        for start in range(0, len(self.dataset), self.batch_size):
            index = numpy.arange(start, min(start + self.batch_size, len(self.dataset)))
            yield tuple(Tensor(found.array[index]) for found in self.dataset.tensors)
