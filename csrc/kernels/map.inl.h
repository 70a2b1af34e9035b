// Loops over elements. The last, partial vector goes through the same vector function as the
// others: an element's result does not depend on where the caller cuts the range.

// p[0 .. n) if that is less than a vector, else a whole one.
template <typename T>
PF_INLINE Vec<T> load_up_to(const T* p, int64_t n) {
  return n < kLanes<T> ? load_part<T>(p, n) : load<T>(p);
}

template <typename T>
PF_INLINE void store_up_to(T* p, Vec<T> v, int64_t n) {
  n < kLanes<T> ? store_part<T>(p, v, n) : store<T>(p, v);
}

// out[i] = f(a[i], b[i], ...), out may be one of the inputs.
template <typename T, typename F, typename... In>
PF_INLINE void map(const F& f, int64_t n, T* out, const In*... in) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) store<T>(out + i, f(load<T>(in + i)...));
  if (i < n) store_part<T>(out + i, f(load_part<T>(in + i, n - i)...), n - i);
}

template <typename T, typename F>
struct ValueOf {
  F f;
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return f.value(x); }
};

template <typename T, typename F>
struct GradientOf {
  F f;
  PF_INLINE Vec<T> operator()(Vec<T> dy, Vec<T> xy) const { return f.gradient(dy, xy); }
};

template <typename T, typename F>
void map_unary(const T* x, T* y, int64_t n, const T* attrs) {
  map<T>(ValueOf<T, F>{F(attrs)}, n, y, x);
}

template <typename T, typename F>
void map_unary_grad(const T* dy, const T* xy, T* dx, int64_t n, const T* attrs) {
  map<T>(GradientOf<T, F>{F(attrs)}, n, dx, dy, xy);
}

template <typename T, typename F>
struct BothVary {
  PF_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const { return F::value(a, b); }
};

template <typename T, typename F>
struct FirstFixed {
  Vec<T> a;
  PF_INLINE Vec<T> operator()(Vec<T> b) const { return F::value(a, b); }
};

template <typename T, typename F>
struct SecondFixed {
  Vec<T> b;
  PF_INLINE Vec<T> operator()(Vec<T> a) const { return F::value(a, b); }
};

template <typename T>
struct Fixed {
  Vec<T> value;
  PF_INLINE Vec<T> operator()() const { return value; }
};

template <typename T, typename F>
void map_binary(const T* a, const T* b, T* y, int64_t n, int64_t a_inc, int64_t b_inc) {
  if (n <= 0) return;
  if (a_inc != 0 && b_inc != 0) {
    map<T>(BothVary<T, F>{}, n, y, a, b);
  } else if (b_inc != 0) {
    map<T>(FirstFixed<T, F>{splat<T>(*a)}, n, y, b);
  } else if (a_inc != 0) {
    map<T>(SecondFixed<T, F>{splat<T>(*b)}, n, y, a);
  } else {
    map<T>(Fixed<T>{F::value(splat<T>(*a), splat<T>(*b))}, n, y);
  }
}

template <typename T>
void fill(T* y, int64_t n, T value) {
  map<T>(Fixed<T>{splat<T>(value)}, n, y);
}

template <typename T>
struct Scale {
  Vec<T> alpha;
  PF_INLINE Vec<T> operator()(Vec<T> x) const { return alpha * x; }
};

template <typename T>
struct ScaleAdd {
  Vec<T> alpha, beta;
  PF_INLINE Vec<T> operator()(Vec<T> x, Vec<T> y) const {
    const Vec<T> kept = beta * y;
    return alpha * x + kept;
  }
};

template <typename T>
void axpby(T alpha, const T* x, T beta, T* y, int64_t n) {
  if (beta == T(0)) {
    map<T>(Scale<T>{splat<T>(alpha)}, n, y, x);
  } else {
    map<T>(ScaleAdd<T>{splat<T>(alpha), splat<T>(beta)}, n, y, x, static_cast<const T*>(y));
  }
}
