import numpy


def plain(value):
    return value.array if isinstance(value, Tensor) else value


def indices(index):
    return tuple(map(plain, index)) if isinstance(index, tuple) else plain(index)


class Tensor:
    requires_grad = False

    def __init__(self, array):
        self.array = numpy.asarray(array)

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return f"torch.{self.array.dtype}"

    ndim = property(lambda self: self.array.ndim)

    def detach(self):
        return self

    cpu = detach

    def to(self, device):
        return self

    def backward(self):
        pass

    def numpy(self):
        return self.array

    def permute(self, *axes):
        return Tensor(self.array.transpose(axes))

    def type(self, dtype):
        return Tensor(self.array.astype(dtype))

    def view(self, *shape):
        return Tensor(self.array.reshape(*shape))

    def view_as(self, other):
        return Tensor(self.array.reshape(other.array.shape))

    def argmax(self, dim, keepdim=False):
        found = self.array.argmax(axis=dim)
        return Tensor(numpy.expand_dims(found, dim) if keepdim else found)

    def eq(self, other):
        return Tensor(self.array == plain(other))

    def sum(self):
        return Tensor(self.array.sum())

    def item(self):
        return self.array.item()

    def __getitem__(self, index):
        return Tensor(self.array[indices(index)])

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        return map(Tensor, self.array)

    def __int__(self):
        return int(self.array.item())

    def __float__(self):
        return float(self.array.item())

    def __format__(self, form):
        return format(self.array.item(), form)

    def __add__(self, other):
        return Tensor(self.array + plain(other))

    __radd__ = __add__

    def __mul__(self, other):
        return Tensor(self.array * plain(other))

    __rmul__ = __mul__

    def __truediv__(self, other):
        return Tensor(self.array / plain(other))
