// Elementwise kernels: unary, binary, fill, axpby.
#include <algorithm>
#include <initializer_list>
#include <vector>

#include "check.h"
#include "tests.h"
#include "unary_reference.h"

namespace pyframe::test {
namespace {

struct UnaryInfo {
  const char* name;
  bool slope_from_value;  // the derivative is computed from y, not from x
};
#define PF_UNARY_INFO(name, operand) {#name, #operand[0] == 'y'},
constexpr UnaryInfo kUnary[] = {PF_UNARY_LIST(PF_UNARY_INFO)};
#undef PF_UNARY_INFO

// One elementwise function with everything to test it.
template <typename T>
struct UnaryTest {
  using R = Wide<T>;
  const UnaryCase<R>& reference;
  UnaryInfo info;
  void (*value)(const T*, T*, int64_t, const T*);
  void (*gradient)(const T*, const T*, T*, int64_t, const T*);
  T attrs[2] = {static_cast<T>(kAttrs[0]), static_cast<T>(kAttrs[1])};

  UnaryTest(const KernelTable<T>& kernels, int op)
      : reference(unary_cases<R>()[op]),
        info(kUnary[op]),
        value(kernels.unary[op]),
        gradient(kernels.unary_grad[op]) {}

  const T* operand(const T* x, const T* y) const { return info.slope_from_value ? y : x; }

  // Arguments from the whole domain, of every magnitude and around zero or one.
  T argument(Random& random, int64_t i) const {
    const bool positive = reference.low > 0;
    double x = random.uniform(reference.low, reference.high);
    if (i % 4 == 1) {
      x = std::ldexp(random.uniform(0.5, 1), static_cast<int>(random.integer(-30, 4)));
      if (!positive && (i & 8) != 0) x = -x;
    } else if (i % 4 == 2) {
      x = positive ? random.uniform(0.5, 1.5) : random.uniform(-2, 2);
    }
    return static_cast<T>(std::clamp(x, reference.low, reference.high));
  }

  void run(Random& random) {
    constexpr int64_t kCount = 30000;
    Buffer<T> x(kCount), y(kCount), dy(kCount), dx(kCount);
    for (int64_t i = 0; i < kCount; ++i) x[i] = argument(random, i);
    dy.uniform(random, -2, 2);
    value(x.data(), y.data(), kCount, attrs);
    gradient(dy.data(), operand(x.data(), y.data()), dx.data(), kCount, attrs);
    set_case("unary %s %s", info.name, kTypeName<T>);
    for (int64_t i = 0; i < kCount; ++i) {
      const R want = reference.value(x[i]);
      R slope = reference.slope(x[i]);
      if (std::isinf(static_cast<T>(slope))) slope = kInf<R>;  // of exp
      if (ulps(y[i], want) <= reference.ulps) {
        ++tally.checks;
      } else {
        expect_near("value", i, y[i], want, 0, 0);
      }
      // The value carries up to 2 roundings into the derivative, relative to 1 or more.
      const R scale = std::max(R(1), std::fabs(slope));
      expect_near("gradient", i, dx[i], dy[i] * slope, std::fabs(R(dy[i])) * scale, 8);
    }
    check_parts(x, y, dy, dx);
    check_special_arguments();
  }

  // An element's result does not depend on its place, the length, or on being in place.
  void check_parts(const Buffer<T>& x, const Buffer<T>& y, const Buffer<T>& dy,
                   const Buffer<T>& dx) {
    for (int n : kSizes) {
      for (int start : {0, 1, 3}) {
        set_case("unary %s %s, %d from %d", info.name, kTypeName<T>, n, start);
        const T *const px = x.data() + start, *const pdy = dy.data() + start;
        Buffer<T> value_part(n), gradient_part(n), value_in_place(n), gradient_in_place(n);
        value(px, value_part.data(), n, attrs);
        expect_same_bits("value", value_part.data(), y.data() + start, n);
        gradient(pdy, operand(px, value_part.data()), gradient_part.data(), n, attrs);
        expect_same_bits("gradient", gradient_part.data(), dx.data() + start, n);
        std::copy(px, px + n, value_in_place.data());
        value(value_in_place.data(), value_in_place.data(), n, attrs);
        expect_same_bits("value in place", value_in_place.data(), value_part.data(), n);
        std::copy(pdy, pdy + n, gradient_in_place.data());
        gradient(gradient_in_place.data(), operand(px, value_part.data()), gradient_in_place.data(),
                 n, attrs);
        expect_same_bits("gradient in place", gradient_in_place.data(), gradient_part.data(), n);
      }
    }
    Buffer<T> nothing(0);
    value(nothing.data(), nothing.data(), 0, attrs);
    gradient(nothing.data(), nothing.data(), nothing.data(), 0, attrs);
  }

  void check_special_arguments() {
    constexpr T inf = kInf<T>, nan = kNan<T>, tiny = kSmallest<T>;
    constexpr T large = std::numeric_limits<T>::max();
    constexpr T denormal = std::numeric_limits<T>::denorm_min();
    const std::vector<T> arguments = {
        T(0),      T(-0.0), inf,      -inf,           nan,          large,   -large, denormal,
        -denormal, tiny,    -tiny,    T(0.37) * tiny, 3 * denormal, T(1),    T(-1),  T(1e5),
        T(-1e5),   T(88.8), T(-88.8), T(-103),        T(709),       T(-740), T(30),  T(-30)};
    const int64_t n = static_cast<int64_t>(arguments.size());
    Buffer<T> x(n), y(n), dy(n), dx(n);
    std::copy(arguments.begin(), arguments.end(), x.data());
    dy.fill(1);
    value(x.data(), y.data(), n, attrs);
    gradient(dy.data(), operand(x.data(), y.data()), dx.data(), n, attrs);
    for (int64_t i = 0; i < n; ++i) {
      set_case("unary %s %s of %g", info.name, kTypeName<T>, static_cast<double>(x[i]));
      const R want = reference.value(x[i]);
      const bool denormal_result = want != 0 && std::fabs(want) < 100 * tiny;
      const double allowed = denormal_result ? 1e3 : reference.ulps;
      expect(ulps(y[i], want) <= allowed, "value");
      if (std::isnan(x[i])) {
        if (!reference.steps) expect(std::isnan(dx[i]), "the gradient at NaN is not NaN");
      } else if (reference.low <= 0) {
        expect(!std::isnan(dx[i]), "the gradient is NaN");
      }
    }
  }
};

template <typename T>
T binary_reference(Binary op, T a, T b) {
  const bool nan = std::isnan(a) || std::isnan(b);
  switch (op) {
    case Binary::k_add:
      return a + b;
    case Binary::k_subtract:
      return a - b;
    case Binary::k_multiply:
      return a * b;
    case Binary::k_divide:
      return a / b;
    case Binary::k_maximum:
      return nan ? kNan<T> : std::max(a, b);
    case Binary::k_minimum:
      return nan ? kNan<T> : std::min(a, b);
    case Binary::kCount:
      break;
  }
  return kNan<T>;
}

template <typename T>
void test_one_binary(const KernelTable<T>& kernels, Random& random, int op, int n, bool a_varies,
                     bool b_varies) {
  const auto f = kernels.binary[op];
  set_case("binary %d %s n %d increments %d %d", op, kTypeName<T>, n, a_varies, b_varies);
  Buffer<T> a(a_varies ? n : 1), b(b_varies ? n : 1), y(n), want(n);
  a.uniform(random);
  b.uniform(random, 0.5, 2);
  if (a_varies && n > 8) a[3] = kNan<T>, a[4] = kInf<T>, a[5] = -kInf<T>;
  if (b_varies && n > 8) b[3] = 1, b[5] = 0, b[6] = kNan<T>, b[7] = kInf<T>;
  f(a.data(), b.data(), y.data(), n, a_varies, b_varies);
  for (int i = 0; i < n; ++i) {
    want[i] = binary_reference(static_cast<Binary>(op), a[a_varies ? i : 0], b[b_varies ? i : 0]);
    expect_equal("value", i, y[i], want[i]);
  }
  if (a_varies) {
    Buffer<T> c(a);
    f(c.data(), b.data(), c.data(), n, 1, b_varies);
    expect_same_bits("in place of a", c.data(), y.data(), n);
  }
  if (b_varies) {
    Buffer<T> c(b);
    f(a.data(), c.data(), c.data(), n, a_varies, 1);
    expect_same_bits("in place of b", c.data(), y.data(), n);
  }
}

template <typename T>
void test_fill_and_axpby(const KernelTable<T>& kernels, Random& random, int n) {
  set_case("fill and axpby %s n %d", kTypeName<T>, n);
  Buffer<T> x(n), y(n);
  kernels.fill(y.data(), n, T(-0.0));
  for (int i = 0; i < n; ++i) expect(y[i] == 0 && std::signbit(y[i]), "fill with -0");
  kernels.fill(y.data(), n, kNan<T>);
  for (int i = 0; i < n; ++i) expect(std::isnan(y[i]), "fill with NaN");
  x.uniform(random);
  kernels.axpby(T(2.5), x.data(), T(0), y.data(), n);
  for (int i = 0; i < n; ++i) expect_equal("axpby, beta 0", i, y[i], T(2.5) * x[i]);
  const Buffer<T> z(y);
  kernels.axpby(T(2.5), x.data(), T(0.5), y.data(), n);
  for (int i = 0; i < n; ++i) {
    const Wide<T> want = Wide<T>(2.5) * x[i] + Wide<T>(0.5) * z[i];
    expect_near("axpby", i, y[i], want, Wide<T>(4), 1);
  }
}

}  // namespace

template <typename T>
void test_unary(const KernelTable<T>& kernels) {
  Random random(1);
  for (int op = 0; op < static_cast<int>(Unary::kCount); ++op) {
    UnaryTest<T> test(kernels, op);
    set_case("unary %s", test.info.name);
    expect(test.reference.op == static_cast<Unary>(op), "the references are in another order");
    test.run(random);
  }
}

template <typename T>
void test_binary(const KernelTable<T>& kernels) {
  Random random(2);
  for (int n : kSizes) {
    for (int op = 0; op < static_cast<int>(Binary::kCount); ++op) {
      for (bool a_varies : {false, true}) {
        for (bool b_varies : {false, true}) {
          test_one_binary(kernels, random, op, n, a_varies, b_varies);
        }
      }
    }
    test_fill_and_axpby(kernels, random, n);
  }
}

PF_INSTANTIATE_TEST(test_unary)
PF_INSTANTIATE_TEST(test_binary)

}  // namespace pyframe::test
