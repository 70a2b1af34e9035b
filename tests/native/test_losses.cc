// Losses that are means over a row, and argmax.
#include <algorithm>
#include <initializer_list>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

template <typename T>
using LossKernel = void (*)(const T*, const T*, T*, int64_t, int64_t);
template <typename T>
using LossGradKernel = void (*)(const T*, const T*, const T*, T*, int64_t, int64_t);

// One addend of a loss: its value, its derivative and the sizes of the terms of both.
template <typename T>
struct Addend {
  Wide<T> value, value_scale, slope, slope_scale;
};

template <typename T>
Addend<T> sigmoid_xent(T x, T t) {
  using R = Wide<T>;
  const R e = std::exp(-std::fabs(R(x)));
  const R sigmoid = (x >= 0 ? R(1) : e) / (1 + e);
  const R value = (x > 0 ? R(x) : R(0)) - R(x) * t + std::log1p(e);
  const R target = std::fabs(R(t));
  return {value, std::fabs(R(x)) * ((x > 0) + target) + std::log1p(e), sigmoid - t,
          sigmoid + target};
}

template <typename T>
Addend<T> squared_error(T x, T t) {
  const Wide<T> d = Wide<T>(x) - t;
  return {d * d, d * d, 2 * d, std::fabs(2 * d)};
}

template <typename T>
Addend<T> absolute_error(T x, T t) {
  const Wide<T> d = Wide<T>(x) - t;
  return {std::fabs(d), std::fabs(d), Wide<T>((d > 0) - (d < 0)), Wide<T>(1)};
}

template <typename T>
void test_mean_loss(const char* name, LossKernel<T> loss_kernel, LossGradKernel<T> grad_kernel,
                    Addend<T> (*reference)(T, T), Random& random, int64_t rows, int64_t cols,
                    double magnitude) {
  using R = Wide<T>;
  set_case("%s %s %dx%d magnitude %g", name, kTypeName<T>, static_cast<int>(rows),
           static_cast<int>(cols), magnitude);
  Buffer<T> x(rows * cols), t(rows * cols), loss(rows), dloss(rows), dx(rows * cols);
  x.uniform(random, -magnitude, magnitude);
  t.uniform(random, 0, 1);
  dloss.uniform(random);
  t[0] = x[0];
  loss_kernel(x.data(), t.data(), loss.data(), rows, cols);
  grad_kernel(x.data(), t.data(), dloss.data(), dx.data(), rows, cols);
  for (int64_t i = 0; i < rows; ++i) {
    R sum = 0, scale = 0;
    for (int64_t j = i * cols; j < (i + 1) * cols; ++j) {
      const Addend<T> addend = reference(x[j], t[j]);
      sum += addend.value;
      scale += addend.value_scale;
      const R rate = R(dloss[i]) / R(cols);
      expect_near("gradient", j, dx[j], addend.slope * rate, addend.slope_scale * std::fabs(rate),
                  4);
    }
    expect_near("loss", i, loss[i], sum / R(cols), scale / R(cols),
                6 + static_cast<double>(cols) / 32);
  }
}

template <typename T>
void test_sigmoid_xent(const KernelTable<T>& kernels, Random& random, int64_t rows, int64_t cols,
                       double magnitude) {
  using R = Wide<T>;
  set_case("sigmoid_xent %s %dx%d magnitude %g", kTypeName<T>, static_cast<int>(rows),
           static_cast<int>(cols), magnitude);
  Buffer<T> x(rows * cols), t(rows * cols), loss(rows), alone(rows), dloss(rows), dx(rows * cols);
  // Negative logits alone make every addend small: log(1 + e) must not lose it.
  x.uniform(random, -magnitude, magnitude > 20 ? -20 : magnitude);
  t.uniform(random, 0, magnitude > 20 ? 1e-9 : 1);
  dloss.uniform(random);
  kernels.sigmoid_xent(x.data(), t.data(), alone.data(), nullptr, rows, cols);
  for (int64_t j = 0; j < x.size(); ++j) dx[j] = x[j];
  kernels.sigmoid_xent(dx.data(), t.data(), loss.data(), dx.data(), rows, cols);
  expect_same_bits("loss without slope", alone.data(), loss.data(), loss.size());
  kernels.sigmoid_xent_grad(dx.data(), dloss.data(), dx.data(), rows, cols);
  for (int64_t i = 0; i < rows; ++i) {
    R sum = 0, scale = 0;
    for (int64_t j = i * cols; j < (i + 1) * cols; ++j) {
      const Addend<T> addend = sigmoid_xent<T>(x[j], t[j]);
      sum += addend.value;
      scale += addend.value_scale;
      const R rate = R(dloss[i]) / R(cols);
      expect_near("gradient", j, dx[j], addend.slope * rate, addend.slope_scale * std::fabs(rate),
                  5);
    }
    expect_near("loss", i, loss[i], sum / R(cols), scale / R(cols),
                6 + static_cast<double>(cols) / 32);
  }
}

template <typename T>
void test_argmax(const KernelTable<T>& kernels, Random& random, int64_t rows, int64_t cols) {
  for (int kind = 0; kind < 3; ++kind) {
    set_case("argmax %s %dx%d kind %d", kTypeName<T>, static_cast<int>(rows),
             static_cast<int>(cols), kind);
    Buffer<T> x(rows * cols);
    x.integers(random, -9, -2);  // many ties
    if (kind == 1) x.fill(-kInf<T>);
    if (kind == 2) {
      for (int i = 0; i < 3; ++i) x[random.integer(0, x.size())] = kNan<T>;
    }
    Buffer<int32_t> got(rows);
    kernels.argmax(x.data(), got.data(), rows, cols);
    for (int64_t i = 0; i < rows; ++i) {
      const T* row = x.data() + i * cols;
      int32_t best = 0;  // a NaN counts as largest
      for (int32_t j = 1; j < cols; ++j) {
        if (!std::isnan(row[best]) && (std::isnan(row[j]) || row[j] > row[best])) best = j;
      }
      expect_equal("row", i, got[i], best);
    }
  }
}

}  // namespace

template <typename T>
void test_losses(const KernelTable<T>& kernels) {
  Random random(5);
  for (int rows : {1, 3, 21}) {
    for (int cols : {1, 2, 3, 5, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 100, 1000}) {
      for (double magnitude : {1.0, 30.0, 1e4}) {
        test_sigmoid_xent<T>(kernels, random, rows, cols, magnitude);
        test_mean_loss<T>("squared_error", kernels.squared_error, kernels.squared_error_grad,
                          squared_error<T>, random, rows, cols, magnitude);
        test_mean_loss<T>("absolute_error", kernels.absolute_error, kernels.absolute_error_grad,
                          absolute_error<T>, random, rows, cols, magnitude);
      }
      test_argmax(kernels, random, rows, cols);
    }
  }
}

PF_INSTANTIATE_TEST(test_losses)

}  // namespace pyframe::test
