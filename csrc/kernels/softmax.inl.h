// Softmax over rows: the maximum, the exponentials and their sum, the scaling. Differences to the
// maximum are <= 0, so nothing overflows. Rows of N <= 4 vectors stay in registers; N = 0 stands
// for any length. Logarithms are taken of the sums of several rows at once.

template <typename T, int N>
PF_INLINE void load_row(const T* x, int64_t cols, Vec<T>* v) {
  PF_UNROLL
  for (int i = 0; i < N; ++i, x += kLanes<T>, cols -= kLanes<T>) {
    v[i] = i < N - 1 || cols == kLanes<T> ? load<T>(x) : load_part<T>(x, cols, -kInfinity<T>);
  }
}

// Maxima of the lanes.
template <typename T, int N>
PF_INLINE Vec<T> row_lane_max(const T* x, int64_t cols) {
  if constexpr (N == 0) {
    return max_numbers<T>(x, cols);
  } else {
    Vec<T> v[N];
    load_row<T, N>(x, cols, v);
    PF_UNROLL
    for (int i = 1; i < N; ++i) v[0] = at_least<T>(v[0], v[i]);
    return v[0];
  }
}

template <typename T, int N>
PF_INLINE Vec<T> row_max(const T* x, int64_t cols) {
  return max_lanes<T>(row_lane_max<T, N>(x, cols));
}

template <typename T>
struct ExpDifference {
  Vec<T> largest;
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return exp_flushed<T>(x - largest); }
};

// sum_j exp(x[j] - largest), in every lane.
template <typename T, int N>
PF_INLINE Vec<T> row_exp_sum(const T* x, int64_t cols, Vec<T> largest) {
  const ExpDifference<T> f{largest};
  Vec<T> s0{}, s1{};
  int64_t j = 0;
  for (; j + 2 * kLanes<T> <= cols; j += 2 * kLanes<T>) {
    s0 += f(load<T>(x + j));
    s1 += f(load<T>(x + j + kLanes<T>));
  }
  for (; j < cols; j += kLanes<T>) {
    const int64_t left = cols - j;
    s0 += f(left >= kLanes<T> ? load<T>(x + j) : load_part<T>(x + j, left, -kInfinity<T>));
  }
  return sum_lanes<T>(s0 + s1);
}

// y = exp(x - largest); returns the sums of the lanes.
template <typename T, int N>
PF_INLINE Vec<T> row_exp(const T* x, T* y, int64_t cols, Vec<T> largest) {
  const ExpDifference<T> f{largest};
  if constexpr (N == 0) {
    Vec<T> s0{}, s1{};
    int64_t j = 0;
    for (; j + 2 * kLanes<T> <= cols; j += 2 * kLanes<T>) {
      const Vec<T> e0 = f(load<T>(x + j)), e1 = f(load<T>(x + j + kLanes<T>));
      store<T>(y + j, e0);
      store<T>(y + j + kLanes<T>, e1);
      s0 += e0;
      s1 += e1;
    }
    for (; j < cols; j += kLanes<T>) {
      const int64_t left = cols - j;
      const bool part = left < kLanes<T>;
      const Vec<T> e = f(part ? load_part<T>(x + j, left, -kInfinity<T>) : load<T>(x + j));
      part ? store_part<T>(y + j, e, left) : store<T>(y + j, e);
      s0 += e;
    }
    return s0 + s1;
  } else {
    Vec<T> v[N], sum{};
    load_row<T, N>(x, cols, v);
    PF_UNROLL
    for (int i = 0; i < N; ++i) {
      sum += v[i] = f(v[i]);
      if (i < N - 1) store<T>(y + i * kLanes<T>, v[i]);
    }
    const int64_t first = (N - 1) * kLanes<T>;
    if (cols - first == kLanes<T>) {
      store<T>(y + first, v[N - 1]);
    } else {
      store_part<T>(y + first, v[N - 1], cols - first);
    }
    return sum;
  }
}

// y = softmax(x).
template <typename T, int N>
PF_INLINE void row_softmax(const T* x, T* y, int64_t cols, Vec<T> largest) {
  if constexpr (N == 0) {
    const Vec<T> total = sum_lanes<T>(row_exp<T, N>(x, y, cols, largest));
    map<T>(Scale<T>{T(1) / total}, cols, y, static_cast<const T*>(y));
  } else {
    const ExpDifference<T> f{largest};
    Vec<T> v[N], sum{};
    load_row<T, N>(x, cols, v);
    PF_UNROLL
    for (int i = 0; i < N; ++i) sum += v[i] = f(v[i]);
    const Vec<T> total = sum_lanes<T>(sum), factor = T(1) / total;
    PF_UNROLL
    for (int i = 0; i < N - 1; ++i) store<T>(y + i * kLanes<T>, factor * v[i]);
    const int64_t first = (N - 1) * kLanes<T>;
    if (cols - first == kLanes<T>) {
      store<T>(y + first, factor * v[N - 1]);
    } else {
      store_part<T>(y + first, factor * v[N - 1], cols - first);
    }
  }
}

// Up to kLanes rows at once, so that what is a sum or maximum of one row's lanes is joined for all
// of them together. numbers[r] and lane r belong to row r.
template <typename T, int N>
PF_INLINE void group_max(const T* x, int64_t group, int64_t cols, T* numbers) {
  Vec<T> lanes[kLanes<T>];
  for (int64_t r = 0; r < kLanes<T>; ++r) {
    lanes[r] = r < group ? row_lane_max<T, N>(x + r * cols, cols) : Vec<T>{};
  }
  store<T>(numbers, join_lanes<T>(Larger<T>{}, lanes));
}

// y = softmax(x); returns the sums of exp(x - largest).
template <typename T, int N>
PF_INLINE Vec<T> group_softmax(const T* x, T* y, int64_t group, int64_t cols, const T* largest) {
  Vec<T> lanes[kLanes<T>];
  for (int64_t r = 0; r < kLanes<T>; ++r) {
    lanes[r] = r < group ? row_exp<T, N>(x + r * cols, y + r * cols, cols, splat<T>(largest[r]))
                         : splat<T>(1);
  }
  const Vec<T> total = join_lanes<T>(Sum<T>{}, lanes);
  T factor[kLanes<T>];
  store<T>(factor, T(1) / total);
  for (int64_t r = 0; r < group; ++r) {
    map<T>(Scale<T>{splat<T>(factor[r])}, cols, y + r * cols, static_cast<const T*>(y + r * cols));
  }
  return total;
}

// Calls f<T, N>(...) with the N that fits rows of cols elements.
#define PF_BY_ROW_VECTORS(f, ...)               \
  switch ((cols + kLanes<T> - 1) / kLanes<T>) { \
    case 1:                                     \
      return f<T, 1>(__VA_ARGS__);              \
    case 2:                                     \
      return f<T, 2>(__VA_ARGS__);              \
    case 3:                                     \
      return f<T, 3>(__VA_ARGS__);              \
    case 4:                                     \
      return f<T, 4>(__VA_ARGS__);              \
    default:                                    \
      return f<T, 0>(__VA_ARGS__);              \
  }

template <typename T, int N>
void softmax_rows(const T* x, T* y, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    row_softmax<T, N>(x, y, cols, row_max<T, N>(x, cols));
  }
}

template <typename T>
void softmax(const T* x, T* y, int64_t rows, int64_t cols) {
  PF_BY_ROW_VECTORS(softmax_rows, x, y, rows, cols)
}

template <typename T>
struct Product {
  PF_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const { return a * b; }
};

template <typename T>
struct SoftmaxGradient {
  Vec<T> mean;
  PF_INLINE Vec<T> operator()(Vec<T> dy, Vec<T> y) const { return y * (dy - mean); }
};

template <typename T>
void softmax_grad(const T* dy, const T* y, T* dx, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, dy += cols, y += cols, dx += cols) {
    const Vec<T> mean = sum_of<T>(Product<T>{}, cols, dy, y);
    map<T>(SoftmaxGradient<T>{mean}, cols, dx, dy, y);
  }
}

template <typename T>
struct LogSoftmaxValue {
  Vec<T> largest, log_total;
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return (x - largest) - log_total; }
};

template <typename T, int N>
void log_softmax_rows(const T* x, T* y, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; i += kLanes<T>) {
    const int64_t group = rows - i < kLanes<T> ? rows - i : kLanes<T>;
    Vec<T> largest{}, total = splat<T>(1);
    for (int64_t r = 0; r < group; ++r) {
      const T* row = x + (i + r) * cols;
      const Vec<T> m = row_max<T, N>(row, cols);
      largest[r] = m[0];
      total[r] = row_exp_sum<T, N>(row, cols, m)[0];
    }
    const Vec<T> log_total = vlog<T>(total);
    for (int64_t r = 0; r < group; ++r) {
      const LogSoftmaxValue<T> f{splat<T>(largest[r]), splat<T>(log_total[r])};
      map<T>(f, cols, y + (i + r) * cols, x + (i + r) * cols);
    }
  }
}

template <typename T>
void log_softmax(const T* x, T* y, int64_t rows, int64_t cols) {
  PF_BY_ROW_VECTORS(log_softmax_rows, x, y, rows, cols)
}

template <typename T>
struct LogSoftmaxGradient {
  Vec<T> total;
  PF_INLINE Vec<T> operator()(Vec<T> dy, Vec<T> y) const { return dy - exp_flushed<T>(y) * total; }
};

template <typename T>
void log_softmax_grad(const T* dy, const T* y, T* dx, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, dy += cols, y += cols, dx += cols) {
    const Vec<T> total = sum_of<T>(Identity<T>{}, cols, dy);
    map<T>(LogSoftmaxGradient<T>{total}, cols, dx, dy, y);
  }
}

// t (x - m), 0 where t is 0 even if x is -infinity.
template <typename T>
struct WeightedDifference {
  Vec<T> largest;
  PF_INLINE Vec<T> operator()(Vec<T> x, Vec<T> t) const {
    return keep<T>(t != T(0), t * (x - largest));
  }
};

// loss = sum_j t (log(sum exp(x - m)) - (x - m)). Rows of x are read before their probs are
// written.
template <typename T, int N>
void softmax_xent_rows(const T* x, const T* t, T* loss, T* probs, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; i += kLanes<T>, x += kLanes<T> * cols) {
    const int64_t group = rows - i < kLanes<T> ? rows - i : kLanes<T>;
    T largest[kLanes<T>];
    group_max<T, N>(x, group, cols, largest);
    Vec<T> weighted[kLanes<T>], weight[kLanes<T>];
    for (int64_t r = 0; r < kLanes<T>; ++r) {
      weighted[r] = weight[r] = Vec<T>{};
      if (r >= group) continue;
      const T* row = t + (i + r) * cols;
      const WeightedDifference<T> difference{splat<T>(largest[r])};
      weighted[r] = lane_sums_of<T>(difference, cols, x + r * cols, row);
      weight[r] = lane_sums_of<T>(Identity<T>{}, cols, row);
    }
    const Vec<T> total = group_softmax<T, N>(x, probs + i * cols, group, cols, largest);
    const Vec<T> v =
        join_lanes<T>(Sum<T>{}, weight) * vlog<T>(total) - join_lanes<T>(Sum<T>{}, weighted);
    group == kLanes<T> ? store<T>(loss + i, v) : store_part<T>(loss + i, v, group);
  }
}

template <typename T>
void softmax_xent(const T* x, const T* t, T* loss, T* probs, int64_t rows, int64_t cols) {
  PF_BY_ROW_VECTORS(softmax_xent_rows, x, t, loss, probs, rows, cols)
}

template <typename T>
struct XentGradient {
  Vec<T> weight, dloss;
  PF_INLINE Vec<T> operator()(Vec<T> p, Vec<T> t) const { return (p * weight - t) * dloss; }
};

template <typename T>
void softmax_xent_grad(const T* probs, const T* t, const T* dloss, T* dx, int64_t rows,
                       int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, probs += cols, t += cols, dx += cols) {
    const Vec<T> weight = sum_of<T>(Identity<T>{}, cols, t);
    map<T>(XentGradient<T>{weight, splat<T>(dloss[i])}, cols, dx, probs, t);
  }
}

// An id outside [0, cols) makes the loss of its row NaN and its gradient zero.
PF_INLINE bool is_class(int32_t id, int64_t cols) { return id >= 0 && id < cols; }

template <typename T, int N>
void sparse_xent_rows(const T* x, const int32_t* ids, T* loss, T* probs, int64_t rows,
                      int64_t cols) {
  for (int64_t i = 0; i < rows; i += kLanes<T>, x += kLanes<T> * cols) {
    const int64_t group = rows - i < kLanes<T> ? rows - i : kLanes<T>;
    T largest[kLanes<T>], chosen[kLanes<T>] = {};
    group_max<T, N>(x, group, cols, largest);
    for (int64_t r = 0; r < group; ++r) {
      const int32_t id = ids[i + r];
      chosen[r] = is_class(id, cols) ? x[r * cols + id] - largest[r] : kNan<T>;
    }
    const Vec<T> total = group_softmax<T, N>(x, probs + i * cols, group, cols, largest);
    const Vec<T> v = vlog<T>(total) - load<T>(chosen);
    group == kLanes<T> ? store<T>(loss + i, v) : store_part<T>(loss + i, v, group);
  }
}

template <typename T>
void sparse_softmax_xent(const T* x, const int32_t* ids, T* loss, T* probs, int64_t rows,
                         int64_t cols) {
  PF_BY_ROW_VECTORS(sparse_xent_rows, x, ids, loss, probs, rows, cols)
}
#undef PF_BY_ROW_VECTORS

template <typename T>
void sparse_softmax_xent_grad(const T* probs, const int32_t* ids, const T* dloss, T* dx,
                              int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, probs += cols, dx += cols) {
    if (!is_class(ids[i], cols)) {
      map<T>(Scale<T>{Vec<T>{}}, cols, dx, probs);
      continue;
    }
    const T chosen = (probs[ids[i]] - T(1)) * dloss[i];
    map<T>(Scale<T>{splat<T>(dloss[i])}, cols, dx, probs);
    dx[ids[i]] = chosen;
  }
}
