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

// x^2 - square exactly, square being the rounded x^2.
template <typename T>
PF_INLINE Vec<T> square_error(Vec<T> x, Vec<T> square) {
  if constexpr (sizeof(T) == 4) {
    return _mm512_fmsub_ps(x, x, square);
  } else {
    return _mm512_fmsub_pd(x, x, square);
  }
}

template <typename T>
PF_INLINE IVec<T> widen(Bytes<T> v) {
  if constexpr (sizeof(T) == 4) {
    return (IVec<T>)_mm512_maskz_cvtepu8_epi32(static_cast<__mmask16>(-1), (__m128i)v);
  } else {
    return (IVec<T>)_mm512_maskz_cvtepu8_epi64(static_cast<__mmask8>(-1),
                                               _mm_cvtsi64_si128((int64_t)v));
  }
}

// The low bytes.
template <typename T>
PF_INLINE Bytes<T> narrow(IVec<T> v) {
  if constexpr (sizeof(T) == 4) {
    return (Bytes<T>)_mm512_maskz_cvtepi32_epi8(static_cast<__mmask16>(-1), (__m512i)v);
  } else {
    return (Bytes<T>)_mm_cvtsi128_si64(
        _mm512_maskz_cvtepi64_epi8(static_cast<__mmask8>(-1), (__m512i)v));
  }
}

// y 2^n for integral n, rounded once.
#define PF_HAS_SCALE
template <typename T>
PF_INLINE Vec<T> scale_by_power(Vec<T> y, Vec<T> n) {
  if constexpr (sizeof(T) == 4) {
    return _mm512_maskz_scalef_ps(static_cast<__mmask16>(-1), y, n);
  } else {
    return _mm512_maskz_scalef_pd(static_cast<__mmask8>(-1), y, n);
  }
}

// True if any lane of the mask is set.
template <typename T>
PF_INLINE bool any_lane(IVec<T> mask) {
  return _mm512_movepi32_mask((__m512i)mask) != 0;
}

// Vectors of half the size for products with few columns: twice as fast as whole ones where the
// processor computes those half by half, and never slower.
#define PF_HAS_HALF
template <typename T>
struct Half {
  using Element = T;
  typedef T Value __attribute__((vector_size(32)));
  typedef T Memory __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));
  static constexpr int64_t kCount = kLanes<T> / 2;

  static PF_INLINE Value from(const T* p) { return *reinterpret_cast<const Memory*>(p); }
  static PF_INLINE void to(T* p, Value v) { *reinterpret_cast<Memory*>(p) = v; }
  static PF_INLINE Value from(const T* p, int64_t count) {
    const auto mask = static_cast<__mmask8>((1u << count) - 1);
    if constexpr (sizeof(T) == 4) {
      return _mm256_maskz_loadu_ps(mask, p);
    } else {
      return _mm256_maskz_loadu_pd(mask, p);
    }
  }
  static PF_INLINE void to(T* p, Value v, int64_t count) {
    const auto mask = static_cast<__mmask8>((1u << count) - 1);
    if constexpr (sizeof(T) == 4) {
      _mm256_mask_storeu_ps(p, mask, v);
    } else {
      _mm256_mask_storeu_pd(p, mask, v);
    }
  }
};
