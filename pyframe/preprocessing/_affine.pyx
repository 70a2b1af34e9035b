"""Augmentation of a batch of images in one pass over each: warp, flips, colours, standardisation.

The conventions are those of scipy.ndimage.affine_transform for the geometry and of Pillow's
ImageEnhance.Brightness for the brightness. One thread makes one image, so results do not depend
on the number of threads.
"""

from cython.parallel cimport prange
from libc.math cimport INFINITY, floor, isnan, sqrt
from libc.stdint cimport int64_t, uint8_t

cdef extern from "_blend.h":
    ctypedef struct pyframe_image:
        Py_ssize_t row, column, channel, channels
        Py_ssize_t down, right
        double y_limit, x_limit, y_last, x_last
        float cval

    ctypedef struct pyframe_line:
        double y0, dy, x0, dx, first, step

    const int BLOCK "PYFRAME_BLOCK"
    void prefetch "pyframe_prefetch"(const void *p) noexcept nogil
    void place "pyframe_place"(
        const pyframe_line *line, const pyframe_image *image, bint nearest, Py_ssize_t n,
        double *y, double *x,
    ) noexcept nogil
    void blend_uint8 "pyframe_blend_uint8"(
        const pyframe_image *image, const uint8_t *pixels, const uint8_t *end,
        const double *y, const double *x, Py_ssize_t n, Py_ssize_t vectors, float *out,
    ) noexcept nogil
    void blend_float "pyframe_blend_float"(
        const pyframe_image *image, const float *pixels, const float *end,
        const double *y, const double *x, Py_ssize_t n, Py_ssize_t vectors, float *out,
    ) noexcept nogil
    void blend_block_avx2 "pyframe_blend_block_avx2"(
        const pyframe_image *image, const uint8_t *pixels, const uint8_t *end,
        const double *y, const double *x, Py_ssize_t n, Py_ssize_t vectors, float *out,
    ) noexcept nogil
    void blend_line_avx2 "pyframe_blend_line_avx2"(
        const pyframe_line *line, const pyframe_image *image, const uint8_t *pixels,
        const uint8_t *end, Py_ssize_t n, float *out,
    ) noexcept nogil

ctypedef fused Pixel:
    uint8_t
    float

cdef enum:
    CONSTANT = 0
    NEAREST = 1
    REFLECT = 2
    WRAP = 3

cdef enum:
    FETCHED_LINES = 8192  # 512 KiB, what a second-level cache holds for certain

cdef enum:  # columns of `geometry`
    M00, M01, M10, M11, OFFSET_Y, OFFSET_X, FLIP_X, FLIP_Y, WARPED

cdef enum:  # columns of `colours`
    CHANNEL_SHIFT, BRIGHTNESS


cdef struct Rules:  # what is the same for all images of a batch
    pyframe_image image  # strides in elements and limits of the sources
    Py_ssize_t height, width, channels  # of the sources
    Py_ssize_t out_height, out_width
    int order, mode
    float rescale
    bint avx2, has_rescale, centre, std
    const float *mean  # tables of one row or of all rows, NULL: not applied
    const float *deviation
    Py_ssize_t mean_row, deviation_row


cdef inline double map_coordinate(double x, Py_ssize_t n, int mode) noexcept nogil:
    """The coordinate in [0, n - 1] whose value stands for the one at x; -1: the constant."""
    cdef double last = <double> (n - 1), period
    if 0.0 <= x <= last:
        return x
    if mode == CONSTANT:
        return -1.0
    if n == 1:
        return 0.0
    if mode == NEAREST:
        return 0.0 if x < 0.0 else last
    if mode == REFLECT:  # d c b a | a b c d | d c b a
        period = 2.0 * n
        x -= period * floor(x / period)
        if x >= n:
            x = period - 1.0 - x
        return min(max(x, 0.0), last)
    # The first and the last pixel share a place, as in SciPy: the period is n - 1.
    if x < 0.0:
        return min(x + last * (floor(-x / last) + 1.0), last)
    return max(x - last * floor(x / last), 0.0)


cdef inline pyframe_line line_of(
    const double *geometry, Py_ssize_t i, Py_ssize_t first, const Rules *rules
) noexcept nogil:
    """Where the pixels of row i come from, of column `first` and those after it."""
    cdef pyframe_line line
    cdef double row = <double> (rules.out_height - 1 - i if geometry[FLIP_Y] else i)
    # Summed in SciPy's order, so that places between two pixels are rounded to the same one.
    line.y0, line.dy = geometry[OFFSET_Y] + row * geometry[M00], geometry[M01]
    line.x0, line.dx = geometry[OFFSET_X] + row * geometry[M10], geometry[M11]
    line.first = <double> (rules.out_width - 1 - first if geometry[FLIP_X] else first)
    line.step = -1.0 if geometry[FLIP_X] else 1.0
    return line


cdef inline void place_pixels(
    double *y, double *x, const double *geometry, Py_ssize_t i, Py_ssize_t first, Py_ssize_t n,
    const Rules *rules,
) noexcept nogil:
    """Finds where n pixels of row i come from, with places outside mapped into the image."""
    cdef Py_ssize_t k
    cdef double last_y = rules.image.y_last, last_x = rules.image.x_last
    cdef pyframe_line line = line_of(geometry, i, first, rules)
    place(&line, &rules.image, rules.mode == NEAREST, n, y, x)
    if rules.mode == NEAREST:
        return
    for k in range(n):
        if not (0.0 <= y[k] <= last_y and 0.0 <= x[k] <= last_x):
            y[k] = map_coordinate(y[k], rules.height, rules.mode)
            x[k] = map_coordinate(x[k], rules.width, rules.mode)
            if y[k] < 0.0 or x[k] < 0.0:
                y[k] = x[k] = -1.0


cdef inline void gather_pixels(
    const Pixel *image, const double *y, const double *x, Py_ssize_t n, float *out,
    const Rules *rules,
) noexcept nogil:
    """Takes the nearest pixels; y = -1 stands for the constant."""
    cdef Py_ssize_t k, c, channels = rules.channels
    cdef const Pixel *p
    for k in range(n):
        p = image + <Py_ssize_t> (y[k] + 0.5) * rules.image.row
        p += <Py_ssize_t> (x[k] + 0.5) * rules.image.column
        for c in range(channels):
            out[c] = <float> p[c * rules.image.channel] if y[k] >= 0.0 else rules.image.cval
        out += channels


cdef inline void blend_pixels(
    const Pixel *image, const Pixel *end, const double *y, const double *x, Py_ssize_t n,
    bint last, float *out, const Rules *rules,
) noexcept nogil:
    """Blends the four neighbours of each place; y = -1 stands for the constant."""
    # A vector of three channels touches a fourth element, which the next pixel overwrites.
    cdef Py_ssize_t vectors = n - 1 if last and rules.channels == 3 else n
    if rules.image.channel != 1 or rules.channels < 3 or rules.channels > 4:
        vectors = 0
    if Pixel is uint8_t:
        if rules.avx2:
            blend_block_avx2(&rules.image, image, end, y, x, n, vectors, out)
        else:
            blend_uint8(&rules.image, image, end, y, x, n, vectors, out)
    else:
        blend_float(&rules.image, image, end, y, x, n, vectors, out)


cdef inline void warp_row(
    const Pixel *image, const Pixel *end, const double *geometry, Py_ssize_t i, float *out,
    const Rules *rules,
) noexcept nogil:
    """Computes row i of the output before colours; vectors are read below `end` only."""
    cdef Py_ssize_t first = 0, n
    cdef double[BLOCK] y
    cdef double[BLOCK] x
    cdef pyframe_line line
    if Pixel is uint8_t:
        if rules.avx2 and rules.order == 1 and rules.mode == NEAREST:
            line = line_of(geometry, i, 0, rules)
            blend_line_avx2(&line, &rules.image, image, end, rules.out_width, out)
            return
    while first < rules.out_width:
        n = min(rules.out_width - first, BLOCK)
        place_pixels(y, x, geometry, i, first, n, rules)
        if rules.order == 0:
            gather_pixels(image, y, x, n, out, rules)
        else:
            blend_pixels(image, end, y, x, n, first + n == rules.out_width, out, rules)
        first += n
        out += n * rules.channels


cdef inline void fetch_image(const Pixel *image, const Rules *rules) noexcept nogil:
    """Asks for an image in the order of its addresses: a turned one is read across its rows."""
    cdef Py_ssize_t k, line = 64 // sizeof(Pixel), lines = rules.height * rules.image.row // line
    if rules.image.row > 0 and lines <= FETCHED_LINES:
        for k in range(lines):
            prefetch(image + k * line)


cdef inline void copy_row(
    const Pixel *image, const double *geometry, Py_ssize_t i, float *out, const Rules *rules
) noexcept nogil:
    """Row i without a warp."""
    cdef Py_ssize_t k, c, _, step = rules.image.column
    cdef const Pixel *p = image
    p += rules.image.row * (rules.height - 1 - i if geometry[FLIP_Y] else i)
    if geometry[FLIP_X]:
        p += (rules.width - 1) * rules.image.column
        step = -step
    elif rules.image.channel == 1 and step == rules.channels:
        for k in range(rules.width * rules.channels):
            out[k] = <float> p[k]
        return
    for _ in range(rules.width):
        for c in range(rules.channels):
            out[c] = <float> p[c * rules.image.channel]
        out += rules.channels
        p += step


cdef inline void standardize_row(float *row, Py_ssize_t i, const Rules *rules) noexcept nogil:
    """Subtracts the mean of the data set and divides by its standard deviation."""
    cdef Py_ssize_t k, n = rules.out_width * rules.channels
    cdef const float *table
    if rules.mean != NULL:
        table = rules.mean + i * rules.mean_row
        for k in range(n):
            row[k] -= table[k]
    if rules.deviation != NULL:
        table = rules.deviation + i * rules.deviation_row
        for k in range(n):
            row[k] /= table[k]


cdef inline void shift_channels(
    float *image, Py_ssize_t n, float shift, float low, float high
) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        image[k] = min(max(image[k] + shift, low), high)


cdef inline void change_brightness(
    float *image, Py_ssize_t n, Py_ssize_t channels, float factor, float low, float high
) noexcept nogil:
    """Like Pillow, on whole numbers 0..255; other ranges are stretched to it and back."""
    cdef Py_ssize_t k
    cdef bint stretched = low < 0.0 or high > 255.0
    cdef float value, span = high - low
    cdef float divisor = span if span != 0.0 else 1.0
    for k in range(n):
        value = image[k]
        if stretched:
            value = (value - low) / divisor * <float> 255.0
        value = <float> <int> min(max(value, <float> 0.0), <float> 255.0)
        if channels != 4 or k % 4 != 3:  # not the opacity
            value = <float> <int> min(max(factor * value, <float> 0.0), <float> 255.0)
        image[k] = value / <float> 255.0 * span + low if stretched else value


cdef inline void standardize_sample(
    float *image, Py_ssize_t n, bint centre, bint std
) noexcept nogil:
    """Makes the mean of the image 0, and its standard deviation 1."""
    cdef Py_ssize_t k
    cdef double total = 0.0, mean, squares = 0.0
    cdef float offset = 0.0, divisor
    for k in range(n):
        total += image[k]
    mean = total / <double> n
    if centre:
        offset = <float> mean
    if std:
        for k in range(n):
            squares += (image[k] - mean) * (image[k] - mean)
        divisor = <float> sqrt(squares / <double> n) + <float> 1e-6
        for k in range(n):
            image[k] = (image[k] - offset) / divisor
    else:
        for k in range(n):
            image[k] -= offset


cdef void augment_image(
    const Pixel *image, const Pixel *end, const double *geometry, const float *colours,
    float *out, const Rules *rules,
) noexcept nogil:
    cdef Py_ssize_t i, k, width = rules.out_width * rules.channels
    cdef Py_ssize_t n = rules.out_height * width
    cdef bint shifted = not isnan(colours[CHANNEL_SHIFT])
    cdef bint brighter = not isnan(colours[BRIGHTNESS])
    cdef bint late = shifted or brighter or rules.centre or rules.std
    cdef float low = INFINITY, high = -INFINITY, shift = colours[CHANNEL_SHIFT]
    cdef float rescale = rules.rescale
    cdef float *row = out
    if geometry[WARPED]:
        fetch_image(image, rules)
    for i in range(rules.out_height):
        if geometry[WARPED]:
            warp_row(image, end, geometry, i, row, rules)
        else:
            copy_row(image, geometry, i, row, rules)
        if shifted or brighter:
            for k in range(width):
                low = min(low, row[k])
                high = max(high, row[k])
        if not late:  # the row is still in the nearest cache
            if rules.has_rescale:
                for k in range(width):
                    row[k] *= rescale
            standardize_row(row, i, rules)
        row += width
    if not late:
        return
    if shifted:
        shift_channels(out, n, shift, low, high)
        # Shifting and clipping keep the order of values.
        low, high = min(max(low + shift, low), high), max(min(high + shift, high), low)
    if brighter:
        change_brightness(out, n, rules.channels, colours[BRIGHTNESS], low, high)
    if rules.has_rescale:
        for k in range(n):
            out[k] *= rescale
    if rules.centre or rules.std:
        standardize_sample(out, n, rules.centre, rules.std)
    for i in range(rules.out_height):
        standardize_row(out + i * width, i, rules)


def augment(
    const Pixel[:, :, :, :] source not None,
    const int64_t[::1] index not None,
    const double[:, ::1] geometry not None,
    const float[:, ::1] colours not None,
    float[:, :, :, ::1] out not None,
    *,
    int order = 1,
    int mode = NEAREST,
    float cval = 0.0,
    rescale=None,
    bint centre = False,
    bint std = False,
    const float[:, ::1] mean = None,
    const float[:, ::1] deviation = None,
    int threads = 1,
    bint avx2 = False,
):
    """Fills `out` with augmented images; see `_affine.pyi`."""
    cdef Rules rules
    cdef Py_ssize_t n, count = out.shape[0]
    cdef Py_ssize_t columns = out.shape[2] * out.shape[3]
    cdef const Pixel *end = NULL
    if not (index.shape[0] == geometry.shape[0] == colours.shape[0] == count):
        raise ValueError("index, geometry, colours and out must have the same length")
    if geometry.shape[1] != 9 or colours.shape[1] != 2 or out.shape[3] != source.shape[3]:
        raise ValueError("geometry needs 9 columns, colours 2, out the channels of source")
    for n in range(count):
        if not 0 <= index[n] < source.shape[0]:
            raise IndexError("index out of range")
        if not geometry[n, WARPED] and (
            out.shape[1] != source.shape[1] or out.shape[2] != source.shape[2]
        ):
            raise ValueError("only warped images may change their size")
    rules.mean = rules.deviation = NULL
    rules.mean_row = rules.deviation_row = 0
    if mean is not None:
        if mean.shape[1] != columns or mean.shape[0] not in (1, out.shape[1]):
            raise ValueError("mean does not fit")
        rules.mean, rules.mean_row = &mean[0, 0], columns if mean.shape[0] > 1 else 0
    if deviation is not None:
        if deviation.shape[1] != columns or deviation.shape[0] not in (1, out.shape[1]):
            raise ValueError("deviation does not fit")
        rules.deviation = &deviation[0, 0]
        rules.deviation_row = columns if deviation.shape[0] > 1 else 0
    if out.size == 0 or source.size == 0:
        return
    rules.height, rules.width = source.shape[1], source.shape[2]
    rules.channels = source.shape[3]
    rules.image.row = source.strides[1] // <Py_ssize_t> sizeof(Pixel)
    rules.image.column = source.strides[2] // <Py_ssize_t> sizeof(Pixel)
    rules.image.channel = source.strides[3] // <Py_ssize_t> sizeof(Pixel)
    rules.image.channels = rules.channels
    rules.image.down = rules.image.row if rules.height > 1 else 0
    rules.image.right = rules.image.column if rules.width > 1 else 0
    rules.image.y_limit = <double> max(rules.height - 2, 0)
    rules.image.x_limit = <double> max(rules.width - 2, 0)
    rules.image.y_last = <double> (rules.height - 1)
    rules.image.x_last = <double> (rules.width - 1)
    rules.image.cval = cval
    rules.out_height, rules.out_width = out.shape[1], out.shape[2]
    rules.order, rules.mode = order, mode
    rules.has_rescale = rescale is not None
    rules.rescale = rescale if rescale is not None else 1.0
    rules.centre, rules.std = centre, std
    if source.strides[0] >= 0 and rules.image.row >= 0 and rules.image.column >= 0:
        end = &source[source.shape[0] - 1, rules.height - 1, rules.width - 1, rules.channels - 1]
        end += 1
    # These kernels read eight bytes for two pixels and count bytes in 32 bits.
    rules.avx2 = (
        avx2 and end != NULL and rules.image.channel == 1 and 3 <= rules.channels <= 4
        and 3 <= rules.image.right <= 4
        and rules.height * rules.image.row + rules.width * rules.image.column < 1 << 31
    )
    for n in prange(
        count, nogil=True, schedule="dynamic", chunksize=1, num_threads=max(1, min(threads, count))
    ):
        augment_image(
            &source[index[n], 0, 0, 0], end, &geometry[n, 0], &colours[n, 0], &out[n, 0, 0, 0],
            &rules,
        )
