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
