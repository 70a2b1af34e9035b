// Where pixels come from, and what is between them: the vector loops of _affine.pyx.
//
// Four channels of a pixel are blended at once, first down, then across, in one order of the
// operations everywhere: results have the same bits with AVX2, without it, and at the ends of rows
// and images, where there is no room for whole vectors. Equal neighbours give exactly their value,
// which matters where values are cut to whole numbers afterwards.
#ifndef PYFRAME_PREPROCESSING_BLEND_H_
#define PYFRAME_PREPROCESSING_BLEND_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#define PYFRAME_AVX2 __attribute__((target("avx2")))
#endif
#define PYFRAME_INLINE static inline __attribute__((always_inline))
#define PYFRAME_APART static __attribute__((noinline, unused))  // rare, and in need of registers

enum { PYFRAME_BLOCK = 64 };  // pixels in work at once

typedef struct {
  ptrdiff_t row, column, channel, channels;  // strides of the image, and channels
  ptrdiff_t down, right;                     // to the neighbours; 0 in images of one row or column
  double y_limit, x_limit;                   // of the upper left one of four neighbours
  double y_last, x_last;                     // of the last pixel
  float cval;
} pyframe_image;

// Places of pixels in a row of the result: y = y0 + (first + step * k) * dy, x in the same way.
typedef struct {
  double y0, dy, x0, dx, first, step;
} pyframe_line;

static inline void pyframe_prefetch(const void* p) { __builtin_prefetch(p); }

static inline void pyframe_place(const pyframe_line* line, const pyframe_image* s, int nearest,
                                 ptrdiff_t n, double* y, double* x) {
  const pyframe_line l = *line;
  for (int k = 0; k < (int)n; ++k) {
    y[k] = l.y0 + (l.first + l.step * (double)k) * l.dy;
    x[k] = l.x0 + (l.first + l.step * (double)k) * l.dx;
  }
  if (!nearest) return;
  const double y_last = s->y_last, x_last = s->x_last;
  for (ptrdiff_t k = 0; k < n; ++k) {
    const double yk = y[k] > 0.0 ? y[k] : 0.0, xk = x[k] > 0.0 ? x[k] : 0.0;
    y[k] = yk < y_last ? yk : y_last;
    x[k] = xk < x_last ? xk : x_last;
  }
}

// Splits places into the first of four neighbours and the fractions of the way to the others.
PYFRAME_INLINE void pyframe_split(const pyframe_image* s, const double* y, const double* x,
                                  ptrdiff_t n, double* offset, float* fy, float* fx) {
  const double y_limit = s->y_limit, x_limit = s->x_limit;
  const double row = (double)s->row, column = (double)s->column;
  for (ptrdiff_t k = 0; k < n; ++k) {
    const double yk = (double)(int)(y[k] < y_limit ? y[k] : y_limit);
    const double xk = (double)(int)(x[k] < x_limit ? x[k] : x_limit);
    fy[k] = (float)(y[k] - yk);
    fx[k] = (float)(x[k] - xk);
    offset[k] = yk * row + xk * column;  // exact, and strides may be negative
  }
}

typedef float pyframe_v4 __attribute__((vector_size(16)));

PYFRAME_INLINE pyframe_v4 pyframe_load_float(const float* p) {
  pyframe_v4 v;
  memcpy(&v, p, sizeof v);
  return v;
}

PYFRAME_INLINE pyframe_v4 pyframe_load_uint8(const uint8_t* p) {
#if defined(__SSE2__)
  int bits;
  memcpy(&bits, p, sizeof bits);
  const __m128i zero = _mm_setzero_si128();
  const __m128i words = _mm_unpacklo_epi8(_mm_cvtsi32_si128(bits), zero);
  return (pyframe_v4)_mm_cvtepi32_ps(_mm_unpacklo_epi16(words, zero));
#else
  return (pyframe_v4){(float)p[0], (float)p[1], (float)p[2], (float)p[3]};
#endif
}

// Blends the pixels of a block. `vectors` of them have room for four floats in the result; those
// with y = -1 are the constant.
#define PYFRAME_BLEND(type)                                                                    \
  PYFRAME_APART void pyframe_blend_one_##type(const type* p, const pyframe_image* s, float fy, \
                                              float fx, float* out) {                          \
    for (ptrdiff_t c = 0; c < s->channels; ++c, p += s->channel) {                             \
      const float a = (float)p[0], b = (float)p[s->right];                                     \
      const float left = a + ((float)p[s->down] - a) * fy;                                     \
      const float right = b + ((float)p[s->down + s->right] - b) * fy;                         \
      out[c] = left + (right - left) * fx;                                                     \
    }                                                                                          \
  }                                                                                            \
  static inline void pyframe_blend_##type(const pyframe_image* s, const type* image,           \
                                          const type* end, const double* y, const double* x,   \
                                          ptrdiff_t n, ptrdiff_t vectors, float* out) {        \
    double offset[PYFRAME_BLOCK];                                                              \
    float fy[PYFRAME_BLOCK], fx[PYFRAME_BLOCK];                                                \
    const ptrdiff_t down = s->down, right = s->right;                                          \
    pyframe_split(s, y, x, n, offset, fy, fx);                                                 \
    for (ptrdiff_t k = 0; k < n; ++k, out += s->channels) {                                    \
      if (y[k] < 0.0) {                                                                        \
        for (ptrdiff_t c = 0; c < s->channels; ++c) out[c] = s->cval;                          \
        continue;                                                                              \
      }                                                                                        \
      const type* p = image + (ptrdiff_t)offset[k];                                            \
      if (k < vectors && end - p >= down + right + 4) {                                        \
        const pyframe_v4 a = pyframe_load_##type(p), b = pyframe_load_##type(p + right);       \
        const pyframe_v4 l = a + (pyframe_load_##type(p + down) - a) * fy[k];                  \
        const pyframe_v4 r = b + (pyframe_load_##type(p + down + right) - b) * fy[k];          \
        const pyframe_v4 v = l + (r - l) * fx[k];                                              \
        memcpy(out, &v, sizeof v);                                                             \
      } else {                                                                                 \
        pyframe_blend_one_##type(p, s, fy[k], fx[k], out);                                     \
      }                                                                                        \
    }                                                                                          \
  }
typedef uint8_t uint8;
PYFRAME_BLEND(uint8)
PYFRAME_BLEND(float)

#if defined(__x86_64__)
// The same for bytes of three or four channels side by side: eight bytes hold a pixel and the one
// to its right, so both are blended downwards at once. Places are found for a whole block before
// its pixels are blended: in turns both would wait for each other's results.
typedef struct {
  int at[PYFRAME_BLOCK];
  float fy[PYFRAME_BLOCK], fx[PYFRAME_BLOCK];
  int last;     // offset up to which all that a pixel reads is in the image
  int careful;  // whether one of the pixels is the constant, or beyond `last`
} pyframe_block;

// Returns the offsets; negative ones are those of the constant.
PYFRAME_AVX2 PYFRAME_INLINE __m128i pyframe_split_four(pyframe_block* block, const pyframe_image* s,
                                                       ptrdiff_t k, __m256d y, __m256d x) {
  const __m256d y_limit = _mm256_set1_pd(s->y_limit), x_limit = _mm256_set1_pd(s->x_limit);
  const __m256d row = _mm256_set1_pd((double)s->row), column = _mm256_set1_pd((double)s->column);
  const __m256d y0 = _mm256_cvtepi32_pd(_mm256_cvttpd_epi32(_mm256_min_pd(y, y_limit)));
  const __m256d x0 = _mm256_cvtepi32_pd(_mm256_cvttpd_epi32(_mm256_min_pd(x, x_limit)));
  const __m128i offset = _mm256_cvttpd_epi32(y0 * row + x0 * column);
  _mm_storeu_si128((__m128i*)(block->at + k), offset);
  _mm_storeu_ps(block->fy + k, _mm256_cvtpd_ps(y - y0));
  _mm_storeu_ps(block->fx + k, _mm256_cvtpd_ps(x - x0));
  return offset;
}

PYFRAME_AVX2 PYFRAME_INLINE __m128 pyframe_blend_pixel(const uint8_t* p, ptrdiff_t down,
                                                       __m256i spread, const float* fy,
                                                       const float* fx) {
  const __m256i upper = _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i*)p));
  const __m256i lower = _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i*)(p + down)));
  // With the bits of 2^23 above it a byte b is the float 2^23 + b.
  const __m256i bits = _mm256_set1_epi32(0x4b000000);
  const __m256 a = (__m256)_mm256_or_si256(_mm256_shuffle_epi8(upper, spread), bits);
  const __m256 b = (__m256)_mm256_or_si256(_mm256_shuffle_epi8(lower, spread), bits);
  const __m256 ab = (a - (__m256)bits) + (b - a) * _mm256_broadcast_ss(fy);
  const __m128 left = _mm256_castps256_ps128(ab), right = _mm256_extractf128_ps(ab, 1);
  return left + (right - left) * _mm_broadcast_ss(fx);
}

PYFRAME_AVX2 static void pyframe_blend_found(const pyframe_block* block, const pyframe_image* s,
                                             const uint8_t* image, ptrdiff_t n, ptrdiff_t vectors,
                                             float* out) {
  // Bytes 0 to 3 go to the words of the lower half, those of the next pixel to the upper half.
  const int64_t next = 0x03020100 + 0x01010101 * (int64_t)s->right;
  const __m256i bytes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((next << 32) | 0x03020100));
  const __m256i spread = _mm256_or_si256(bytes, _mm256_set1_epi32((int)0x80808000));
  const ptrdiff_t down = s->down, channels = s->channels;
  const ptrdiff_t inside = block->careful ? 0 : vectors;
  for (ptrdiff_t k = 0; k < inside; ++k, out += channels) {
    const uint8_t* p = image + block->at[k];
    _mm_storeu_ps(out, pyframe_blend_pixel(p, down, spread, block->fy + k, block->fx + k));
  }
  for (ptrdiff_t k = inside; k < n; ++k, out += channels) {
    const int at = block->at[k];
    if (at < 0) {  // y = x = -1
      for (ptrdiff_t c = 0; c < channels; ++c) out[c] = s->cval;
    } else if (k < vectors && at <= block->last) {
      const uint8_t* p = image + at;
      _mm_storeu_ps(out, pyframe_blend_pixel(p, down, spread, block->fy + k, block->fx + k));
    } else {
      pyframe_blend_one_uint8(image + at, s, block->fy[k], block->fx[k], out);
    }
  }
}

PYFRAME_AVX2 PYFRAME_INLINE void pyframe_check(pyframe_block* block, __m128i low, __m128i high) {
  const __m128i beyond = _mm_cmpgt_epi32(high, _mm_set1_epi32(block->last));
  block->careful = _mm_movemask_epi8(beyond) != 0 || _mm_movemask_ps(_mm_castsi128_ps(low)) != 0;
}

PYFRAME_INLINE int pyframe_last(const pyframe_image* s, const uint8_t* image, const uint8_t* end) {
  return end - image < INT32_MAX ? (int)(end - image - s->down - 8) : INT32_MAX;
}

// Pixels of a row whose places outside count as the nearest ones inside.
PYFRAME_AVX2 static void pyframe_blend_line_avx2(const pyframe_line* line, const pyframe_image* s,
                                                 const uint8_t* image, const uint8_t* end,
                                                 ptrdiff_t n, float* out) {
  const __m256d zero = _mm256_setzero_pd(), step = _mm256_set1_pd(line->step);
  const __m256d y_last = _mm256_set1_pd(s->y_last), x_last = _mm256_set1_pd(s->x_last);
  const __m256d dy = _mm256_set1_pd(line->dy), dx = _mm256_set1_pd(line->dx);
  const __m256d first = _mm256_set1_pd(line->first);
  const __m256d y0 = _mm256_set1_pd(line->y0), x0 = _mm256_set1_pd(line->x0);
  const int room = s->channels == 4;  // for the fourth float of the last pixel
  const int last = pyframe_last(s, image, end);
  __m256d number = _mm256_setr_pd(0.0, 1.0, 2.0, 3.0);
  for (; n > 0; n -= PYFRAME_BLOCK, out += PYFRAME_BLOCK * s->channels) {
    const ptrdiff_t some = n < PYFRAME_BLOCK ? n : PYFRAME_BLOCK;
    pyframe_block block;
    __m128i low = _mm_setzero_si128(), high = low;
    block.last = last;
    for (ptrdiff_t k = 0; k < some; k += 4, number = number + _mm256_set1_pd(4.0)) {
      const __m256d place = first + step * number;
      const __m256d y = _mm256_min_pd(_mm256_max_pd(y0 + place * dy, zero), y_last);
      const __m256d x = _mm256_min_pd(_mm256_max_pd(x0 + place * dx, zero), x_last);
      const __m128i offset = pyframe_split_four(&block, s, k, y, x);
      low = _mm_min_epi32(low, offset), high = _mm_max_epi32(high, offset);
    }
    pyframe_check(&block, low, high);
    pyframe_blend_found(&block, s, image, some, some < n || room ? some : some - 1, out);
  }
}

// Pixels of a block whose places are known, with room for `vectors` times four floats.
PYFRAME_AVX2 static void pyframe_blend_block_avx2(const pyframe_image* s, const uint8_t* image,
                                                  const uint8_t* end, const double* y,
                                                  const double* x, ptrdiff_t n, ptrdiff_t vectors,
                                                  float* out) {
  pyframe_block block;
  block.last = pyframe_last(s, image, end);
  block.careful = 1;
  ptrdiff_t k = 0;
  for (; k + 4 <= n; k += 4) {
    pyframe_split_four(&block, s, k, _mm256_loadu_pd(y + k), _mm256_loadu_pd(x + k));
  }
  if (k < n) {
    double rest_y[4] = {0.0}, rest_x[4] = {0.0};
    memcpy(rest_y, y + k, (size_t)(n - k) * sizeof *y);
    memcpy(rest_x, x + k, (size_t)(n - k) * sizeof *x);
    pyframe_split_four(&block, s, k, _mm256_loadu_pd(rest_y), _mm256_loadu_pd(rest_x));
  }
  pyframe_blend_found(&block, s, image, n, vectors, out);
}
#else
static inline void pyframe_blend_line_avx2(const pyframe_line* line, const pyframe_image* s,
                                           const uint8_t* image, const uint8_t* end, ptrdiff_t n,
                                           float* out) {
  (void)line, (void)s, (void)image, (void)end, (void)n, (void)out;
}
static inline void pyframe_blend_block_avx2(const pyframe_image* s, const uint8_t* image,
                                            const uint8_t* end, const double* y, const double* x,
                                            ptrdiff_t n, ptrdiff_t vectors, float* out) {
  (void)s, (void)image, (void)end, (void)y, (void)x, (void)n, (void)vectors, (void)out;
}
#endif

#endif  // PYFRAME_PREPROCESSING_BLEND_H_
