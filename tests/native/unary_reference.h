// Definitions of the elementwise functions and of their derivatives.
#pragma once

#include <cmath>
#include <limits>

#include "isa/kernel_table.h"

namespace pyframe::test {

// The attributes with which the functions are tested.
constexpr double kAttrs[2] = {0.25, 0.75};

template <typename R>
struct UnaryCase {
  Unary op;
  double low, high;  // arguments to test; low > 0 if there are no smaller ones
  double ulps;       // largest error of the value
  bool steps;        // the derivative is piecewise constant
  R (*value)(R);
  R (*slope)(R);
};

template <typename R>
constexpr R kPi = R(3.14159265358979323846264338327950288L);

template <typename R>
R sigmoid(R x) {
  const R e = std::exp(-std::fabs(x));
  return (x >= 0 ? R(1) : e) / (1 + e);
}

// x * weight, where weight tends to 0 faster than x to -infinity.
template <typename R>
R weighted(R x, R weight) {
  return x == -std::numeric_limits<R>::infinity() ? R(0) : x * weight;
}

template <typename R>
R normal_cdf(R x) {
  return std::erfc(-x * std::sqrt(R(0.5))) / 2;
}

// gelu_tanh(x) = x (1 + tanh u) / 2 = x sigmoid(2 u); this is 2 u and its derivative.
template <typename R>
R gelu_argument(R x) {
  return 2 * std::sqrt(2 / kPi<R>) * x * (1 + R(0.044715L) * x * x);
}
template <typename R>
R gelu_argument_slope(R x) {
  return 2 * std::sqrt(2 / kPi<R>) * (1 + 3 * R(0.044715L) * x * x);
}

template <typename R>
R step(R x) {
  return x > 0 ? 1 : 0;
}
template <typename R>
R clip(R x, R low, R high) {
  return x < low ? low : x > high ? high : x;
}

// In the order of PF_UNARY_LIST. The errors are those of docs/engine.md, rounded up.
template <typename R>
const UnaryCase<R>* unary_cases() {
  constexpr R kScale = R(1.0507009873554804934193349852946L);
  constexpr R kScaleAlpha = kScale * R(1.6732632423543772848170429916717L);
  constexpr R kA = R(kAttrs[0]), kB = R(kAttrs[1]);
  static const UnaryCase<R> cases[] = {
      {Unary::k_relu, -5, 5, 0, true, [](R x) { return x < 0 ? R(0) : x; }, step<R>},
      {Unary::k_relu6, -3, 9, 0, true, [](R x) { return clip<R>(x, 0, 6); },
       [](R x) { return x > 0 && x < 6 ? R(1) : R(0); }},
      {Unary::k_leaky_relu, -5, 5, 0.5, true, [](R x) { return x > 0 ? x : kA * x; },
       [](R x) { return x > 0 ? R(1) : kA; }},
      {Unary::k_elu, -110, 5, 1.5, false, [](R x) { return x > 0 ? x : kA * std::expm1(x); },
       [](R x) { return x > 0 ? R(1) : kA * std::exp(x); }},
      {Unary::k_selu, -20, 5, 2, false,
       [](R x) { return x > 0 ? kScale * x : kScaleAlpha * std::expm1(x); },
       [](R x) { return x > 0 ? kScale : kScaleAlpha * std::exp(x); }},
      {Unary::k_sigmoid, -110, 110, 2.5, false, sigmoid<R>,
       [](R x) { return sigmoid(x) * sigmoid(-x); }},
      {Unary::k_tanh, -12, 12, 2.5, false, [](R x) { return std::tanh(x); },
       [](R x) { return 4 * sigmoid(2 * x) * sigmoid(-2 * x); }},
      {Unary::k_softplus, -110, 110, 2, false,
       [](R x) { return (x < 0 ? R(0) : x) + std::log1p(std::exp(-std::fabs(x))); }, sigmoid<R>},
      {Unary::k_softsign, -50, 50, 1.5, false,
       [](R x) { return std::isinf(x) ? std::copysign(R(1), x) : x / (1 + std::fabs(x)); },
       [](R x) { return 1 / ((1 + std::fabs(x)) * (1 + std::fabs(x))); }},
      {Unary::k_gelu, -12, 12, 6, false, [](R x) { return weighted(x, normal_cdf(x)); },
       [](R x) { return normal_cdf(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * kPi<R>); }},
      {Unary::k_gelu_tanh, -12, 12, 1e3, false,
       [](R x) { return weighted(x, sigmoid(gelu_argument(x))); },
       [](R x) {
         const R s = sigmoid(gelu_argument(x)), c = sigmoid(-gelu_argument(x));
         return s + x * s * c * gelu_argument_slope(x);
       }},
      {Unary::k_silu, -80, 80, 3.5, false, [](R x) { return weighted(x, sigmoid(x)); },
       [](R x) { return sigmoid(x) * (1 + x * sigmoid(-x)); }},
      {Unary::k_hard_sigmoid, -5, 5, 1.5, true,
       [](R x) { return clip<R>((x + 3) / 6, R(0), R(1)); },
       [](R x) { return x > -3 && x < 3 ? 1 / R(6) : R(0); }},
      {Unary::k_hard_sigmoid_keras2, -5, 5, 2, true,
       [](R x) { return clip<R>((x + R(2.5)) / 5, R(0), R(1)); },
       [](R x) { return x > -2.5 && x < 2.5 ? R(0.2) : R(0); }},
      {Unary::k_exp, -110, 95, 1.1, false, [](R x) { return std::exp(x); },
       [](R x) { return std::exp(x); }},
      {Unary::k_log, 1e-30, 4, 1, false, [](R x) { return std::log(x); },
       [](R x) { return 1 / x; }},
      {Unary::k_sqrt, 1e-3, 100, 0.5, false, [](R x) { return std::sqrt(x); },
       [](R x) { return 1 / (2 * std::sqrt(x)); }},
      {Unary::k_rsqrt, 1e-3, 100, 1.5, false, [](R x) { return 1 / std::sqrt(x); },
       [](R x) { return -1 / (2 * x * std::sqrt(x)); }},
      {Unary::k_erf, -7, 7, 2.6, false, [](R x) { return std::erf(x); },
       [](R x) { return 2 / std::sqrt(kPi<R>) * std::exp(-x * x); }},
      {Unary::k_negative, -5, 5, 0, true, [](R x) { return -x; }, [](R) { return R(-1); }},
      {Unary::k_absolute, -5, 5, 0, false, [](R x) { return std::fabs(x); },
       [](R x) { return step(x) - step(-x); }},
      {Unary::k_square, -5, 5, 0.5, false, [](R x) { return x * x; }, [](R x) { return 2 * x; }},
      {Unary::k_sign, -5, 5, 0, true, [](R x) { return std::isnan(x) ? x : step(x) - step(-x); },
       [](R) { return R(0); }},
      {Unary::k_clip, -2, 2, 0, true, [](R x) { return clip(x, kA, kB); },
       [](R x) { return x >= kA && x <= kB ? R(1) : R(0); }},
  };
  static_assert(sizeof(cases) / sizeof(cases[0]) == static_cast<size_t>(Unary::kCount));
  return cases;
}

}  // namespace pyframe::test
