// What vector extensions cannot say, for AVX2.

// Elements p[0 .. count), 0 < count < lanes; the other lanes are `other`.
template <typename T>
PF_INLINE Vec<T> load_part(const T* p, int64_t count, T other = 0) {
  const IVec<T> mask = iota<T>() < splat_int<T>(count);
  Vec<T> v;
  if constexpr (sizeof(T) == 4) {
    v = _mm256_maskload_ps(p, (__m256i)mask);
  } else {
    v = _mm256_maskload_pd(p, (__m256i)mask);
  }
  return __builtin_constant_p(other == 0) && other == 0 ? v : (mask ? v : splat<T>(other));
}

template <typename T>
PF_INLINE void store_part(T* p, Vec<T> v, int64_t count) {
  const IVec<T> mask = iota<T>() < splat_int<T>(count);
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_ps(p, (__m256i)mask, v);
  } else {
    _mm256_maskstore_pd(p, (__m256i)mask, v);
  }
}

template <typename T>
PF_INLINE Vec<T> square_root(Vec<T> v) {
  if constexpr (sizeof(T) == 4) {
    return _mm256_sqrt_ps(v);
  } else {
    return _mm256_sqrt_pd(v);
  }
}

// x^2 - square exactly, square being the rounded x^2.
template <typename T>
PF_INLINE Vec<T> square_error(Vec<T> x, Vec<T> square) {
  if constexpr (sizeof(T) == 4) {
    return _mm256_fmsub_ps(x, x, square);
  } else {
    return _mm256_fmsub_pd(x, x, square);
  }
}

template <typename T>
PF_INLINE IVec<T> widen(Bytes<T> v) {
  if constexpr (sizeof(T) == 4) {
    return (IVec<T>)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)v));
  } else {
    return (IVec<T>)_mm256_cvtepu8_epi64(_mm_cvtsi32_si128((int32_t)v));
  }
}

// The low bytes: gathered in each half, then the halves are joined.
template <typename T>
PF_INLINE Bytes<T> narrow(IVec<T> v) {
  if constexpr (sizeof(T) == 4) {
    const __m256i order = _mm256_set1_epi32(0x0c080400);
    const __m256i packed = _mm256_shuffle_epi8((__m256i)v, order);
    const __m128i joined =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
    return (Bytes<T>)_mm_cvtsi128_si64(joined);
  } else {
    return __builtin_convertvector(v, Bytes<T>);
  }
}

// True if any lane of the mask is set.
template <typename T>
PF_INLINE bool any_lane(IVec<T> mask) {
  return _mm256_movemask_epi8((__m256i)mask) != 0;
}
