// The functions of PF_UNARY_LIST and PF_BINARY_LIST on vectors. A unary function has
// value(x) = f(x) and gradient(dy, xy) = dy f'(.), xy being x or y as the list says.

namespace unary {

#define PF_UNARY(name)  \
  template <typename T> \
  struct name {         \
    using V = Vec<T>;   \
    PF_INLINE explicit name(const T*) {}
#define PF_END \
  }            \
  ;

// clang-format off
PF_UNARY(relu)
  PF_INLINE V value(V x) const { return at_least<T>(x, V{}); }
  PF_INLINE V gradient(V dy, V y) const { return keep<T>(y > T(0), dy); }
PF_END

PF_UNARY(relu6)
  PF_INLINE V value(V x) const { return at_most<T>(at_least<T>(x, V{}), splat<T>(6)); }
  PF_INLINE V gradient(V dy, V y) const { return keep<T>((y > T(0)) & (y < T(6)), dy); }
PF_END

PF_UNARY(selu)
  static constexpr T kScale = T(1.0507009873554804934193349852946);
  static constexpr T kScaleAlpha = T(1.7580993408473768599402175208123);
  PF_INLINE V value(V x) const {
    return x > T(0) ? x * kScale : expm1_negative<T>(at_most<T>(x, V{})) * kScaleAlpha;
  }
  PF_INLINE V gradient(V dy, V y) const {
    return dy * (y > T(0) ? splat<T>(kScale) : y + kScaleAlpha);
  }
PF_END

PF_UNARY(sigmoid)
  PF_INLINE V value(V x) const { return vsigmoid<T>(x); }
  PF_INLINE V gradient(V dy, V y) const { return dy * y * (T(1) - y); }
PF_END

PF_UNARY(tanh)
  PF_INLINE V value(V x) const { return vtanh<T>(x); }
  PF_INLINE V gradient(V dy, V y) const { return dy * ((T(1) - y) * (y + T(1))); }
PF_END

PF_UNARY(softplus)
  PF_INLINE V value(V x) const { return vsoftplus<T>(x); }
  PF_INLINE V gradient(V dy, V x) const { return dy * vsigmoid<T>(x); }
PF_END

PF_UNARY(softsign)
  PF_INLINE V value(V x) const {
    // Bounded, so that the infinities give 1 and -1.
    const V bounded = at_most<T>(at_least<T>(x, splat<T>(-kLargest<T>)), splat<T>(kLargest<T>));
    return bounded / (vabs<T>(bounded) + T(1));
  }
  PF_INLINE V gradient(V dy, V y) const {
    const V root = T(1) - vabs<T>(y);
    return dy * (root * root);
  }
PF_END

// x times a probability that is 0 at -infinity, where the product is to be 0 too.
template <typename T>
PF_INLINE Vec<T> gated(Vec<T> x, Vec<T> gate) {
  return at_least<T>(x, splat<T>(-kLargest<T>)) * gate;
}

// dy (gate(x) + x gate'(x)), x gate' being 0 at the infinities.
template <typename T>
PF_INLINE Vec<T> gated_gradient(Vec<T> dy, Vec<T> x, Vec<T> gate, Vec<T> gate_slope) {
  const Vec<T> bounded = at_most<T>(at_least<T>(x, splat<T>(-kLargest<T>)), splat<T>(kLargest<T>));
  return dy * (bounded * gate_slope + gate);
}

PF_UNARY(gelu)
  PF_INLINE V value(V x) const { return gated<T>(x, normal<T>(x).probability); }
  PF_INLINE V gradient(V dy, V x) const {
    const Normal<T> n = normal<T>(x);
    return gated_gradient<T>(dy, x, n.probability, n.density * T(0.39894228040143267794));
  }
PF_END

// x / 2 (1 + tanh(u)) = x sigmoid(2 u)
PF_UNARY(gelu_tanh)
  static constexpr T kLinear = T(1.5957691216057307117597842397375);  // 2 sqrt(2 / pi)
  static constexpr T kCubic = T(0.044715) * kLinear;
  static constexpr T kBound = sizeof(T) == 4 ? T(1e10) : T(1e60);  // where the cube is finite
  PF_INLINE V bounded(V x) const {
    return at_most<T>(at_least<T>(x, splat<T>(-kBound)), splat<T>(kBound));
  }
  PF_INLINE V value(V x) const {
    const V b = bounded(x);
    return gated<T>(x, vsigmoid<T>(b * (b * b * kCubic + kLinear)));
  }
  PF_INLINE V gradient(V dy, V x) const {
    const V b = bounded(x);
    const LogisticPair<T> p = logistic_pair<T>(b * (b * b * kCubic + kLinear));
    return gated_gradient<T>(dy, b, p.value, p.slope * (b * b * (T(3) * kCubic) + kLinear));
  }
PF_END

PF_UNARY(silu)
  PF_INLINE V value(V x) const { return gated<T>(x, vsigmoid<T>(x)); }
  PF_INLINE V gradient(V dy, V x) const {
    const LogisticPair<T> p = logistic_pair<T>(x);
    return gated_gradient<T>(dy, x, p.value, p.slope);
  }
PF_END

PF_UNARY(hard_sigmoid)
  PF_INLINE V value(V x) const {
    return at_most<T>(at_least<T>((x + T(3)) * T(1.0 / 6), V{}), splat<T>(1));
  }
  PF_INLINE V gradient(V dy, V y) const {
    return keep<T>((y > T(0)) & (y < T(1)), dy * T(1.0 / 6));
  }
PF_END

// The same before Keras 3.
PF_UNARY(hard_sigmoid_keras2)
  PF_INLINE V value(V x) const {
    return at_most<T>(at_least<T>((x + T(2.5)) * T(0.2), V{}), splat<T>(1));
  }
  PF_INLINE V gradient(V dy, V y) const { return keep<T>((y > T(0)) & (y < T(1)), dy * T(0.2)); }
PF_END

PF_UNARY(exp)
  PF_INLINE V value(V x) const { return vexp<T>(x); }
  PF_INLINE V gradient(V dy, V y) const { return dy * y; }
PF_END

PF_UNARY(log)
  PF_INLINE V value(V x) const { return vlog<T>(x); }
  PF_INLINE V gradient(V dy, V x) const { return dy / x; }
PF_END

PF_UNARY(sqrt)
  PF_INLINE V value(V x) const { return square_root<T>(x); }
  PF_INLINE V gradient(V dy, V y) const { return dy * T(0.5) / y; }
PF_END

PF_UNARY(rsqrt)
  PF_INLINE V value(V x) const { return T(1) / square_root<T>(x); }
  PF_INLINE V gradient(V dy, V y) const { return dy * (y * y * y) * T(-0.5); }
PF_END

PF_UNARY(erf)
  PF_INLINE V value(V x) const { return verf<T>(x); }
  PF_INLINE V gradient(V dy, V x) const {
    const V bounded = at_most<T>(vabs<T>(x), splat<T>(Constants<T>::kErfcHigh));
    return dy * exp_minus_square<T>(bounded, 1) * T(1.1283791670955125739);  // 2 / sqrt(pi)
  }
PF_END

PF_UNARY(negative)
  PF_INLINE V value(V x) const { return -x; }
  PF_INLINE V gradient(V dy, V) const { return -dy; }
PF_END

// 1 or -1 with the sign of x, but 0 for 0 and NaN for NaN.
template <typename T>
PF_INLINE Vec<T> sign_of(Vec<T> x) {
  return vabs<T>(x) > T(0) ? copysign<T>(splat<T>(1), x) : x;
}

PF_UNARY(absolute)
  PF_INLINE V value(V x) const { return vabs<T>(x); }
  PF_INLINE V gradient(V dy, V x) const { return dy * sign_of<T>(x); }
PF_END

PF_UNARY(square)
  PF_INLINE V value(V x) const { return x * x; }
  PF_INLINE V gradient(V dy, V x) const { return dy * (x + x); }
PF_END

PF_UNARY(sign)
  PF_INLINE V value(V x) const { return sign_of<T>(x); }
  PF_INLINE V gradient(V, V) const { return V{}; }
PF_END
// clang-format on
#undef PF_UNARY
#undef PF_END

template <typename T>
struct leaky_relu {
  using V = Vec<T>;
  V slope;
  PF_INLINE explicit leaky_relu(const T* attrs) : slope(splat<T>(attrs[0])) {}
  PF_INLINE V value(V x) const { return x > T(0) ? x : x * slope; }
  PF_INLINE V gradient(V dy, V y) const { return y > T(0) ? dy : dy * slope; }
};

template <typename T>
struct elu {
  using V = Vec<T>;
  V alpha;
  PF_INLINE explicit elu(const T* attrs) : alpha(splat<T>(attrs[0])) {}
  PF_INLINE V value(V x) const {
    return x > T(0) ? x : expm1_negative<T>(at_most<T>(x, V{})) * alpha;
  }
  PF_INLINE V gradient(V dy, V y) const { return y > T(0) ? dy : dy * (y + alpha); }
};

template <typename T>
struct clip {
  using V = Vec<T>;
  V low, high;
  PF_INLINE explicit clip(const T* attrs) : low(splat<T>(attrs[0])), high(splat<T>(attrs[1])) {}
  PF_INLINE V value(V x) const { return at_most<T>(at_least<T>(x, low), high); }
  PF_INLINE V gradient(V dy, V x) const { return keep<T>((x >= low) & (x <= high), dy); }
};

}  // namespace unary

namespace binary {

#define PF_BINARY_STRUCT(name, expression)                                   \
  template <typename T>                                                      \
  struct name {                                                              \
    static PF_INLINE Vec<T> value(Vec<T> a, Vec<T> b) { return expression; } \
  };
PF_BINARY_STRUCT(add, a + b)
PF_BINARY_STRUCT(subtract, a - b)
PF_BINARY_STRUCT(multiply, a* b)
PF_BINARY_STRUCT(divide, a / b)
// The comparison gives b if either is NaN: a NaN in a is added back.
PF_BINARY_STRUCT(maximum, a != a ? a : (a > b ? a : b))
PF_BINARY_STRUCT(minimum, a != a ? a : (a < b ? a : b))
#undef PF_BINARY_STRUCT

}  // namespace binary
