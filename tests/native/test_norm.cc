// Statistics and transformations by column.
#include <algorithm>
#include <vector>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

template <typename T>
void test_moments(const KernelTable<T>& kernels, const Buffer<T>& x, int64_t rows, int64_t cols,
                  double spread, double distance) {
  std::vector<double> state(static_cast<size_t>(2 * cols + 1), 0.0);
  const int64_t half = rows / 2;
  kernels.column_moments(x.data(), cols, half, cols, state.data());
  kernels.column_moments(x.data() + half * cols, cols, rows - half, cols, state.data());
  expect_equal("count", 0, state.back(), static_cast<double>(rows));
  for (int64_t j = 0; j < cols; ++j) {
    long double mean = 0, deviation = 0;
    for (int64_t i = 0; i < rows; ++i) mean += x[i * cols + j];
    mean /= static_cast<long double>(rows);
    for (int64_t i = 0; i < rows; ++i)
      deviation += (x[i * cols + j] - mean) * (x[i * cols + j] - mean);
    // Relative to the spread of the values, as far as the doubles of the state can tell them from
    // zero.
    const double tolerance =
        300 * static_cast<double>(kEpsilon<T>) + 8 * kEpsilon<double> * distance / spread;
    const double variance = static_cast<double>(deviation) / static_cast<double>(rows);
    const double found = state[static_cast<size_t>(cols + j)] / static_cast<double>(rows);
    expect(
        std::abs(state[static_cast<size_t>(j)] - static_cast<double>(mean)) <= tolerance * spread,
        "mean");
    expect(std::abs(found - variance) <= tolerance * std::max(variance, spread * spread * 0.01),
           "variance");
  }
}

// The rows of a matrix, `gap` elements apart that hold 7.
template <typename T>
Buffer<T> spread_rows(const Buffer<T>& x, int64_t rows, int64_t cols, int64_t gap) {
  Buffer<T> wide(rows * (cols + gap));
  for (int64_t i = 0; i < wide.size(); ++i) {
    const int64_t j = i % (cols + gap);
    wide[i] = j < cols ? x[i / (cols + gap) * cols + j] : T(7);
  }
  return wide;
}

// Kernels of rows that lie apart: the same bits, and nothing written between the rows.
template <typename T>
void test_apart(const KernelTable<T>& kernels, const Buffer<T>& x, const Buffer<T>& dy,
                int64_t rows, int64_t cols, int64_t gap, const Buffer<T>& a, const Buffer<T>& b,
                const Buffer<T>& c, const Buffer<T>& d) {
  const int64_t ld = cols + gap;
  const Buffer<T> wx = spread_rows(x, rows, cols, gap), wdy = spread_rows(dy, rows, cols, gap);
  Buffer<T> y(rows * cols), dx(rows * cols);
  Buffer<T> wy = spread_rows(y, rows, cols, gap), wdx = spread_rows(y, rows, cols, gap);
  kernels.column_affine(x.data(), cols, rows, cols, a.data(), b.data(), c.data(), y.data(), cols,
                        true);
  kernels.column_affine(wx.data(), ld, rows, cols, a.data(), b.data(), c.data(), wy.data(), ld,
                        true);
  kernels.column_norm_grad(x.data(), cols, dy.data(), cols, rows, cols, a.data(), b.data(),
                           c.data(), d.data(), nullptr, 0, dx.data(), cols);
  for (int64_t i = 0; i < dx.size(); ++i) dx[i] = dx[i] + y[i];
  kernels.column_norm_grad(wx.data(), ld, wdy.data(), ld, rows, cols, a.data(), b.data(), c.data(),
                           d.data(), y.data(), cols, wdx.data(), ld);
  const Buffer<T> want_y = spread_rows(y, rows, cols, gap);
  const Buffer<T> want_dx = spread_rows(dx, rows, cols, gap);
  expect_same_bits("affine apart", wy.data(), want_y.data(), wy.size());
  expect_same_bits("gradient apart", wdx.data(), want_dx.data(), wdx.size());
  std::vector<double> sums(static_cast<size_t>(2 * cols + 1), 0.0), wide_sums = sums;
  kernels.column_moments(x.data(), cols, rows, cols, sums.data());
  kernels.column_moments(wx.data(), ld, rows, cols, wide_sums.data());
  expect_same_bits("moments apart", wide_sums.data(), sums.data(), 2 * cols);
  kernels.column_products(x.data(), cols, dy.data(), cols, rows, cols, a.data(), sums.data());
  kernels.column_products(wx.data(), ld, wdy.data(), ld, rows, cols, a.data(), wide_sums.data());
  expect_same_bits("products apart", wide_sums.data(), sums.data(), 2 * cols);
}

template <typename T>
void test_maps(const KernelTable<T>& kernels, const Buffer<T>& x, const Buffer<T>& dy, int64_t rows,
               int64_t cols, Random& random) {
  constexpr int64_t kOver = 64 / sizeof(T);
  Buffer<T> a(cols, kOver), b(cols, kOver), c(cols, kOver), d(cols, kOver);
  Buffer<T> y(rows * cols), dx(rows * cols);
  for (Buffer<T>* v : {&a, &b, &c, &d}) v->uniform(random);
  for (bool relu : {false, true}) {
    kernels.column_affine(x.data(), cols, rows, cols, a.data(), b.data(), c.data(), y.data(), cols,
                          relu);
    for (int64_t i = 0; i < rows * cols; ++i) {
      const int64_t j = i % cols;
      const Wide<T> want = (Wide<T>(x[i]) - a[j]) * b[j] + c[j];
      expect_near("affine", i, y[i], relu && want < 0 ? Wide<T>(0) : want, Wide<T>(4), 4);
    }
  }
  kernels.column_scale(x.data(), rows, cols, b.data(), y.data());
  kernels.column_norm_grad(x.data(), cols, dy.data(), cols, rows, cols, a.data(), b.data(),
                           c.data(), d.data(), nullptr, 0, dx.data(), cols);
  for (int64_t gap : {1, 20}) test_apart(kernels, x, dy, rows, cols, gap, a, b, c, d);
  std::vector<double> state(static_cast<size_t>(2 * cols), 1.0);
  kernels.column_products(x.data(), cols, dy.data(), cols, rows, cols, a.data(), state.data());
  std::vector<Wide<T>> sums(static_cast<size_t>(2 * cols), 1);
  for (int64_t i = 0; i < rows * cols; ++i) {
    const int64_t j = i % cols;
    expect_near("scale", i, y[i], Wide<T>(x[i]) * b[j], Wide<T>(1), 2);
    const Wide<T> want = (Wide<T>(dy[i]) - b[j]) * c[j] + (Wide<T>(x[i]) - a[j]) * d[j];
    expect_near("gradient", i, dx[i], want, Wide<T>(8), 4);
    sums[static_cast<size_t>(j)] += dy[i];
    sums[static_cast<size_t>(cols + j)] += Wide<T>(dy[i]) * (Wide<T>(x[i]) - a[j]);
  }
  for (size_t j = 0; j < sums.size(); ++j)
    expect(std::abs(state[j] - static_cast<double>(sums[j])) <=
               static_cast<double>(kEpsilon<T>) * 4 * static_cast<double>(rows + 4),
           "sums of the gradient");
}

}  // namespace

template <typename T>
void test_norm(const KernelTable<T>& kernels) {
  Random random(13);
  for (int cols : {1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 70, 130})
    for (int rows : {1, 2, 3, 5, 64, 255, 256, 257, 700}) {
      set_case("columns %s %dx%d", kTypeName<T>, rows, cols);
      Buffer<T> x(int64_t{rows} * cols), dy(x.size());
      x.uniform(random);
      dy.uniform(random);
      test_moments(kernels, x, rows, cols, 1, 1);
      test_maps(kernels, x, dy, rows, cols, random);
      // A thousand standard deviations from zero, and one value far from all others.
      const T far = sizeof(T) == 4 ? T(1024) : T(1 << 20);
      for (int64_t i = 0; i < x.size(); ++i) x[i] = x[i] + far;
      test_moments(kernels, x, rows, cols, 1, static_cast<double>(far));
      for (int64_t j = 0; j < cols; ++j) x[j] = T(0);
      test_moments(kernels, x, rows, cols, static_cast<double>(far), static_cast<double>(far));
    }
}

PF_INSTANTIATE_TEST(test_norm)

}  // namespace pyframe::test
