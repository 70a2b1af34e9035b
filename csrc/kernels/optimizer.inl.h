// Parameter updates. Products are named one by one where the compiler could otherwise choose
// which of two to fuse with the addition.

template <typename T>
struct Descend {
  Vec<T> rate;
  PF_INLINE Vec<T> operator()(Vec<T> w, Vec<T> g) const { return w - rate * g; }
};

template <typename T>
void sgd(T* w, const T* g, int64_t n, T lr) {
  map<T>(Descend<T>{splat<T>(lr)}, n, w, static_cast<const T*>(w), g);
}

// Calls f.step(vectors...) on every vector of the arrays, which it updates in place.
template <typename T, int N, typename F>
PF_INLINE void update(const F& f, int64_t n, T* const (&arrays)[N], const T* g) {
  Vec<T> v[N];
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) {
    PF_UNROLL
    for (int k = 0; k < N; ++k) v[k] = load<T>(arrays[k] + i);
    f.step(v, load<T>(g + i));
    PF_UNROLL
    for (int k = 0; k < N; ++k) store<T>(arrays[k] + i, v[k]);
  }
  if (i < n) {
    PF_UNROLL
    for (int k = 0; k < N; ++k) v[k] = load_part<T>(arrays[k] + i, n - i);
    f.step(v, load_part<T>(g + i, n - i));
    PF_UNROLL
    for (int k = 0; k < N; ++k) store_part<T>(arrays[k] + i, v[k], n - i);
  }
}

template <typename T, bool Nesterov>
struct Momentum {
  Vec<T> lr, mu;
  PF_INLINE void step(Vec<T>* v, Vec<T> g) const {
    const Vec<T> descent = lr * g;
    v[1] = mu * v[1] - descent;
    v[0] += Nesterov ? mu * v[1] - descent : v[1];
  }
};

template <typename T>
void sgd_momentum(T* w, const T* g, T* m, int64_t n, T lr, T mu, bool nesterov) {
  if (nesterov) {
    update<T, 2>(Momentum<T, true>{splat<T>(lr), splat<T>(mu)}, n, {w, m}, g);
  } else {
    update<T, 2>(Momentum<T, false>{splat<T>(lr), splat<T>(mu)}, n, {w, m}, g);
  }
}

// Arrays: w, v[, mg][, mom].
template <typename T, bool Centered, bool WithMomentum>
struct RmsProp {
  Vec<T> lr, rho, rest, mu, eps;
  PF_INLINE void step(Vec<T>* a, Vec<T> g) const {
    const Vec<T> square = rest * (g * g);
    a[1] = rho * a[1] + square;
    Vec<T> variance = a[1];
    if constexpr (Centered) {
      const Vec<T> part = rest * g;
      a[2] = rho * a[2] + part;
      variance -= a[2] * a[2];
    }
    const Vec<T> change = lr * g / square_root<T>(variance + eps);
    if constexpr (WithMomentum) {
      a[Centered ? 3 : 2] = mu * a[Centered ? 3 : 2] + change;
      a[0] -= a[Centered ? 3 : 2];
    } else {
      a[0] -= change;
    }
  }
};

template <typename T>
void rmsprop(T* w, const T* g, T* v, T* mg, T* mom, int64_t n, T lr, double rho, T mu, T eps) {
  const Vec<T> vlr = splat<T>(lr), vrho = splat<T>(static_cast<T>(rho)),
               rest = splat<T>(static_cast<T>(1 - rho));
  const Vec<T> vmu = splat<T>(mu), veps = splat<T>(eps);
  if (mg != nullptr && mom != nullptr) {
    update<T, 4>(RmsProp<T, true, true>{vlr, vrho, rest, vmu, veps}, n, {w, v, mg, mom}, g);
  } else if (mg != nullptr) {
    update<T, 3>(RmsProp<T, true, false>{vlr, vrho, rest, vmu, veps}, n, {w, v, mg}, g);
  } else if (mom != nullptr) {
    update<T, 3>(RmsProp<T, false, true>{vlr, vrho, rest, vmu, veps}, n, {w, v, mom}, g);
  } else {
    update<T, 2>(RmsProp<T, false, false>{vlr, vrho, rest, vmu, veps}, n, {w, v}, g);
  }
}

template <typename T>
struct Adam {
  Vec<T> alpha, rest1, rest2, eps;
  PF_INLINE void step(Vec<T>* a, Vec<T> g) const {
    a[1] += (g - a[1]) * rest1;
    a[2] += (g * g - a[2]) * rest2;
    a[0] -= alpha * a[1] / (square_root<T>(a[2]) + eps);
  }
};

template <typename T>
void adam(T* w, const T* g, T* m, T* v, int64_t n, T alpha, double b1, double b2, T eps) {
  const Adam<T> f{splat<T>(alpha), splat<T>(static_cast<T>(1 - b1)),
                  splat<T>(static_cast<T>(1 - b2)), splat<T>(eps)};
  update<T, 3>(f, n, {w, m, v}, g);
}
