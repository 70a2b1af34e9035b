// Losses that are a mean of f(x, t) over each row. Rows of one element, the usual case of
// regression and binary classification, are handled as one long vector.

template <typename T>
struct SigmoidXent {
  static PF_INLINE Vec<T> value(Vec<T> x, Vec<T> t) {
    const Vec<T> log_part = log1p_unit<T>(exp_negative<T>(-vabs<T>(x)));
    return (at_least<T>(x, Vec<T>{}) - x * t) + log_part;
  }
  static PF_INLINE Vec<T> gradient(Vec<T> x, Vec<T> t) { return vsigmoid<T>(x) - t; }
};

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
PF_LOSS(sigmoid_xent, SigmoidXent)
PF_LOSS(squared_error, SquaredError)
PF_LOSS(absolute_error, AbsoluteError)
#undef PF_LOSS
