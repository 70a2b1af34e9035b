// Vectorised functions of one variable. Errors are below 4 ulp (gelu: 7 ulp; gelu_tanh: 4 epsilon,
// absolutely). NaN stays NaN, infinities give the limits. The polynomials are minimax fits (Remez,
// 60 digits) on the ranges noted; the argument reductions are those of fdlibm. Constants that need
// their low bits zero are written so that products are exact also without FMA.

template <typename T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float kLn2High = 0.693145752f, kLn2Low = 1.42860677e-6f;
  // exp is 0 below, infinity above; expm1 is -1 below.
  static constexpr float kExpLow = -104.0f, kExpHigh = 89.0f, kExpm1Low = -40.0f;
  // (exp(r) - 1 - r) / r^2, |r| <= 0.3475
  static constexpr float kExp[] = {0.5f, 0.166665167f, 0.0416662022f, 0.00836907234f,
                                   0.00139508035f};
  // (2 atanh(s) - 2 s) / s^3 in s^2, |s| <= (sqrt 2 - 1) / (sqrt 2 + 1)
  static constexpr float kLog[] = {0.666666627f, 0.400004357f, 0.285320312f, 0.23669444f};
  // erf(x) / x in x^2, |x| <= 1
  static constexpr float kErf[] = {1.12837911f,    -0.37612626f,     0.112835854f,   -0.0268538129f,
                                   0.00518832775f, -0.000801019371f, 7.85386073e-05f};
  // (1 + 2 x) exp(x^2) erfc(x) in (x - k) / (x + k), 0 <= x <= 10.5 (Shepherd, Laframboise 1981)
  static constexpr float kErfcCentre = 2.0f, kErfcHigh = 10.5f;
  static constexpr float kErfc[] = {
      1.27697837f,     -0.0927639976f, -0.166031569f,  0.16405566f,     -0.0542026199f,
      -0.00806088746f, 0.00862535276f, 0.00131256785f, -0.00122233725f, -0.000396103656f};
};

template <>
struct Constants<double> {
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double kLn2High = 6.93147180369123816490e-01,
                          kLn2Low = 1.90821492927058770002e-10;
  static constexpr double kExpLow = -746.0, kExpHigh = 710.0, kExpm1Low = -60.0;
  static constexpr double kExp[] = {0.5,
                                    0.16666666666666677,
                                    0.041666666666666699,
                                    0.0083333333333213723,
                                    0.001388888888886642,
                                    0.0001984126988685575,
                                    2.4801587361407042e-05,
                                    2.7557243406602456e-06,
                                    2.75572420140614e-07,
                                    2.5109338399918439e-08,
                                    2.0924678232138259e-09};
  static constexpr double kLog[] = {0.66666666666668106, 0.39999999999012092, 0.28571428818952282,
                                    0.22222191599793842, 0.1818389365943123,  0.15306268938143125,
                                    0.14868705983843056};
  static constexpr double kErf[] = {
      1.1283791670955126,      -0.37612638903183748,    0.11283791670954857,
      -0.026866170645072896,   0.0052239776247808749,   -0.00085483269787426329,
      0.00012055331036913794,  -1.4925593507190661e-05, 1.6460972821184672e-06,
      -1.6350025260055095e-07, 1.4657880051993659e-08,  -1.1365666624567702e-09,
      5.9452626407539547e-11};
  static constexpr double kErfcCentre = 4.0, kErfcHigh = 27.5;
  static constexpr double kErfc[] = {
      1.2329951186255526,     -0.13962111684056319,    0.01537965210260649,
      0.068097054254766184,   -0.10103906603557924,    0.093732834996111694,
      -0.066330365827889634,  0.037167515567331284,    -0.016197733882406227,
      0.0050319697732260542,  -0.00075777443905375994, -0.00019925594644793987,
      0.0001506263724177234,  -2.44004635936471e-05,   -1.1234221505945077e-05,
      5.7093851875844854e-06, 3.1370599458998152e-07,  -8.2029543543968746e-07,
      5.5271719632410555e-08, 1.0157759140535828e-07,  -8.054457188964331e-09,
      -8.3907750569217786e-09};
};

// c[0] + c[1] x + ... (Horner)
template <typename T, int N>
PF_INLINE Vec<T> polynomial(Vec<T> x, const T (&c)[N]) {
  Vec<T> y = splat<T>(c[N - 1]);
  PF_UNROLL
  for (int i = N - 2; i >= 0; --i) y = y * x + c[i];
  return y;
}

// 2^k for integers k within the normal range. Integers are unsigned here: for a NaN they may be
// anything, and must be allowed to wrap around.
template <typename T>
PF_INLINE Vec<T> power_of_two(UVec<T> k) {
  return (Vec<T>)((k + static_cast<typename VecTypes<T>::Uint>(Constants<T>::kBias))
                  << Constants<T>::kMantissa);
}

// exp(x + tail) = 2^n (1 + fraction), n also as an integer k, for x within the limits of exp.
template <typename T>
struct ExpParts {
  Vec<T> n, fraction;
  UVec<T> k;
};

template <typename T>
PF_INLINE ExpParts<T> exp_parts(Vec<T> x, Vec<T> tail) {
  using C = Constants<T>;
  const Vec<T> shifted = x * T(1.4426950408889634) + C::kMagic;
  ExpParts<T> p;
  p.n = shifted - C::kMagic;
  p.k = (UVec<T>)shifted - (UVec<T>)splat<T>(C::kMagic);
  const Vec<T> r = ((x - p.n * C::kLn2High) - p.n * C::kLn2Low) + tail;
  p.fraction = (r * r) * polynomial<T>(r, C::kExp) + r;
  return p;
}

// exp(x). 2^n may leave the normal range and the result be denormal: the scaling is done in two
// steps, the second of which rounds, or by an instruction.
template <typename T>
PF_INLINE Vec<T> vexp(Vec<T> x) {
  using C = Constants<T>;
  x = at_most<T>(at_least<T>(x, splat<T>(C::kExpLow)), splat<T>(C::kExpHigh));
  const ExpParts<T> p = exp_parts<T>(x, Vec<T>{});
  const Vec<T> y = p.fraction + T(1);
#if defined(PF_HAS_SCALE)
  return scale_by_power<T>(y, p.n);
#else
  using Uint = typename VecTypes<T>::Uint;
  constexpr Uint offset = 2 * (C::kBias + 1);
  const UVec<T> half = ((p.k + offset) >> 1) - offset / 2;
  return y * power_of_two<T>(half) * power_of_two<T>(p.k - half);
#endif
}

// exp(x + tail) for x <= 0 (or NaN) and |tail| << 1.
template <typename T>
PF_INLINE Vec<T> exp_negative(Vec<T> x, Vec<T> tail = Vec<T>{}) {
  using C = Constants<T>;
  const ExpParts<T> p = exp_parts<T>(at_least<T>(x, splat<T>(C::kExpLow)), tail);
  const Vec<T> y = p.fraction + T(1);
#if defined(PF_HAS_SCALE)
  return scale_by_power<T>(y, p.n);
#else
  using Uint = typename VecTypes<T>::Uint;
  constexpr Uint offset = (C::kBias + 1) / 2;
  constexpr T undo = sizeof(T) == 4 ? T(0x1p-64) : T(0x1p-512);
  return y * power_of_two<T>(p.k + offset) * undo;
#endif
}

// exp(x) for x <= 0 (or NaN), zero where it would be denormal: nothing underflows, which is slow
// on many processors.
template <typename T>
PF_INLINE Vec<T> exp_flushed(Vec<T> x) {
  const T low = sizeof(T) == 4 ? T(-87.3) : T(-708.3);
  const ExpParts<T> p = exp_parts<T>(at_least<T>(x, splat<T>(low)), Vec<T>{});
  return keep<T>(~(x < low), (p.fraction + T(1)) * power_of_two<T>(p.k));
}

// exp(x) - 1 for x <= 0
template <typename T>
PF_INLINE Vec<T> expm1_negative(Vec<T> x) {
  x = at_least<T>(x, splat<T>(Constants<T>::kExpm1Low));
  const ExpParts<T> p = exp_parts<T>(x, Vec<T>{});
  const Vec<T> scale = power_of_two<T>(p.k);
  return scale * p.fraction + (scale - T(1));
}

// log(1 + f) + k ln 2 for sqrt(1/2) <= 1 + f <= sqrt 2
template <typename T>
PF_INLINE Vec<T> log_reduced(Vec<T> f, Vec<T> k) {
  using C = Constants<T>;
  const Vec<T> s = f / (f + T(2));
  const Vec<T> z = s * s;
  const Vec<T> half_square = T(0.5) * f * f;
  const Vec<T> rest = z * polynomial<T>(z, C::kLog) + half_square;
  return k * C::kLn2High - ((half_square - (s * rest + k * C::kLn2Low)) - f);
}

template <typename T>
struct LogParts {
  Vec<T> f, k;
};

// x = (1 + f) 2^k for a positive normal x, with 1 + f as in log_reduced.
template <typename T>
PF_INLINE LogParts<T> log_parts(Vec<T> x) {
  using C = Constants<T>;
  // Subtracting the bits of sqrt(1/2) puts the boundary between exponents there.
  using Uint = typename VecTypes<T>::Uint;
  const UVec<T> root_half = (UVec<T>)splat<T>(T(0.70710678118654752));
  const UVec<T> shifted = (UVec<T>)x - root_half;
  // The exponent is small: its bits are added to those of the magic number instead of a conversion.
  const UVec<T> exponent = (shifted + (Uint(C::kBias + 1) << C::kMantissa)) >> C::kMantissa;
  const Vec<T> k =
      (Vec<T>)(exponent + (UVec<T>)splat<T>(C::kMagic)) - (C::kMagic + T(C::kBias + 1));
  constexpr Uint mantissa = (Uint(1) << C::kMantissa) - 1;
  return {(Vec<T>)((shifted & mantissa) + root_half) - T(1), k};
}

template <typename T>
PF_INLINE Vec<T> vlog(Vec<T> x) {
  constexpr T smallest = sizeof(T) == 4 ? T(__FLT_MIN__) : T(__DBL_MIN__);
  constexpr T denormal_scale = sizeof(T) == 4 ? T(16777216.0) : T(18014398509481984.0);
  constexpr T denormal_log2 = sizeof(T) == 4 ? T(24) : T(54);
  const IVec<T> denormal = x < smallest;
  const LogParts<T> p = log_parts<T>(denormal ? x * denormal_scale : x);
  Vec<T> y = log_reduced<T>(p.f, p.k - keep<T>(denormal, splat<T>(denormal_log2)));
  y = x < kInfinity<T> ? y : x;  // +infinity and NaN
  y = x == T(0) ? splat<T>(-kInfinity<T>) : y;
  return x < T(0) ? splat<T>(kNan<T>) : y;
}

// log(1 + e) for 0 <= e <= 1
template <typename T>
PF_INLINE Vec<T> log1p_unit(Vec<T> e) {
  const IVec<T> high = e > T(0.41421356237309505);
  const Vec<T> f = high ? T(0.5) * (e - T(1)) : e;
  return log_reduced<T>(f, keep<T>(high, splat<T>(1)));
}

// log(1 + s) for 0 <= s < 2^20, with a small relative error also where s is small
template <typename T>
PF_INLINE Vec<T> log1p_positive(Vec<T> s) {
  const LogParts<T> p = log_parts<T>(s + T(1));
  return log_reduced<T>(s < T(0.41421356237309505) ? s : p.f, p.k);
}

// 1 / (1 + exp(-x)) from e = exp(-|x|)
template <typename T>
PF_INLINE Vec<T> sigmoid_from_exp(Vec<T> x, Vec<T> e) {
  return (x < T(0) ? e : splat<T>(1)) / (e + T(1));
}

template <typename T>
PF_INLINE Vec<T> vsigmoid(Vec<T> x) {
  return sigmoid_from_exp<T>(x, exp_negative<T>(-vabs<T>(x)));
}

// sigmoid(x) and its derivative sigmoid(x) sigmoid(-x), without cancellation.
template <typename T>
struct LogisticPair {
  Vec<T> value, slope;
};

template <typename T>
PF_INLINE LogisticPair<T> logistic_pair(Vec<T> x) {
  const Vec<T> e = exp_negative<T>(-vabs<T>(x));
  const Vec<T> d = T(1) / (e + T(1));
  return {x < T(0) ? e * d : d, e * d * d};
}

// log(1 + exp(x))
template <typename T>
PF_INLINE Vec<T> vsoftplus(Vec<T> x) {
  return at_least<T>(x, Vec<T>{}) + log1p_unit<T>(exp_negative<T>(-vabs<T>(x)));
}

template <typename T>
PF_INLINE Vec<T> vtanh(Vec<T> x) {
  const Vec<T> e = expm1_negative<T>(T(-2) * vabs<T>(x));
  return copysign<T>(e / (e + T(2)), x);
}

// exp(-scale x^2), with the rounding error of x^2 taken into account; scale is a power of two.
template <typename T>
PF_INLINE Vec<T> exp_minus_square(Vec<T> x, T scale) {
  const Vec<T> square = x * x;
  return exp_negative<T>(-scale * square, -scale * square_error<T>(x, square));
}

// erfc(x) / exp(-x^2) for 0 <= x <= kErfcHigh
template <typename T>
PF_INLINE Vec<T> erfc_scaled(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> q = (x - C::kErfcCentre) / (x + C::kErfcCentre);
  return polynomial<T>(q, C::kErfc) / (T(2) * x + T(1));
}

template <typename T>
PF_INLINE Vec<T> verf(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> a = at_most<T>(vabs<T>(x), splat<T>(C::kErfcHigh));
  const Vec<T> large = T(1) - exp_minus_square<T>(a, 1) * erfc_scaled<T>(a);
  const Vec<T> small = a * polynomial<T>(a * a, C::kErf);
  return copysign<T>(a < T(1) ? small : large, x);
}

// The normal distribution: its density (without 1 / sqrt(2 pi)) and cumulative probability,
// accurate relative to itself also where it is small.
template <typename T>
struct Normal {
  Vec<T> density, probability;
};

template <typename T>
PF_INLINE Normal<T> normal(Vec<T> x) {
  constexpr T root_half = T(0.70710678118654752);
  const T high = Constants<T>::kErfcHigh * T(1.4142135623730951);
  const Vec<T> a = at_most<T>(vabs<T>(x), splat<T>(high));
  Normal<T> out;
  out.density = exp_minus_square<T>(a, T(0.5));
  const Vec<T> tail = T(0.5) * out.density * erfc_scaled<T>(a * root_half);
  out.probability = x < T(0) ? tail : T(1) - tail;
  return out;
}
