// Reductions of whole arrays and of columns.
#include <algorithm>
#include <initializer_list>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

// Roundings that n additions may cost: those of random sign grow as the root of the longest chain,
// which is a fraction of n because many partial sums run side by side.
double roundings(int64_t n) { return 8 + std::sqrt(static_cast<double>(n)) / 16; }

template <typename T>
void test_sums(const KernelTable<T>& kernels, Random& random, int n) {
  set_case("sums %s n %d", kTypeName<T>, n);
  Buffer<T> x(n);
  x.uniform(random);
  Wide<T> sum = 0, square = 0, absolute = 0;
  for (int i = 0; i < n; ++i) {
    const Wide<T> v = x[i];
    sum += v;
    square += v * v;
    absolute += std::fabs(v);
  }
  const double k = roundings(n);
  expect_near("sum", 0, kernels.sum(x.data(), n), sum, absolute, k);
  expect_near("sum_square", 0, kernels.sum_square(x.data(), n), square, square, k);
  expect_near("sum_absolute", 0, kernels.sum_absolute(x.data(), n), absolute, absolute, k);

  // The order of additions depends on n alone: not on the alignment.
  const T want[] = {kernels.sum(x.data(), n), kernels.sum_square(x.data(), n),
                    kernels.sum_absolute(x.data(), n)};
  Buffer<T> shifted(n + 1);
  const T* p = shifted.data() + 1;
  std::copy(x.data(), x.data() + n, shifted.data() + 1);
  const T got[] = {kernels.sum(p, n), kernels.sum_square(p, n), kernels.sum_absolute(p, n)};
  expect_same_bits("sums at another address", got, want, 3);
}

template <typename T>
void test_max(const KernelTable<T>& kernels, Random& random, int n) {
  set_case("max %s n %d", kTypeName<T>, n);
  Buffer<T> x(n);
  x.uniform(random, -2, -1);
  expect_equal("negative", 0, kernels.max(x.data(), n), *std::max_element(x.data(), x.data() + n));
  for (int at : {0, n / 2, n - 1}) {
    const T old = x[at];
    x[at] = 1;
    expect_equal("largest", at, kernels.max(x.data(), n), T(1));
    x[at] = kNan<T>;
    expect_equal("NaN", at, kernels.max(x.data(), n), kNan<T>);
    x[at] = old;
  }
  x.fill(-kInf<T>);
  expect_equal("-infinity", 0, kernels.max(x.data(), n), -kInf<T>);
}

template <typename T>
void test_add_parts(const KernelTable<T>& kernels, Random& random, int64_t cols, bool has_bias,
                    bool relu) {
  constexpr int64_t kRows = 3;
  set_case("add_parts %s %d bias %d relu %d", kTypeName<T>, static_cast<int>(cols), has_bias, relu);
  const int64_t ld = cols + 5, ldy = cols + 3;
  Buffer<T> a((kRows - 1) * ld + cols), b((kRows - 1) * ld + cols), bias(cols);
  Buffer<T> y(kRows * ldy);
  a.uniform(random);
  b.uniform(random);
  bias.uniform(random);
  y.fill(7);
  kernels.add_parts(a.data(), b.data(), ld, has_bias ? bias.data() : nullptr, relu, kRows, cols,
                    y.data(), ldy);
  for (int64_t i = 0; i < kRows; ++i)
    for (int64_t j = 0; j < ldy; ++j) {
      T want = 7;
      if (j < cols) {
        want = a[i * ld + j] + b[i * ld + j];
        if (has_bias) want += bias[j];
        if (relu && want < 0) want = 0;
      }
      expect_equal("sum", i * ldy + j, y[i * ldy + j], want);
    }
}

template <typename T>
void test_column_sum(const KernelTable<T>& kernels, Random& random, int64_t rows, int64_t cols,
                     int64_t gap, bool accumulate) {
  set_case("column_sum %s %dx%d gap %d accumulate %d", kTypeName<T>, static_cast<int>(rows),
           static_cast<int>(cols), static_cast<int>(gap), accumulate);
  const int64_t ldx = cols + gap;
  Buffer<T> x(rows == 0 ? 0 : (rows - 1) * ldx + cols), out(cols);
  x.uniform(random);
  if (accumulate) out.uniform(random);
  const Buffer<T> before(out);
  kernels.column_sum(x.data(), rows, cols, ldx, out.data(), accumulate);
  for (int64_t j = 0; j < cols; ++j) {
    Wide<T> sum = accumulate ? before[j] : 0, scale = 1;
    for (int64_t i = 0; i < rows; ++i) {
      sum += x[i * ldx + j];
      scale += std::fabs(Wide<T>(x[i * ldx + j]));
    }
    expect_near("column", j, out[j], sum, scale, roundings(rows));
  }
}

}  // namespace

template <typename T>
void test_reduce(const KernelTable<T>& kernels) {
  Random random(3);
  for (int n : {0, 5000, 100003}) test_sums(kernels, random, n);
  for (int n : kSizes) {
    test_sums(kernels, random, n);
    test_max(kernels, random, n);
  }
  test_max(kernels, random, 5000);
  for (int cols : kSizes)
    for (bool has_bias : {false, true})
      for (bool relu : {false, true}) test_add_parts(kernels, random, cols, has_bias, relu);
  for (int rows : {0, 1, 2, 3, 5, 17, 100, 1000, 3001}) {
    for (int cols : kSizes) {
      if (rows * cols > 100000) continue;
      for (int gap : {0, 3}) {
        for (bool accumulate : {false, true}) {
          test_column_sum(kernels, random, rows, cols, gap, accumulate);
        }
      }
    }
  }
}

PF_INSTANTIATE_TEST(test_reduce)

}  // namespace pyframe::test
