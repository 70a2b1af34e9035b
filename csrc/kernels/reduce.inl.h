// Sums and maxima. Sums run over blocks with a few vector accumulators each, and the blocks'
// sums are added up: the rounding error grows with the block's length only.

constexpr int64_t kSumBlock = 4096;  // elements, a multiple of 4 vectors

template <typename T>
struct Identity {
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return x; }
};

template <typename T>
struct Sum {
  PF_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const { return a + b; }
};

template <typename T>
struct Larger {
  PF_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const { return at_least<T>(a, b); }
};

template <typename T>
struct Square {
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return x * x; }
};

template <typename T>
struct Absolute {
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return vabs<T>(x); }
};

// Sums whose sum over the lanes is sum_i f(a[i], b[i], ...), where f(0, 0, ...) = 0.
template <typename T, typename F, typename... In>
PF_INLINE Vec<T> lane_sums_of(const F& f, int64_t n, const In*... in) {
  Vec<T> total{};
  int64_t i = 0;
  for (int64_t block = 0; block < n; block += kSumBlock) {
    const int64_t end = n - block < kSumBlock ? n : block + kSumBlock;
    Vec<T> s0{}, s1{}, s2{}, s3{};
    for (; i + 4 * kLanes<T> <= end; i += 4 * kLanes<T>) {
      s0 += f(load<T>(in + i)...);
      s1 += f(load<T>(in + i + kLanes<T>)...);
      s2 += f(load<T>(in + i + 2 * kLanes<T>)...);
      s3 += f(load<T>(in + i + 3 * kLanes<T>)...);
    }
    for (; i + kLanes<T> <= end; i += kLanes<T>) s0 += f(load<T>(in + i)...);
    if (i < end) {
      s1 += f(load_part<T>(in + i, end - i)...);
      i = end;
    }
    total += (s0 + s1) + (s2 + s3);
  }
  return total;
}

// sum_i f(a[i], b[i], ...), in every lane.
template <typename T, typename F, typename... In>
PF_INLINE Vec<T> sum_of(const F& f, int64_t n, const In*... in) {
  return sum_lanes<T>(lane_sums_of<T>(f, n, in...));
}

template <typename T>
T sum(const T* x, int64_t n) {
  return sum_of<T>(Identity<T>{}, n, x)[0];
}

template <typename T>
T sum_square(const T* x, int64_t n) {
  return sum_of<T>(Square<T>{}, n, x)[0];
}

template <typename T>
T sum_absolute(const T* x, int64_t n) {
  return sum_of<T>(Absolute<T>{}, n, x)[0];
}

// Numbers of which the largest is that of x; NaNs are passed over.
template <typename T>
PF_INLINE Vec<T> max_numbers(const T* x, int64_t n) {
  Vec<T> m = splat<T>(-kInfinity<T>), m1 = m, m2 = m, m3 = m;
  int64_t i = 0;
  for (; i + 4 * kLanes<T> <= n; i += 4 * kLanes<T>) {
    m = at_least<T>(m, load<T>(x + i));
    m1 = at_least<T>(m1, load<T>(x + i + kLanes<T>));
    m2 = at_least<T>(m2, load<T>(x + i + 2 * kLanes<T>));
    m3 = at_least<T>(m3, load<T>(x + i + 3 * kLanes<T>));
  }
  for (; i + kLanes<T> <= n; i += kLanes<T>) m = at_least<T>(m, load<T>(x + i));
  if (i < n) m1 = at_least<T>(m1, load_part<T>(x + i, n - i, -kInfinity<T>));
  return at_least<T>(at_least<T>(m, m1), at_least<T>(m2, m3));
}

// The largest of x, in every lane.
template <typename T>
PF_INLINE Vec<T> max_number(const T* x, int64_t n) {
  return max_lanes<T>(max_numbers<T>(x, n));
}

template <typename T>
PF_INLINE bool any_nan(const T* x, int64_t n) {
  IVec<T> nan{}, nan1{};
  int64_t i = 0;
  for (; i + 2 * kLanes<T> <= n; i += 2 * kLanes<T>) {
    const Vec<T> v = load<T>(x + i), v1 = load<T>(x + i + kLanes<T>);
    nan |= v != v;
    nan1 |= v1 != v1;
  }
  for (; i < n; i += kLanes<T>) {
    const Vec<T> v = i + kLanes<T> <= n ? load<T>(x + i) : load_part<T>(x + i, n - i);
    nan |= v != v;
  }
  return any_lane<T>(nan | nan1);
}

template <typename T>
T max(const T* x, int64_t n) {
  return any_nan<T>(x, n) ? kNan<T> : max_number<T>(x, n)[0];
}

// The first largest element; a NaN counts as larger than any number.
template <typename T>
int32_t argmax_row(const T* x, int64_t n) {
  if (any_nan<T>(x, n)) {
    for (int64_t j = 0;; ++j) {
      if (x[j] != x[j]) return static_cast<int32_t>(j);
    }
  }
  const Vec<T> largest = max_number<T>(x, n);
  IVec<T> best = splat_int<T>(INT32_MAX), index = iota<T>();
  for (int64_t j = 0; j < n; j += kLanes<T>, index += static_cast<Int<T>>(kLanes<T>)) {
    const Vec<T> v =
        j + kLanes<T> <= n ? load<T>(x + j) : load_part<T>(x + j, n - j, -kInfinity<T>);
    best = min_int<T>(best, v == largest ? index : splat_int<T>(INT32_MAX));
  }
  return static_cast<int32_t>(min_lane<T>(best));
}

template <typename T>
void argmax(const T* x, int32_t* out, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i) out[i] = argmax_row<T>(x + i * cols, cols);
}

// Contiguous rows shorter than a vector: `cols` vectors in a row hold lanes rows, so element p of
// vector v always belongs to column (v * lanes + p) % cols.
template <typename T>
void column_sum_narrow(const T* x, int64_t rows, int64_t cols, T* total) {
  constexpr int64_t kRowBlock = 64 * kLanes<T>;
  T lanes[kLanes<T>];
  for (int64_t r = 0; r < rows; r += kRowBlock) {
    const int64_t n = (rows - r < kRowBlock ? rows - r : kRowBlock) * cols;
    const T* block = x + r * cols;
    const int64_t period = cols * kLanes<T>;
    T block_sum[kLanes<T>] = {};
    for (int64_t v = 0; v < cols; ++v) {
      Vec<T> s0{}, s1{};
      int64_t i = v * kLanes<T>;
      for (; i + period + kLanes<T> <= n; i += 2 * period) {
        s0 += load<T>(block + i);
        s1 += load<T>(block + i + period);
      }
      if (i + kLanes<T> <= n) {
        s0 += load<T>(block + i);
        i += period;
      }
      if (i < n && i + kLanes<T> > n) s1 += load_part<T>(block + i, n - i);
      store<T>(lanes, s0 + s1);
      int64_t column = v * kLanes<T> % cols;
      for (int64_t p = 0; p < kLanes<T>; ++p) {
        block_sum[column] += lanes[p];
        column = column + 1 == cols ? 0 : column + 1;
      }
    }
    for (int64_t j = 0; j < cols; ++j) total[j] += block_sum[j];
  }
}

// Sums of Vectors vectors of columns (the last one of `last` columns) over all rows.
template <typename T, int Vectors>
PF_INLINE void column_sum_wide(const T* x, int64_t rows, int64_t ldx, int64_t last, T* out,
                               bool accumulate) {
  constexpr int64_t kRowBlock = 256;
  Vec<T> total[Vectors];
  PF_UNROLL
  for (int v = 0; v < Vectors; ++v) total[v] = Vec<T>{};
  for (int64_t r = 0; r < rows; r += kRowBlock) {
    const int64_t end = rows - r < kRowBlock ? rows : r + kRowBlock;
    Vec<T> s[Vectors], t[Vectors];
    PF_UNROLL
    for (int v = 0; v < Vectors; ++v) s[v] = t[v] = Vec<T>{};
    int64_t i = r;
    for (; i < end; i += 2) {
      const T* p = x + i * ldx;
      const bool pair = i + 1 < end;
      PF_UNROLL
      for (int v = 0; v < Vectors; ++v, p += kLanes<T>) {
        const bool part = v == Vectors - 1 && last < kLanes<T>;
        s[v] += part ? load_part<T>(p, last) : load<T>(p);
        if (pair) t[v] += part ? load_part<T>(p + ldx, last) : load<T>(p + ldx);
      }
    }
    PF_UNROLL
    for (int v = 0; v < Vectors; ++v) total[v] += s[v] + t[v];
  }
  PF_UNROLL
  for (int v = 0; v < Vectors; ++v, out += kLanes<T>) {
    if (v == Vectors - 1 && last < kLanes<T>) {
      store_part<T>(out, accumulate ? load_part<T>(out, last) + total[v] : total[v], last);
    } else {
      store<T>(out, accumulate ? load<T>(out) + total[v] : total[v]);
    }
  }
}

template <typename T>
void column_sum(const T* x, int64_t rows, int64_t cols, int64_t ldx, T* out, bool accumulate) {
  if (cols == 1 && ldx == 1) {
    const T total = sum<T>(x, rows);
    *out = accumulate ? *out + total : total;
    return;
  }
  if (cols < kLanes<T> && ldx == cols && rows >= 4) {
    T total[kLanes<T>] = {};
    column_sum_narrow<T>(x, rows, cols, total);
    for (int64_t j = 0; j < cols; ++j) out[j] = accumulate ? out[j] + total[j] : total[j];
    return;
  }
  int64_t j = 0;
  for (; j + 4 * kLanes<T> <= cols; j += 4 * kLanes<T>) {
    column_sum_wide<T, 4>(x + j, rows, ldx, kLanes<T>, out + j, accumulate);
  }
  for (; j < cols; j += kLanes<T>) {
    const int64_t last = cols - j < kLanes<T> ? cols - j : kLanes<T>;
    column_sum_wide<T, 1>(x + j, rows, ldx, last, out + j, accumulate);
  }
}

// Adding -0 changes nothing, so that there is always a bias.
template <typename T>
void add_parts(const T* a, const T* b, int64_t ld, const T* bias, bool relu, int64_t rows,
               int64_t cols, T* y, int64_t ldy) {
  const Vec<T> low = splat<T>(relu ? T(0) : -kInfinity<T>), none = splat<T>(-T(0));
  const int64_t whole = cols / kLanes<T> * kLanes<T>, left = cols - whole;
  for (int64_t i = 0; i < rows; ++i, a += ld, b += ld, y += ldy) {
    for (int64_t j = 0; j < whole; j += kLanes<T>) {
      const Vec<T> shift = bias == nullptr ? none : load<T>(bias + j);
      store<T>(y + j, at_least<T>(load<T>(a + j) + load<T>(b + j) + shift, low));
    }
    if (left > 0) {
      const Vec<T> shift = bias == nullptr ? none : load_part<T>(bias + whole, left);
      const Vec<T> sum = load_part<T>(a + whole, left) + load_part<T>(b + whole, left) + shift;
      store_part<T>(y + whole, at_least<T>(sum, low), left);
    }
  }
}
