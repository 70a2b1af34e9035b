// Parameter updates.
#include <initializer_list>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

// Parameters, gradients and state of n elements. The mean gradient is small and the variance
// large, as in training, so that their difference is positive.
template <typename T>
struct State {
  Buffer<T> w, g, m, v, mg;

  State(Random& random, int n) : w(n), g(n), m(n), v(n), mg(n) {
    w.uniform(random);
    g.uniform(random);
    m.uniform(random);
    v.uniform(random, 0.5, 1.5);
    mg.uniform(random, -0.1, 0.1);
  }
};

template <typename T>
void test_sgd(const KernelTable<T>& kernels, Random& random, int n) {
  set_case("sgd %s n %d", kTypeName<T>, n);
  State<T> s(random, n);
  const State<T> old(s);
  const T lr = T(0.01);
  kernels.sgd(s.w.data(), s.g.data(), n, lr);
  for (int i = 0; i < n; ++i) {
    expect_near<T>("w", i, s.w[i], old.w[i] - Wide<T>(lr) * s.g[i], 1, 1);
  }
}

template <typename T>
void test_momentum(const KernelTable<T>& kernels, Random& random, int n, bool nesterov) {
  set_case("sgd_momentum %s n %d nesterov %d", kTypeName<T>, n, nesterov);
  State<T> s(random, n);
  const State<T> old(s);
  const T lr = T(0.01), mu = T(0.9);
  kernels.sgd_momentum(s.w.data(), s.g.data(), s.m.data(), n, lr, mu, nesterov);
  for (int i = 0; i < n; ++i) {
    const Wide<T> descent = Wide<T>(lr) * s.g[i], m = Wide<T>(mu) * old.m[i] - descent;
    expect_near<T>("m", i, s.m[i], m, 1, 2);
    expect_near<T>("w", i, s.w[i], old.w[i] + (nesterov ? mu * m - descent : m), 2, 2);
  }
}

template <typename T>
void test_rmsprop(const KernelTable<T>& kernels, Random& random, int n, bool centered,
                  bool momentum) {
  set_case("rmsprop %s n %d centered %d momentum %d", kTypeName<T>, n, centered, momentum);
  State<T> s(random, n);
  const State<T> old(s);
  const T lr = T(0.01), mu = T(0.9), eps = T(1e-7);
  const double rho = 0.9;
  kernels.rmsprop(s.w.data(), s.g.data(), s.v.data(), centered ? s.mg.data() : nullptr,
                  momentum ? s.m.data() : nullptr, n, lr, rho, mu, eps);
  for (int i = 0; i < n; ++i) {
    const Wide<T> g = s.g[i], rest = Wide<T>(1) - rho;
    const Wide<T> v = rho * old.v[i] + rest * g * g;
    const Wide<T> mg = centered ? rho * old.mg[i] + rest * g : Wide<T>(old.mg[i]);
    const Wide<T> d = centered ? v - mg * mg : v;
    Wide<T> change = lr * g / std::sqrt(d + eps);
    if (momentum) change += Wide<T>(mu) * old.m[i];
    expect_near<T>("v", i, s.v[i], v, 2, 2);
    expect_near<T>("mg", i, s.mg[i], mg, 1, 2);
    expect_near<T>("mom", i, s.m[i], momentum ? change : Wide<T>(old.m[i]), 1, 3);
    expect_near<T>("w", i, s.w[i], old.w[i] - change, 2, 3);
  }
}

template <typename T>
void test_adam(const KernelTable<T>& kernels, Random& random, int n) {
  set_case("adam %s n %d", kTypeName<T>, n);
  State<T> s(random, n);
  const State<T> old(s);
  const T alpha = T(0.01), eps = T(1e-7);
  const double b1 = 0.9, b2 = 0.999;
  kernels.adam(s.w.data(), s.g.data(), s.m.data(), s.v.data(), n, alpha, b1, b2, eps);
  for (int i = 0; i < n; ++i) {
    const Wide<T> g = s.g[i];
    const Wide<T> m = old.m[i] + (g - old.m[i]) * (Wide<T>(1) - b1);
    const Wide<T> v = old.v[i] + (g * g - old.v[i]) * (Wide<T>(1) - b2);
    expect_near<T>("m", i, s.m[i], m, 2, 2);
    expect_near<T>("v", i, s.v[i], v, 2, 2);
    expect_near<T>("w", i, s.w[i], old.w[i] - alpha * m / (std::sqrt(v) + eps), 2, 2);
  }
}

// From a state of zero, v = (1 - rate) g^2 to a few roundings, although 1 - T(rate) would be wrong
// by thousands of them for T float.
template <typename T>
void test_precise_rates(const KernelTable<T>& kernels, Random& random, int n) {
  set_case("decay rates %s n %d", kTypeName<T>, n);
  const double rate = 0.9999;
  State<T> s(random, n);
  s.m.fill(0);
  s.v.fill(0);
  kernels.adam(s.w.data(), s.g.data(), s.m.data(), s.v.data(), n, T(0.01), rate, rate, T(1e-7));
  for (int i = 0; i < n; ++i) {
    const Wide<T> g = s.g[i], rest = Wide<T>(1) - rate;
    expect_near<T>("adam m", i, s.m[i], rest * g, std::fabs(rest * g), 3);
    expect_near<T>("adam v", i, s.v[i], rest * g * g, rest * g * g, 3);
  }
  s.v.fill(0);
  kernels.rmsprop(s.w.data(), s.g.data(), s.v.data(), nullptr, nullptr, n, T(0.01), rate, T(0),
                  T(1e-7));
  for (int i = 0; i < n; ++i) {
    const Wide<T> g = s.g[i], rest = Wide<T>(1) - rate;
    expect_near<T>("rmsprop v", i, s.v[i], rest * g * g, rest * g * g, 3);
  }
}

}  // namespace

template <typename T>
void test_optimizers(const KernelTable<T>& kernels) {
  Random random(9);
  for (int n : kSizes) {
    test_sgd(kernels, random, n);
    for (bool flag : {false, true}) {
      test_momentum(kernels, random, n, flag);
      for (bool other : {false, true}) test_rmsprop(kernels, random, n, flag, other);
    }
    test_adam(kernels, random, n);
    test_precise_rates(kernels, random, n);
  }
}

PF_INSTANTIATE_TEST(test_optimizers)

}  // namespace pyframe::test
