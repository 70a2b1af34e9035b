// The arithmetic of recurrent cells between their activations, on the n units of one sample.

// y = a b + c d
template <typename T>
struct SumOfProducts {
  PF_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b, Vec<T> c, Vec<T> d) const {
    return a * b + c * d;
  }
};

// c = f c_before + i g, with the gates i, f, g, o of n units each in a row.
template <typename T>
void lstm_cell(const T* gates, const T* c_before, T* c, int64_t n) {
  map<T>(SumOfProducts<T>{}, n, c, gates + n, c_before, gates, gates + 2 * n);
}

// Vectors of n elements of which the last may be a part.
template <typename T>
struct UnitBlock {
  int64_t at, left;
  PF_INLINE Vec<T> from(const T* p) const {
    return left >= kLanes<T> ? load<T>(p + at) : load_part<T>(p + at, left);
  }
  PF_INLINE void to(T* p, Vec<T> v) const {
    if (left >= kLanes<T>) {
      store<T>(p + at, v);
    } else {
      store_part<T>(p + at, v, left);
    }
  }
};

template <typename T>
void lstm_cell_grad(const T* gates, const T* c_before, const T* tanh_c, const T* dh, const T* dtanh,
                    const T* dc, T* dgates, T* dc_before, int64_t n) {
  for (int64_t j = 0; j < n; j += kLanes<T>) {
    const UnitBlock<T> p{j, n - j};
    const Vec<T> total = p.from(dc) + p.from(dtanh);
    const Vec<T> forget = p.from(gates + n);
    p.to(dgates + 3 * n, p.from(dh) * p.from(tanh_c));
    p.to(dgates, total * p.from(gates + 2 * n));
    p.to(dgates + 2 * n, total * p.from(gates));
    p.to(dgates + n, total * p.from(c_before));
    p.to(dc_before, total * forget);
  }
}

template <typename T>
struct MultiplyAdd {
  PF_INLINE Vec<T> operator()(Vec<T> x, Vec<T> a, Vec<T> b) const { return x + a * b; }
};

template <typename T>
void multiply_add(const T* x, const T* a, const T* b, T* y, int64_t n) {
  map<T>(MultiplyAdd<T>{}, n, y, x, a, b);
}

template <typename T>
struct Mix {
  PF_INLINE Vec<T> operator()(Vec<T> z, Vec<T> a, Vec<T> b) const { return z * a + (T(1) - z) * b; }
};

template <typename T>
void gru_mix(const T* z, const T* a, const T* b, T* y, int64_t n) {
  map<T>(Mix<T>{}, n, y, z, a, b);
}

template <typename T>
void gru_mix_grad(const T* z, const T* a, const T* b, const T* dy, T* dz, T* da, T* db, int64_t n) {
  for (int64_t j = 0; j < n; j += kLanes<T>) {
    const UnitBlock<T> p{j, n - j};
    const Vec<T> gate = p.from(z), slope = p.from(dy);
    const Vec<T> difference = p.from(a) - p.from(b);
    p.to(dz, slope * difference);
    p.to(da, slope * gate);
    p.to(db, slope * (T(1) - gate));
  }
}
