"""What lies around Pillow's JPEG decoder: the head of a file, and where the decoder's rows lie."""

from libc.stdint cimport uint8_t, uintptr_t
from libc.stdlib cimport free, malloc

cdef enum:  # markers after 0xFF; ITU-T T.81, table B.1
    SOF0 = 0xC0
    SOF2 = 0xC2
    DHT = 0xC4
    SOI = 0xD8
    SOS = 0xDA
    DQT = 0xDB
    DRI = 0xDD
    APP0 = 0xE0
    APP2 = 0xE2
    APP15 = 0xEF
    COM = 0xFE

cdef enum:
    TRIES = 4
    SPACER = 40  # bytes: whoever takes so many moves what comes next by half of 32 bytes


cdef inline bint known_tables(const uint8_t *tables, Py_ssize_t n) noexcept nogil:
    """Tells whether quantization tables are whole."""
    cdef Py_ssize_t size
    while n > 0:
        size = 1 + (128 if tables[0] >> 4 else 64)
        if size > n:
            return False
        tables += size
        n -= size
    return True


cdef inline bint several_pictures(const uint8_t *segment, Py_ssize_t n) noexcept nogil:
    """Tells whether a segment APP2 is the list of pictures of an MPO file."""
    return n >= 4 and segment[0] == b"M" and segment[1] == b"P" and segment[2] == b"F"


def read_head(const uint8_t[::1] data not None):
    """Returns (width, height, components); see `_jpeg.pyi`."""
    cdef Py_ssize_t i = 2, n, end = data.shape[0]
    cdef int marker
    cdef object found = None
    if end < 4 or data[0] != 0xFF or data[1] != SOI:
        return None
    while i + 4 <= end and data[i] == 0xFF:
        marker = data[i + 1]
        n = 256 * data[i + 2] + data[i + 3] - 2
        i += 4
        if n < 0 or n > end - i:
            return None
        if marker == SOS:
            return found
        if SOF0 <= marker <= SOF2:
            if found is not None or n < 6 or n != 6 + 3 * data[i + 5] or data[i] != 8:
                return None
            found = 256 * data[i + 3] + data[i + 4], 256 * data[i + 1] + data[i + 2], data[i + 5]
            if 0 in found:
                return None
        elif marker == DQT:
            if not n or not known_tables(&data[i], n):
                return None
        elif marker == APP2:
            if n and several_pictures(&data[i], n):
                return None
        elif marker not in (DHT, DRI, COM) and not APP0 <= marker <= APP15:
            return None
        i += n
    return None


def set_image(decoder not None, image not None, tuple extents not None, size_t row):
    """Gives a decoder its image; see `_jpeg.pyi`."""
    cdef void *held[2 * TRIES]
    cdef void *place = malloc(row)
    cdef int i, n = 0
    while n < 2 * TRIES and place != NULL and <uintptr_t> place % 32 == 0:
        held[n], held[n + 1] = place, malloc(SPACER)
        n += 2
        place = malloc(row)
    free(place)  # whoever asks next for as much gets it
    try:
        decoder.setimage(image, extents)
    finally:
        for i in range(n):
            free(held[i])
