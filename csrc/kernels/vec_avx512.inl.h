// What vector extensions cannot say, for AVX-512.

// Elements p[0 .. count), 0 < count < lanes; the other lanes are `other`.
template <typename T>
PF_INLINE Vec<T> load_part(const T* p, int64_t count, T other = 0) {
  const uint32_t mask = (1u << count) - 1;
  if constexpr (sizeof(T) == 4) {
    return _mm512_mask_loadu_ps(splat<T>(other), static_cast<__mmask16>(mask), p);
  } else {
    return _mm512_mask_loadu_pd(splat<T>(other), static_cast<__mmask8>(mask), p);
  }
}

template <typename T>
PF_INLINE void store_part(T* p, Vec<T> v, int64_t count) {
  const uint32_t mask = (1u << count) - 1;
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>(mask), v);
  } else {
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>(mask), v);
  }
}

// The zero-masked form, because the plain one starts from an uninitialised vector and warns.
template <typename T>
PF_INLINE Vec<T> square_root(Vec<T> v) {
  if constexpr (sizeof(T) == 4) {
    return _mm512_maskz_sqrt_ps(static_cast<__mmask16>(-1), v);
  } else {
    return _mm512_maskz_sqrt_pd(static_cast<__mmask8>(-1), v);
  }
}
