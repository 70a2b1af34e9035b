// Movements between lanes: sums and maxima over a vector, interleaving for transposes.

// Lane i of the result is lane i ^ S of v.
template <typename T, int S>
PF_INLINE Vec<T> swap_lanes(Vec<T> v) {
  if constexpr (kLanes<T> == 2) {
    return __builtin_shufflevector(v, v, 1, 0);
  } else if constexpr (kLanes<T> == 4) {
    return __builtin_shufflevector(v, v, 0 ^ S, 1 ^ S, 2 ^ S, 3 ^ S);
  } else if constexpr (kLanes<T> == 8) {
    return __builtin_shufflevector(v, v, 0 ^ S, 1 ^ S, 2 ^ S, 3 ^ S, 4 ^ S, 5 ^ S, 6 ^ S, 7 ^ S);
  } else {
    return __builtin_shufflevector(v, v, 0 ^ S, 1 ^ S, 2 ^ S, 3 ^ S, 4 ^ S, 5 ^ S, 6 ^ S, 7 ^ S,
                                   8 ^ S, 9 ^ S, 10 ^ S, 11 ^ S, 12 ^ S, 13 ^ S, 14 ^ S, 15 ^ S);
  }
}

// The sum of all lanes, in every lane.
template <typename T>
PF_INLINE Vec<T> sum_lanes(Vec<T> v) {
  if constexpr (kLanes<T> >= 16) v += swap_lanes<T, 8>(v);
  if constexpr (kLanes<T> >= 8) v += swap_lanes<T, 4>(v);
  if constexpr (kLanes<T> >= 4) v += swap_lanes<T, 2>(v);
  return v + swap_lanes<T, 1>(v);
}

template <typename T>
PF_INLINE Vec<T> max_lanes(Vec<T> v) {
  if constexpr (kLanes<T> >= 16) v = at_least<T>(v, swap_lanes<T, 8>(v));
  if constexpr (kLanes<T> >= 8) v = at_least<T>(v, swap_lanes<T, 4>(v));
  if constexpr (kLanes<T> >= 4) v = at_least<T>(v, swap_lanes<T, 2>(v));
  return at_least<T>(v, swap_lanes<T, 1>(v));
}

// The smallest integer of all lanes.
template <typename T>
PF_INLINE int64_t min_lane(IVec<T> v) {
  if constexpr (kLanes<T> >= 16) v = min_int<T>(v, bits<T>(swap_lanes<T, 8>(from_bits<T>(v))));
  if constexpr (kLanes<T> >= 8) v = min_int<T>(v, bits<T>(swap_lanes<T, 4>(from_bits<T>(v))));
  if constexpr (kLanes<T> >= 4) v = min_int<T>(v, bits<T>(swap_lanes<T, 2>(from_bits<T>(v))));
  return min_int<T>(v, bits<T>(swap_lanes<T, 1>(from_bits<T>(v))))[0];
}

// a0 b0 a1 b1 ... from the lower (upper) halves of a and b.
template <typename T>
PF_INLINE Vec<T> zip_low(Vec<T> a, Vec<T> b) {
  if constexpr (kLanes<T> == 2) {
    return __builtin_shufflevector(a, b, 0, 2);
  } else if constexpr (kLanes<T> == 4) {
    return __builtin_shufflevector(a, b, 0, 4, 1, 5);
  } else if constexpr (kLanes<T> == 8) {
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  } else {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
}

template <typename T>
PF_INLINE Vec<T> zip_high(Vec<T> a, Vec<T> b) {
  if constexpr (kLanes<T> == 2) {
    return __builtin_shufflevector(a, b, 1, 3);
  } else if constexpr (kLanes<T> == 4) {
    return __builtin_shufflevector(a, b, 2, 6, 3, 7);
  } else if constexpr (kLanes<T> == 8) {
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  } else {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
  }
}

// Transposes a square of lanes x lanes elements: log2(lanes) perfect shuffles of the rows.
template <typename T>
PF_INLINE void transpose_square(Vec<T>* rows) {
  constexpr int n = kLanes<T>;
  PF_UNROLL
  for (int step = 1; step < n; step *= 2) {
    Vec<T> out[n];
    PF_UNROLL
    for (int i = 0; i < n / 2; ++i) {
      out[2 * i] = zip_low<T>(rows[i], rows[i + n / 2]);
      out[2 * i + 1] = zip_high<T>(rows[i], rows[i + n / 2]);
    }
    PF_UNROLL
    for (int i = 0; i < n; ++i) rows[i] = out[i];
  }
}

// Joins the lanes of each of `lanes` vectors by the associative f: vector r becomes lane r. The
// order is that of sum_lanes and max_lanes, which need as many shuffles for every single vector.
template <typename T, typename F>
PF_INLINE Vec<T> join_lanes(const F& f, Vec<T>* v) {
  PF_UNROLL
  for (int half = kLanes<T> / 2; half > 0; half /= 2) {
    PF_UNROLL
    for (int i = 0; i < half; ++i) {
      v[i] = f(zip_low<T>(v[i], v[i + half]), zip_high<T>(v[i], v[i + half]));
    }
  }
  return v[0];
}

// zip_low and zip_high within every piece of 128 bits.
template <typename T>
PF_INLINE Vec<T> zip_pieces_low(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4 && kLanes<T> == 8) {
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
  } else if constexpr (sizeof(T) == 4 && kLanes<T> == 16) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
  } else if constexpr (sizeof(T) == 8 && kLanes<T> == 4) {
    return __builtin_shufflevector(a, b, 0, 4, 2, 6);
  } else if constexpr (sizeof(T) == 8 && kLanes<T> == 8) {
    return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
  } else {
    return zip_low<T>(a, b);
  }
}

template <typename T>
PF_INLINE Vec<T> zip_pieces_high(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4 && kLanes<T> == 8) {
    return __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  } else if constexpr (sizeof(T) == 4 && kLanes<T> == 16) {
    return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15,
                                   31);
  } else if constexpr (sizeof(T) == 8 && kLanes<T> == 4) {
    return __builtin_shufflevector(a, b, 1, 5, 3, 7);
  } else if constexpr (sizeof(T) == 8 && kLanes<T> == 8) {
    return __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  } else {
    return zip_high<T>(a, b);
  }
}

// 128 bits of a vector.
template <typename T>
constexpr int kPiece = 16 / sizeof(T);
template <typename T>
struct PieceTypes;
template <>
struct PieceTypes<float> {
  typedef float Value __attribute__((vector_size(16)));
  typedef float Memory __attribute__((vector_size(16), aligned(4), may_alias));
};
template <>
struct PieceTypes<double> {
  typedef double Value __attribute__((vector_size(16)));
  typedef double Memory __attribute__((vector_size(16), aligned(8), may_alias));
};
template <typename T>
using Piece = typename PieceTypes<T>::Value;

template <typename T>
PF_INLINE Piece<T> load_piece(const T* p) {
  return *reinterpret_cast<const typename PieceTypes<T>::Memory*>(p);
}

template <typename T>
PF_INLINE void store_piece(T* p, Piece<T> v) {
  *reinterpret_cast<typename PieceTypes<T>::Memory*>(p) = v;
}

template <typename T, int J>
PF_INLINE Piece<T> piece_at(Vec<T> v) {
  constexpr int i = J < kLanes<T> / kPiece<T> ? J * kPiece<T> : 0;
  if constexpr (sizeof(T) == 4) {
    return __builtin_shufflevector(v, v, i, i + 1, i + 2, i + 3);
  } else {
    return __builtin_shufflevector(v, v, i, i + 1);
  }
}

// Piece j of a vector; j must be a constant once loops are unrolled.
template <typename T>
PF_INLINE Piece<T> piece(Vec<T> v, int j) {
  return j == 0   ? piece_at<T, 0>(v)
         : j == 1 ? piece_at<T, 1>(v)
         : j == 2 ? piece_at<T, 2>(v)
                  : piece_at<T, 3>(v);
}

// The vector whose pieces are at p, p + step, ...
template <typename T>
PF_INLINE Vec<T> load_pieces(const T* p, int64_t step) {
  constexpr int kCount = kLanes<T> / kPiece<T>;
  const Piece<T> a = load_piece<T>(p);
  if constexpr (kCount == 1) {
    return a;
  } else {
    const Piece<T> b = load_piece<T>(p + step);
    if constexpr (kCount == 2 && sizeof(T) == 4) {
      return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
    } else if constexpr (kCount == 2) {
      return __builtin_shufflevector(a, b, 0, 1, 2, 3);
    } else {
      const Piece<T> c = load_piece<T>(p + 2 * step), d = load_piece<T>(p + 3 * step);
      if constexpr (sizeof(T) == 4) {
        const auto low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
        const auto high = __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7);
        return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                       15);
      } else {
        const auto low = __builtin_shufflevector(a, b, 0, 1, 2, 3);
        const auto high = __builtin_shufflevector(c, d, 0, 1, 2, 3);
        return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
      }
    }
  }
}

// Transposes the squares of pieces that lie one above the other in kPiece rows.
template <typename T>
PF_INLINE void transpose_pieces(Vec<T>* rows) {
  constexpr int n = kPiece<T>;
  PF_UNROLL
  for (int step = 1; step < n; step *= 2) {
    Vec<T> out[n];
    PF_UNROLL
    for (int i = 0; i < n / 2; ++i) {
      out[2 * i] = zip_pieces_low<T>(rows[i], rows[i + n / 2]);
      out[2 * i + 1] = zip_pieces_high<T>(rows[i], rows[i + n / 2]);
    }
    PF_UNROLL
    for (int i = 0; i < n; ++i) rows[i] = out[i];
  }
}
