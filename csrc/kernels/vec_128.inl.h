// What vector extensions cannot say, for 128-bit vectors: partial vectors go through a copy.

// Elements p[0 .. count), 0 < count < lanes; the other lanes are `other`.
template <typename T>
PF_INLINE Vec<T> load_part(const T* p, int64_t count, T other = 0) {
  Vec<T> v = splat<T>(other);
  PF_UNROLL
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i < count) v[i] = p[i];
  }
  return v;
}

template <typename T>
PF_INLINE void store_part(T* p, Vec<T> v, int64_t count) {
  PF_UNROLL
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i < count) p[i] = v[i];
  }
}

template <typename T>
PF_INLINE Vec<T> square_root(Vec<T> v) {
#if defined(__SSE2__)
  if constexpr (sizeof(T) == 4) {
    return _mm_sqrt_ps(v);
  } else {
    return _mm_sqrt_pd(v);
  }
#else
  PF_UNROLL
  for (int i = 0; i < kLanes<T>; ++i) {
    if constexpr (sizeof(T) == 4) {
      v[i] = __builtin_sqrtf(v[i]);
    } else {
      v[i] = __builtin_sqrt(v[i]);
    }
  }
  return v;
#endif
}

// x^2 - square exactly, square being the rounded x^2 (Dekker 1971: there may be no FMA).
template <typename T>
PF_INLINE Vec<T> square_error(Vec<T> x, Vec<T> square) {
  const IVec<T> high_bits = splat_int<T>(-(Int<T>(1) << (sizeof(T) == 4 ? 12 : 27)));
  const Vec<T> high = from_bits<T>(bits<T>(x) & high_bits);
  const Vec<T> low = x - high;
  return ((high * high - square) + T(2) * high * low) + low * low;
}

template <typename T>
PF_INLINE IVec<T> widen(Bytes<T> v) {
  return __builtin_convertvector(v, IVec<T>);
}

template <typename T>
PF_INLINE Bytes<T> narrow(IVec<T> v) {
  return __builtin_convertvector(v, Bytes<T>);
}

// True if any lane of the mask is set.
template <typename T>
PF_INLINE bool any_lane(IVec<T> mask) {
  typedef int64_t Halves __attribute__((vector_size(16)));
  const Halves v = (Halves)mask;
  return (v[0] | v[1]) != 0;
}
