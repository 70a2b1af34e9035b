// Vec<T>: PF_VBYTES bytes of T, with matching vectors of signed (IVec) and unsigned (UVec)
// integers; a comparison of two Vec<T> is an IVec<T> of 0 and -1.

#define PF_INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define PF_UNROLL PF_PRAGMA(unroll)
#else
#define PF_UNROLL PF_PRAGMA(GCC unroll 32)
#endif

template <typename T>
struct VecTypes;

#define PF_VEC_TYPES(T, I, U)                                                                \
  template <>                                                                                \
  struct VecTypes<T> {                                                                       \
    using Int = I;                                                                           \
    using Uint = U;                                                                          \
    typedef T Value __attribute__((vector_size(PF_VBYTES)));                                 \
    typedef I Signed __attribute__((vector_size(PF_VBYTES)));                                \
    typedef U Unsigned __attribute__((vector_size(PF_VBYTES)));                              \
    typedef T Memory __attribute__((vector_size(PF_VBYTES), aligned(sizeof(T)), may_alias)); \
    typedef uint8_t Bytes __attribute__((vector_size(PF_VBYTES / sizeof(T))));               \
    typedef uint8_t BytesMemory                                                              \
        __attribute__((vector_size(PF_VBYTES / sizeof(T)), aligned(1), may_alias));          \
  }
PF_VEC_TYPES(float, int32_t, uint32_t);
PF_VEC_TYPES(double, int64_t, uint64_t);
#undef PF_VEC_TYPES

template <typename T>
using Vec = typename VecTypes<T>::Value;
template <typename T>
using IVec = typename VecTypes<T>::Signed;
template <typename T>
using UVec = typename VecTypes<T>::Unsigned;
template <typename T>
using Bytes = typename VecTypes<T>::Bytes;
template <typename T>
using Int = typename VecTypes<T>::Int;

template <typename T>
constexpr int64_t kLanes = PF_VBYTES / sizeof(T);
constexpr int kMaxRows = PF_MAX_ROWS;
constexpr int kTileVectors = PF_TILE_VECTORS;
constexpr int kAccumulators = PF_ACCUMULATORS;

template <typename T>
constexpr T kInfinity = static_cast<T>(__builtin_inf());
template <typename T>
constexpr T kNan = static_cast<T>(__builtin_nan(""));
template <typename T>
constexpr T kLargest = sizeof(T) == 4 ? static_cast<T>(__FLT_MAX__) : static_cast<T>(__DBL_MAX__);

template <typename T>
PF_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecTypes<T>::Memory*>(p);
}

template <typename T>
PF_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecTypes<T>::Memory*>(p) = v;
}

template <typename T>
PF_INLINE Vec<T> splat(T value) {
  return value - Vec<T>{};  // x - 0 is x for every x, -0 included
}

template <typename T>
PF_INLINE IVec<T> splat_int(int64_t value) {
  return static_cast<Int<T>>(value) + IVec<T>{};
}

// 0, 1, 2, ...
template <typename T>
PF_INLINE IVec<T> iota() {
  IVec<T> v{};
  PF_UNROLL
  for (int i = 0; i < kLanes<T>; ++i) v[i] = i;
  return v;
}

template <typename T>
PF_INLINE IVec<T> bits(Vec<T> v) {
  return reinterpret_cast<IVec<T>>(v);
}

template <typename T>
PF_INLINE Vec<T> from_bits(IVec<T> v) {
  return reinterpret_cast<Vec<T>>(v);
}

// -0.0 in every lane: the sign bit.
template <typename T>
PF_INLINE IVec<T> sign_mask() {
  return bits<T>(splat<T>(-T(0)));
}

template <typename T>
PF_INLINE Vec<T> vabs(Vec<T> v) {
  return from_bits<T>(bits<T>(v) & ~sign_mask<T>());
}

template <typename T>
PF_INLINE Vec<T> copysign(Vec<T> magnitude, Vec<T> sign) {
  return from_bits<T>((bits<T>(magnitude) & ~sign_mask<T>()) | (bits<T>(sign) & sign_mask<T>()));
}

// The lanes of v where mask is -1, else zero.
template <typename T>
PF_INLINE Vec<T> keep(IVec<T> mask, Vec<T> v) {
  return from_bits<T>(bits<T>(v) & mask);
}

// A NaN in v stays a NaN.
template <typename T>
PF_INLINE Vec<T> at_least(Vec<T> v, Vec<T> low) {
  return low > v ? low : v;
}

template <typename T>
PF_INLINE Vec<T> at_most(Vec<T> v, Vec<T> high) {
  return high < v ? high : v;
}

template <typename T>
PF_INLINE IVec<T> min_int(IVec<T> a, IVec<T> b) {
  return a < b ? a : b;
}
