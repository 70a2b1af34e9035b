"""Python's operators and NumPy-like methods for tensors and variables."""

from __future__ import annotations

from typing import Any

from pyframe.errors import SymbolicTensorError


def _ops() -> Any:
    # The operators are written with tensors, tensors with this class: bind late.
    from pyframe import ops

    return ops


def _numpy_function(name: str, inputs: Any, options: dict[str, Any]) -> Any:
    function = getattr(_ops(), name.removeprefix("a") if name in ("amax", "amin") else name, None)
    if function is None:
        raise _no_numpy(name)
    return function(*inputs, **options)


def _no_numpy(name: str) -> SymbolicTensorError:
    return SymbolicTensorError(
        f"np.{name} does not work on symbolic tensors and variables, which have values only "
        "while the model runs. Use the functions of pyframe.ops."
    )


class Arithmetic:
    """Operators and methods shared by `Tensor` and `Variable`; each is a function of ops."""

    __slots__ = ()

    shape: Any
    dtype: Any

    # NumPy's functions on tensors are the functions of ops of the same name.

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__":
            raise _no_numpy(f"{ufunc.__name__}.{method}")
        return _numpy_function(ufunc.__name__, inputs, options)

    def __array_function__(
        self, function: Any, types: Any, inputs: Any, options: dict[str, Any]
    ) -> Any:
        return _numpy_function(function.__name__, inputs, options)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def T(self) -> Any:
        """The tensor with its axes in reverse order."""
        return _ops().transpose(self)

    def __add__(self, other: Any) -> Any:
        return _ops().add(self, other)

    def __radd__(self, other: Any) -> Any:
        return _ops().add(other, self)

    def __sub__(self, other: Any) -> Any:
        return _ops().subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _ops().subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return _ops().multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _ops().multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return _ops().divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _ops().divide(other, self)

    def __matmul__(self, other: Any) -> Any:
        return _ops().matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _ops().matmul(other, self)

    def __pow__(self, exponent: float) -> Any:
        return _ops().power(self, exponent)

    def __neg__(self) -> Any:
        return _ops().negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return _ops().absolute(self)

    def __gt__(self, other: Any) -> Any:
        return _ops().greater(self, other)

    def __lt__(self, other: Any) -> Any:
        return _ops().less(self, other)

    def __ge__(self, other: Any) -> Any:
        return _ops().greater_equal(self, other)

    def __le__(self, other: Any) -> Any:
        return _ops().less_equal(self, other)

    def __getitem__(self, key: Any) -> Any:
        return _ops().get_item(self, key)

    def reshape(self, *shape: Any) -> Any:
        """Returns the same elements in another shape; one dimension may be -1."""
        one = len(shape) == 1 and isinstance(shape[0], (tuple, list))
        return _ops().reshape(self, shape[0] if one else shape)

    def transpose(self, *axes: Any) -> Any:
        """Returns the tensor with its axes permuted, reversed if none are given."""
        one = len(axes) == 1 and isinstance(axes[0], (tuple, list))
        return _ops().transpose(self, (axes[0] if one else axes) or None)

    def astype(self, dtype: str) -> Any:
        """Returns the tensor cast to another dtype."""
        return _ops().cast(self, dtype)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Returns the sum over the given axes, over all if None."""
        return _ops().sum(self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Returns the mean over the given axes, over all if None."""
        return _ops().mean(self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Returns the largest element over the given axes, over all if None."""
        return _ops().max(self, axis, keepdims)
