// Statistics and transformations by column of a rows x cols matrix: batch normalisation.

// Rows whose sums are kept in T before they enter the double state.
constexpr int64_t kMomentRows = 256;

// Sums of x - shift and of its square over `rows` rows, for Vectors vectors of columns; the last
// of them has `last` columns.
template <typename T, int Vectors>
PF_INLINE void shifted_sums(const T* x, int64_t rows, int64_t ldx, int64_t last, const T* shift,
                            T* sums, T* squares) {
  Vec<T> center[Vectors], s[2][Vectors], q[2][Vectors];
  PF_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    const bool part = v == Vectors - 1 && last < kLanes<T>;
    const T* p = shift + v * kLanes<T>;
    center[v] = part ? load_part<T>(p, last) : load<T>(p);
    s[0][v] = s[1][v] = q[0][v] = q[1][v] = Vec<T>{};
  }
  for (int64_t i = 0; i < rows; i += 2, x += 2 * ldx) {
    PF_UNROLL
    for (int r = 0; r < 2; ++r) {
      if (i + r == rows) break;
      PF_UNROLL
      for (int v = 0; v < Vectors; ++v) {
        const bool part = v == Vectors - 1 && last < kLanes<T>;
        const T* p = x + r * ldx + v * kLanes<T>;
        const Vec<T> d = (part ? load_part<T>(p, last) : load<T>(p)) - center[v];
        s[r][v] += d;
        q[r][v] += d * d;
      }
    }
  }
  PF_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    store<T>(sums + v * kLanes<T>, s[0][v] + s[1][v]);
    store<T>(squares + v * kLanes<T>, q[0][v] + q[1][v]);
  }
}

// Joins the mean and the squared deviations of `n` more values to those of `count` values (Chan,
// Golub, LeVeque 1979). The block's sums are those of x - shift: the shift is one of its values, so
// that the squared deviations are at least 1 / (n + 1) of the shifted squares and no more than the
// rounding errors of n + 1 additions are lost when the difference is taken.
template <typename T>
PF_INLINE void join_moments(double count, double n, const T* shift, const T* sums, const T* squares,
                            int64_t columns, double* mean, double* deviation) {
  const double share = n / (count + n), weight = count * share, inverse = 1 / n;
  for (int64_t j = 0; j < columns; ++j) {
    const double average = sums[j] * inverse;
    double own = squares[j] - sums[j] * average;
    own = own < 0 ? 0 : own;
    const double delta = shift[j] + average - mean[j];
    mean[j] += delta * share;
    deviation[j] += own + delta * delta * weight;
  }
}

template <typename T>
void column_moments(const T* x, int64_t ldx, int64_t rows, int64_t cols, double* state) {
  constexpr int kVectors = 4;
  T sums[kVectors * kLanes<T>], squares[kVectors * kLanes<T>];
  double count = state[2 * cols];
  for (int64_t r = 0; r < rows; r += kMomentRows) {
    const int64_t n = rows - r < kMomentRows ? rows - r : kMomentRows;
    const T* block = x + r * ldx;
    for (int64_t j = 0; j < cols;) {
      const int64_t left = cols - j;
      const int64_t columns = left >= kVectors * kLanes<T> ? kVectors * kLanes<T>
                              : left < kLanes<T>           ? left
                                                           : kLanes<T>;
      if (columns > kLanes<T>) {
        shifted_sums<T, kVectors>(block + j, n, ldx, kLanes<T>, block + j, sums, squares);
      } else {
        shifted_sums<T, 1>(block + j, n, ldx, columns, block + j, sums, squares);
      }
      join_moments<T>(count, static_cast<double>(n), block + j, sums, squares, columns, state + j,
                      state + cols + j);
      j += columns;
    }
    count += static_cast<double>(n);
  }
  state[2 * cols] = count;
}

// Sums of dy and of dy (x - center).
template <typename T, int Vectors>
PF_INLINE void gradient_sums(const T* x, int64_t ldx, const T* dy, int64_t ldy, int64_t rows,
                             int64_t last, const T* center, T* sums, T* products) {
  Vec<T> middle[Vectors], s[2][Vectors], q[2][Vectors];
  PF_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    const bool part = v == Vectors - 1 && last < kLanes<T>;
    const T* p = center + v * kLanes<T>;
    middle[v] = part ? load_part<T>(p, last) : load<T>(p);
    s[0][v] = s[1][v] = q[0][v] = q[1][v] = Vec<T>{};
  }
  for (int64_t i = 0; i < rows; i += 2, x += 2 * ldx, dy += 2 * ldy) {
    PF_UNROLL
    for (int r = 0; r < 2; ++r) {
      if (i + r == rows) break;
      PF_UNROLL
      for (int v = 0; v < Vectors; ++v) {
        const bool part = v == Vectors - 1 && last < kLanes<T>;
        const T* from = x + r * ldx + v * kLanes<T>;
        const T* slope = dy + r * ldy + v * kLanes<T>;
        const Vec<T> d = (part ? load_part<T>(from, last) : load<T>(from)) - middle[v];
        const Vec<T> g = part ? load_part<T>(slope, last) : load<T>(slope);
        s[r][v] += g;
        q[r][v] += g * d;
      }
    }
  }
  PF_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    store<T>(sums + v * kLanes<T>, s[0][v] + s[1][v]);
    store<T>(products + v * kLanes<T>, q[0][v] + q[1][v]);
  }
}

template <typename T>
void column_products(const T* x, int64_t ldx, const T* dy, int64_t ldy, int64_t rows, int64_t cols,
                     const T* center, double* state) {
  constexpr int kVectors = 4;
  T sums[kVectors * kLanes<T>], products[kVectors * kLanes<T>];
  for (int64_t r = 0; r < rows; r += kMomentRows) {
    const int64_t n = rows - r < kMomentRows ? rows - r : kMomentRows;
    for (int64_t j = 0; j < cols;) {
      const int64_t left = cols - j;
      const T *from = x + r * ldx + j, *slope = dy + r * ldy + j;
      const int64_t columns = left >= kVectors * kLanes<T> ? kVectors * kLanes<T>
                              : left < kLanes<T>           ? left
                                                           : kLanes<T>;
      if (columns > kLanes<T>) {
        gradient_sums<T, kVectors>(from, ldx, slope, ldy, n, kLanes<T>, center + j, sums, products);
      } else {
        gradient_sums<T, 1>(from, ldx, slope, ldy, n, columns, center + j, sums, products);
      }
      for (int64_t i = 0; i < columns; ++i) {
        state[j + i] += sums[i];
        state[cols + j + i] += products[i];
      }
      j += columns;
    }
  }
}

// The rows of a matrix, ld elements apart.
template <typename T>
struct Lines {
  T* data;
  int64_t ld;
};

// Applies f(columns, loaded vectors ...) to every element, four rows at a time so that what
// belongs to a column is loaded once for them. `make(j)` loads it for the columns from j on.
template <typename T, typename Make, typename... In>
PF_INLINE void map_columns(int64_t rows, int64_t cols, const Make& make, Lines<T> y, In... in) {
  constexpr int kRows = 4;
  for (int64_t r = 0; r < rows; r += kRows) {
    const int64_t n = rows - r < kRows ? rows - r : kRows;
    for (int64_t j = 0; j < cols; j += kLanes<T>) {
      const auto f = make(j);
      const int64_t left = cols - j;
      if (n == kRows && left >= kLanes<T>) {
        PF_UNROLL
        for (int i = 0; i < kRows; ++i) {
          store<T>(y.data + (r + i) * y.ld + j, f(load<T>(in.data + (r + i) * in.ld + j)...));
        }
      } else {
        for (int64_t i = 0; i < n; ++i) {
          T* to = y.data + (r + i) * y.ld + j;
          if (left >= kLanes<T>) {
            store<T>(to, f(load<T>(in.data + (r + i) * in.ld + j)...));
          } else {
            store_part<T>(to, f(load_part<T>(in.data + (r + i) * in.ld + j, left)...), left);
          }
        }
      }
    }
  }
}

template <typename T>
struct CenterScaleShift {
  Vec<T> center, scale, shift, low;
  PF_INLINE Vec<T> operator()(Vec<T> x) const {
    return at_least<T>((x - center) * scale + shift, low);
  }
};

template <typename T>
void column_affine(const T* x, int64_t ldx, int64_t rows, int64_t cols, const T* center,
                   const T* scale, const T* shift, T* y, int64_t ldy, bool relu) {
  const Vec<T> low = relu ? Vec<T>{} : splat<T>(-kInfinity<T>);
  const auto make = [=](int64_t j) __attribute__((always_inline)) {
    return CenterScaleShift<T>{load<T>(center + j), load<T>(scale + j), load<T>(shift + j), low};
  };
  map_columns<T>(rows, cols, make, Lines<T>{y, ldy}, Lines<const T>{x, ldx});
}

template <typename T>
struct Scaled {
  Vec<T> scale;
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return x * scale; }
};

template <typename T>
void column_scale(const T* x, int64_t rows, int64_t cols, const T* scale, T* y) {
  const auto make = [=](int64_t j)
                        __attribute__((always_inline)) { return Scaled<T>{load<T>(scale + j)}; };
  map_columns<T>(rows, cols, make, Lines<T>{y, cols}, Lines<const T>{x, cols});
}

template <typename T>
struct NormGradient {
  Vec<T> mean_dy, scale, center, slope;
  PF_INLINE Vec<T> operator()(Vec<T> x, Vec<T> dy) const {
    return (dy - mean_dy) * scale + (x - center) * slope;
  }
  PF_INLINE Vec<T> operator()(Vec<T> x, Vec<T> dy, Vec<T> more) const {
    return (*this)(x, dy) + more;
  }
};

template <typename T>
void column_norm_grad(const T* x, int64_t ldx, const T* dy, int64_t ldy, int64_t rows, int64_t cols,
                      const T* center, const T* mean_dy, const T* scale, const T* slope,
                      const T* more, int64_t ldm, T* dx, int64_t lddx) {
  const auto make = [=](int64_t j) __attribute__((always_inline)) {
    return NormGradient<T>{load<T>(mean_dy + j), load<T>(scale + j), load<T>(center + j),
                           load<T>(slope + j)};
  };
  const Lines<T> to{dx, lddx};
  const Lines<const T> from{x, ldx}, slopes{dy, ldy};
  if (more == nullptr) {
    map_columns<T>(rows, cols, make, to, from, slopes);
  } else {
    map_columns<T>(rows, cols, make, to, from, slopes, Lines<const T>{more, ldm});
  }
}
