"""Rows and columns of a decoded picture, without Python between its pixels."""

from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memcpy


cdef inline void take(
    const uint8_t *source, Py_ssize_t row, Py_ssize_t channels, const int32_t[::1] rows,
    const int32_t[::1] columns, uint8_t *out,
) noexcept nogil:
    """Copies pixels; `channels` must be a constant, so that one is one move."""
    cdef Py_ssize_t i, j
    cdef const uint8_t *line
    for i in range(rows.shape[0]):
        line = source + rows[i] * row
        for j in range(columns.shape[0]):
            memcpy(out, line + channels * <Py_ssize_t> columns[j], channels)
            out += channels


def take_pixels(
    const uint8_t[:, :, ::1] source not None,
    const int32_t[::1] rows not None,
    const int32_t[::1] columns not None,
    uint8_t[:, :, ::1] out not None,
):
    """Fills `out` with pixels of `source`; see `_pixels.pyi`."""
    cdef Py_ssize_t i, channels = source.shape[2], row = source.shape[1] * channels
    if channels not in (1, 4) or out.shape[2] != channels:
        raise ValueError("pixels need 1 or 4 channels in source and out")
    if out.shape[0] != rows.shape[0] or out.shape[1] != columns.shape[0]:
        raise ValueError("out needs a row and a column for each number")
    for i in range(rows.shape[0]):
        if not 0 <= rows[i] < source.shape[0]:
            raise IndexError("row out of range")
    for i in range(columns.shape[0]):
        if not 0 <= columns[i] < source.shape[1]:
            raise IndexError("column out of range")
    if not rows.shape[0] or not columns.shape[0]:
        return
    with nogil:
        if channels == 4:
            take(&source[0, 0, 0], row, 4, rows, columns, &out[0, 0, 0])
        else:
            take(&source[0, 0, 0], row, 1, rows, columns, &out[0, 0, 0])
