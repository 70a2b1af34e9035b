// Losses that are a mean of f(x, t) over each row. Rows of one element, the usual case of
// regression and binary classification, are handled as one long vector.

template <typename T>
struct SquaredError {
  static PF_INLINE Vec<T> value(Vec<T> x, Vec<T> t) { return (x - t) * (x - t); }
  static PF_INLINE Vec<T> gradient(Vec<T> x, Vec<T> t) { return T(2) * (x - t); }
};

template <typename T>
struct AbsoluteError {
  static PF_INLINE Vec<T> value(Vec<T> x, Vec<T> t) { return vabs<T>(x - t); }
  static PF_INLINE Vec<T> gradient(Vec<T> x, Vec<T> t) { return unary::sign_of<T>(x - t); }
};

template <typename T, typename F>
struct LossValue {
  PF_INLINE Vec<T> operator()(Vec<T> x, Vec<T> t) const { return F::value(x, t); }
};

template <typename T, typename F>
struct LossGradient {
  PF_INLINE Vec<T> operator()(Vec<T> x, Vec<T> t, Vec<T> scale) const {
    return F::gradient(x, t) * scale;
  }
};

template <typename T, typename F>
struct RowGradient {
  Vec<T> scale;
  PF_INLINE Vec<T> operator()(Vec<T> x, Vec<T> t) const { return F::gradient(x, t) * scale; }
};

// sum_j f(x[j], t[j]), where f(0, 0) need not be 0.
template <typename T, typename F>
PF_INLINE T loss_row(const T* x, const T* t, int64_t n) {
  const int64_t whole = n / kLanes<T> * kLanes<T>;
  T total = sum_of<T>(LossValue<T, F>{}, whole, x, t)[0];
  if (whole < n) {
    const Vec<T> v =
        F::value(load_part<T>(x + whole, n - whole), load_part<T>(t + whole, n - whole));
    total += sum_lanes<T>(keep<T>(iota<T>() < splat_int<T>(n - whole), v))[0];
  }
  return total;
}

template <typename T, typename F>
PF_INLINE void loss_rows(const T* x, const T* t, T* loss, int64_t rows, int64_t cols) {
  if (cols == 1) {
    map<T>(LossValue<T, F>{}, rows, loss, x, t);
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    loss[i] = loss_row<T, F>(x + i * cols, t + i * cols, cols) / static_cast<T>(cols);
  }
}

template <typename T, typename F>
PF_INLINE void loss_rows_grad(const T* x, const T* t, const T* dloss, T* dx, int64_t rows,
                              int64_t cols) {
  if (cols == 1) {
    map<T>(LossGradient<T, F>{}, rows, dx, x, t, dloss);
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    const Vec<T> scale = splat<T>(dloss[i] / static_cast<T>(cols));
    map<T>(RowGradient<T, F>{scale}, cols, dx + i * cols, x + i * cols, t + i * cols);
  }
}

#define PF_LOSS(name, F)                                                                        \
  template <typename T>                                                                         \
  void name(const T* x, const T* t, T* loss, int64_t rows, int64_t cols) {                      \
    loss_rows<T, F<T>>(x, t, loss, rows, cols);                                                 \
  }                                                                                             \
  template <typename T>                                                                         \
  void name##_grad(const T* x, const T* t, const T* dloss, T* dx, int64_t rows, int64_t cols) { \
    loss_rows_grad<T, F<T>>(x, t, dloss, dx, rows, cols);                                       \
  }
PF_LOSS(squared_error, SquaredError)
PF_LOSS(absolute_error, AbsoluteError)
#undef PF_LOSS

// Of one element: its loss is linear + log(1 + e), the derivative of that is slope.
template <typename T>
struct SigmoidXent {
  Vec<T> linear, e, slope;

  PF_INLINE SigmoidXent(Vec<T> x, Vec<T> t) {
    e = exp_negative<T>(-vabs<T>(x));
    linear = at_least<T>(x, Vec<T>{}) - x * t;
    slope = sigmoid_from_exp<T>(x, e) - t;
  }
};

// The losses of cols elements, in all lanes. Eight elements share one logarithm, that of their
// product: sum log(1 + e) = log(1 + s), where each element makes s to s + e + s e.
template <typename T, bool kSlope>
PF_INLINE Vec<T> sigmoid_xent_row(const T* x, const T* t, T* slope, int64_t cols) {
  constexpr int kJoined = 8;
  Vec<T> total{};
  int64_t j = 0;
  for (int64_t block = 0; block < cols; block += kSumBlock) {
    const int64_t end = cols - block < kSumBlock ? cols : block + kSumBlock;
    Vec<T> linear{}, logs{};
    for (; j + kJoined * kLanes<T> <= end; j += kJoined * kLanes<T>) {
      Vec<T> s[2] = {};
      PF_UNROLL
      for (int i = 0; i < kJoined; ++i) {
        const int64_t at = j + i * kLanes<T>;
        const SigmoidXent<T> v(load<T>(x + at), load<T>(t + at));
        if constexpr (kSlope) store<T>(slope + at, v.slope);
        linear += v.linear;
        s[i % 2] += v.e + s[i % 2] * v.e;
      }
      logs += log1p_positive<T>(s[0] + (s[1] + s[0] * s[1]));
    }
    for (; j < end; j += kLanes<T>) {
      const int64_t left = end - j;
      const SigmoidXent<T> v(load_up_to<T>(x + j, left), load_up_to<T>(t + j, left));
      if constexpr (kSlope) store_up_to<T>(slope + j, v.slope, left);
      linear += v.linear;
      logs += keep<T>(iota<T>() < splat_int<T>(left), log1p_unit<T>(v.e));
    }
    total += linear + logs;
    j = end;
  }
  return sum_lanes<T>(total);
}

template <typename T, bool kSlope>
PF_INLINE void sigmoid_xent_rows(const T* x, const T* t, T* loss, T* slope, int64_t rows,
                                 int64_t cols) {
  if (cols == 1) {
    for (int64_t i = 0; i < rows; i += kLanes<T>) {
      const SigmoidXent<T> v(load_up_to<T>(x + i, rows - i), load_up_to<T>(t + i, rows - i));
      store_up_to<T>(loss + i, v.linear + log1p_unit<T>(v.e), rows - i);
      if constexpr (kSlope) store_up_to<T>(slope + i, v.slope, rows - i);
    }
    return;
  }
  for (int64_t i = 0; i < rows; ++i, x += cols, t += cols) {
    loss[i] = sigmoid_xent_row<T, kSlope>(x, t, slope, cols)[0] / static_cast<T>(cols);
    if constexpr (kSlope) slope += cols;
  }
}

template <typename T>
void sigmoid_xent(const T* x, const T* t, T* loss, T* slope, int64_t rows, int64_t cols) {
  slope == nullptr ? sigmoid_xent_rows<T, false>(x, t, loss, slope, rows, cols)
                   : sigmoid_xent_rows<T, true>(x, t, loss, slope, rows, cols);
}

template <typename T>
void sigmoid_xent_grad(const T* slope, const T* dloss, T* dx, int64_t rows, int64_t cols) {
  if (cols == 1) {
    map<T>(Product<T>{}, rows, dx, slope, dloss);
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    const Scale<T> scale{splat<T>(dloss[i] / static_cast<T>(cols))};
    map<T>(scale, cols, dx + i * cols, slope + i * cols);
  }
}
