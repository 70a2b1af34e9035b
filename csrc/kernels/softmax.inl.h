// Softmax over rows: one pass for the maximum, one for the exponentials and their sum, one to
// scale. Differences to the maximum are <= 0, so nothing overflows.

// y[j] = exp(x[j] - m); returns the sum, in every lane.
template <typename T>
PF_INLINE Vec<T> exp_row(const T* x, T* y, int64_t n, Vec<T> m) {
  Vec<T> s0{}, s1{};
  int64_t j = 0;
  for (; j + 2 * kLanes<T> <= n; j += 2 * kLanes<T>) {
    const Vec<T> e0 = exp_negative<T>(load<T>(x + j) - m);
    const Vec<T> e1 = exp_negative<T>(load<T>(x + j + kLanes<T>) - m);
    store<T>(y + j, e0);
    store<T>(y + j + kLanes<T>, e1);
    s0 += e0;
    s1 += e1;
  }
  for (; j + kLanes<T> <= n; j += kLanes<T>) {
    const Vec<T> e = exp_negative<T>(load<T>(x + j) - m);
    store<T>(y + j, e);
    s0 += e;
  }
  if (j < n) {
    const Vec<T> e = exp_negative<T>(load_part<T>(x + j, n - j, -kInfinity<T>) - m);
    store_part<T>(y + j, e, n - j);
    // The lanes beyond the row are 0, or NaN in a row without finite maximum.
    s1 += e;
  }
  return sum_lanes<T>(s0 + s1);
}

template <typename T>
PF_INLINE void scale_row(T* y, int64_t n, Vec<T> factor) {
  map<T>(Scale<T>{factor}, n, y, static_cast<const T*>(y));
}

template <typename T>
void softmax(const T* x, T* y, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    const Vec<T> total = exp_row<T>(x, y, cols, max_number<T>(x, cols));
    scale_row<T>(y, cols, T(1) / total);
  }
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

// exp(x - m) where x is not -infinity by padding: used for sums only.
template <typename T>
PF_INLINE Vec<T> exp_sum_row(const T* x, int64_t n, Vec<T> m) {
  Vec<T> s0{}, s1{};
  int64_t j = 0;
  for (; j + 2 * kLanes<T> <= n; j += 2 * kLanes<T>) {
    s0 += exp_negative<T>(load<T>(x + j) - m);
    s1 += exp_negative<T>(load<T>(x + j + kLanes<T>) - m);
  }
  for (; j + kLanes<T> <= n; j += kLanes<T>) s0 += exp_negative<T>(load<T>(x + j) - m);
  if (j < n) s1 += exp_negative<T>(load_part<T>(x + j, n - j, -kInfinity<T>) - m);
  return sum_lanes<T>(s0 + s1);
}

template <typename T>
struct LogSoftmaxValue {
  Vec<T> largest, log_total;
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return (x - largest) - log_total; }
};

template <typename T>
void log_softmax(const T* x, T* y, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, y += cols) {
    const Vec<T> largest = max_number<T>(x, cols);
    const Vec<T> log_total = vlog<T>(exp_sum_row<T>(x, cols, largest));
    map<T>(LogSoftmaxValue<T>{largest, log_total}, cols, y, x);
  }
}

template <typename T>
struct LogSoftmaxGradient {
  Vec<T> total;
  PF_INLINE Vec<T> operator()(Vec<T> dy, Vec<T> y) const { return dy - exp_negative<T>(y) * total; }
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

// loss = sum_j t (log(sum exp(x - m)) - (x - m)). Reads all of x before it writes probs.
template <typename T>
void softmax_xent(const T* x, const T* t, T* loss, T* probs, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, t += cols, probs += cols) {
    const Vec<T> largest = max_number<T>(x, cols);
    const Vec<T> weighted = sum_of<T>(WeightedDifference<T>{largest}, cols, x, t);
    const Vec<T> weight = sum_of<T>(Identity<T>{}, cols, t);
    const Vec<T> total = exp_row<T>(x, probs, cols, largest);
    scale_row<T>(probs, cols, T(1) / total);
    loss[i] = (weight * vlog<T>(total) - weighted)[0];
  }
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

template <typename T>
void sparse_softmax_xent(const T* x, const int32_t* ids, T* loss, T* probs, int64_t rows,
                         int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, x += cols, probs += cols) {
    const Vec<T> largest = max_number<T>(x, cols);
    const T at_id = is_class(ids[i], cols) ? x[ids[i]] : T(0) * kInfinity<T>;
    const Vec<T> chosen = splat<T>(at_id) - largest;
    const Vec<T> total = exp_row<T>(x, probs, cols, largest);
    scale_row<T>(probs, cols, T(1) / total);
    loss[i] = (vlog<T>(total) - chosen)[0];
  }
}

template <typename T>
void sparse_softmax_xent_grad(const T* probs, const int32_t* ids, const T* dloss, T* dx,
                              int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i, probs += cols, dx += cols) {
    if (!is_class(ids[i], cols)) {
      for (int64_t j = 0; j < cols; ++j) dx[j] = T(0);
      continue;
    }
    const T chosen = (probs[ids[i]] - T(1)) * dloss[i];
    map<T>(Scale<T>{splat<T>(dloss[i])}, cols, dx, probs);
    dx[ids[i]] = chosen;
  }
}

// The first largest element; a NaN counts as larger than any number.
template <typename T>
PF_INLINE IVec<T> is_larger(Vec<T> x, Vec<T> best) {
  return ~(x <= best) & (best == best);
}

template <typename T>
int32_t argmax_row(const T* x, int64_t n) {
  Vec<T> best = splat<T>(-kInfinity<T>);
  IVec<T> best_index = iota<T>(), index = best_index;
  int64_t j = 0;
  for (; j < n; j += kLanes<T>, index += kLanes<T>) {
    const Vec<T> v =
        j + kLanes<T> <= n ? load<T>(x + j) : load_part<T>(x + j, n - j, -kInfinity<T>);
    const IVec<T> take = is_larger<T>(v, best);
    best = take ? v : best;
    best_index = take ? index : best_index;
  }
  // Lane by lane: NaN first, then the value, then the index.
  const Vec<T> nan_lanes = from_bits<T>(IVec<T>(best != best));
  int64_t nan_index = -1;
  const T largest = max_lanes<T>(best != best ? splat<T>(-kInfinity<T>) : best)[0];
  int64_t index_of_largest = INT64_MAX;
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    const int64_t at = best_index[lane];
    if (bits<T>(nan_lanes)[lane] != 0) {
      if (nan_index < 0 || at < nan_index) nan_index = at;
    } else if (best[lane] == largest && at < index_of_largest) {
      index_of_largest = at;
    }
  }
  return static_cast<int32_t>(nan_index >= 0 ? nan_index : index_of_largest);
}

template <typename T>
void argmax(const T* x, int32_t* out, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i) out[i] = argmax_row<T>(x + i * cols, cols);
}
