// Softmax, its logarithm and its cross-entropies, of rows.
#include <algorithm>
#include <initializer_list>
#include <vector>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

// Rows of random scores with references. Element 1 of the first row is -infinity if there are more
// than two columns: a class that is ruled out.
template <typename T>
class SoftmaxTest {
  using R = Wide<T>;

 public:
  SoftmaxTest(const KernelTable<T>& kernels, Random& random, int64_t rows, int64_t cols,
              double magnitude)
      : kernels_(kernels),
        random_(random),
        rows_(rows),
        cols_(cols),
        // Sums of a row are kept in at least 2 lanes, whose roundings average out.
        k_(8 + static_cast<double>(cols) / 32),
        x_(rows * cols),
        probs_(rows * cols),
        logs_(rows * cols),
        dy_(rows * cols),
        dloss_(rows),
        want_log_(static_cast<size_t>(rows * cols)),
        largest_(static_cast<size_t>(rows)),
        log_sum_(static_cast<size_t>(rows)) {
    set_case("softmax %s %dx%d magnitude %g", kTypeName<T>, static_cast<int>(rows),
             static_cast<int>(cols), magnitude);
    x_.uniform(random, -magnitude, magnitude);
    dy_.uniform(random);
    dloss_.uniform(random);
    if (cols > 2) x_[1] = -kInf<T>;
    for (int64_t i = 0; i < rows; ++i) compute_reference(i);
  }

  void run() {
    check_softmax();
    check_log_softmax();
    check_softmax_grad();
    check_log_softmax_grad();
    check_cross_entropy();
    check_sparse_cross_entropy();
  }

 private:
  void compute_reference(int64_t row) {
    const T* x = x_.data() + row * cols_;
    const R largest = *std::max_element(x, x + cols_);
    R sum = 0;
    for (int64_t j = 0; j < cols_; ++j) sum += std::exp(x[j] - largest);
    largest_[static_cast<size_t>(row)] = largest;
    log_sum_[static_cast<size_t>(row)] = std::log(sum);
    for (int64_t j = 0; j < cols_; ++j) {
      want_log_[static_cast<size_t>(row * cols_ + j)] = x[j] - largest - std::log(sum);
    }
  }
  R want_log(int64_t i) const { return want_log_[static_cast<size_t>(i)]; }
  // |x - max|: rounding it is an absolute error of the logarithm.
  R distance(int64_t i) const {
    const R d = largest_[static_cast<size_t>(i / cols_)] - x_[i];
    return std::isinf(d) ? R(0) : d;
  }

  void check_softmax() {
    kernels_.softmax(x_.data(), probs_.data(), rows_, cols_);
    for (int64_t i = 0; i < x_.size(); ++i) {
      const R want = std::exp(want_log(i));
      const double k = 2 * k_ + static_cast<double>(distance(i));
      expect_near("softmax", i, probs_[i], want, want + kSmallest<T> / kEpsilon<T>, k);
    }
    Buffer<T> y(x_);
    kernels_.softmax(y.data(), y.data(), rows_, cols_);
    expect_same_bits("softmax in place", y.data(), probs_.data(), y.size());
  }

  void check_log_softmax() {
    kernels_.log_softmax(x_.data(), logs_.data(), rows_, cols_);
    for (int64_t i = 0; i < x_.size(); ++i) {
      const R scale = distance(i) + 1 + log_sum_[static_cast<size_t>(i / cols_)];
      expect_near("log_softmax", i, logs_[i], want_log(i), scale, 4);
    }
    Buffer<T> y(x_);
    kernels_.log_softmax(y.data(), y.data(), rows_, cols_);
    expect_same_bits("log_softmax in place", y.data(), logs_.data(), y.size());
  }

  void check_softmax_grad() {
    Buffer<T> dx(x_.size()), in_place(dy_);
    kernels_.softmax_grad(dy_.data(), probs_.data(), dx.data(), rows_, cols_);
    for (int64_t i = 0; i < rows_; ++i) {
      R dot = 0, scale = 0;
      for (int64_t j = i * cols_; j < (i + 1) * cols_; ++j) {
        dot += R(dy_[j]) * probs_[j];
        scale += std::fabs(R(dy_[j]) * probs_[j]);
      }
      for (int64_t j = i * cols_; j < (i + 1) * cols_; ++j) {
        const R p = probs_[j];
        expect_near("softmax_grad", j, dx[j], p * (dy_[j] - dot),
                    p * (std::fabs(R(dy_[j])) + scale), k_);
      }
    }
    kernels_.softmax_grad(in_place.data(), probs_.data(), in_place.data(), rows_, cols_);
    expect_same_bits("softmax_grad in place", in_place.data(), dx.data(), dx.size());
  }

  void check_log_softmax_grad() {
    Buffer<T> dx(x_.size()), in_place(dy_);
    kernels_.log_softmax_grad(dy_.data(), logs_.data(), dx.data(), rows_, cols_);
    for (int64_t i = 0; i < rows_; ++i) {
      R sum = 0, scale = 0;
      for (int64_t j = i * cols_; j < (i + 1) * cols_; ++j) {
        sum += dy_[j];
        scale += std::fabs(R(dy_[j]));
      }
      for (int64_t j = i * cols_; j < (i + 1) * cols_; ++j) {
        const R p = std::exp(R(logs_[j]));
        expect_near("log_softmax_grad", j, dx[j], dy_[j] - p * sum,
                    std::fabs(R(dy_[j])) + p * scale, k_);
      }
    }
    kernels_.log_softmax_grad(in_place.data(), logs_.data(), in_place.data(), rows_, cols_);
    expect_same_bits("log_softmax_grad in place", in_place.data(), dx.data(), dx.size());
  }

  void check_cross_entropy() {
    Buffer<T> t(x_.size()), loss(rows_), probs(x_.size()), dx(x_.size());
    t.uniform(random_, 0, 1);
    if (cols_ > 2) t[1] = 0;
    kernels_.softmax_xent(x_.data(), t.data(), loss.data(), probs.data(), rows_, cols_);
    expect_same_bits("softmax_xent: probs", probs.data(), probs_.data(), probs.size());
    kernels_.softmax_xent_grad(probs.data(), t.data(), dloss_.data(), dx.data(), rows_, cols_);
    for (int64_t i = 0; i < rows_; ++i) {
      R want = 0, scale = 1, total = 0;
      for (int64_t j = i * cols_; j < (i + 1) * cols_; ++j) {
        total += t[j];
        if (t[j] == 0) continue;
        want -= t[j] * want_log(j);
        scale += t[j] * (std::fabs(want_log(j)) + 3);
      }
      expect_near("softmax_xent", i, loss[i], want, scale, k_);
      for (int64_t j = i * cols_; j < (i + 1) * cols_; ++j) {
        expect_near("softmax_xent_grad", j, dx[j], (probs[j] * total - t[j]) * dloss_[i],
                    (probs[j] * total + t[j]) * std::fabs(R(dloss_[i])), k_);
      }
    }
  }

  void check_sparse_cross_entropy() {
    Buffer<int32_t> ids(rows_);
    Buffer<T> loss(rows_), probs(x_.size()), dx(x_.size());
    ids.integers(random_, 0, cols_);
    ids[0] = cols_ > 2 ? 1 : 0;
    if (rows_ > 2) ids[1] = -1, ids[2] = static_cast<int32_t>(cols_);
    kernels_.sparse_softmax_xent(x_.data(), ids.data(), loss.data(), probs.data(), rows_, cols_);
    expect_same_bits("sparse_softmax_xent: probs", probs.data(), probs_.data(), probs.size());
    kernels_.sparse_softmax_xent_grad(probs.data(), ids.data(), dloss_.data(), dx.data(), rows_,
                                      cols_);
    for (int64_t i = 0; i < rows_; ++i) {
      const bool valid = ids[i] >= 0 && ids[i] < cols_;
      const R want = valid ? -want_log(i * cols_ + ids[i]) : R(kNan<T>);
      expect_near("sparse_softmax_xent", i, loss[i], want, std::fabs(want) + 1, k_);
      for (int64_t j = 0; j < cols_; ++j) {
        const int64_t at = i * cols_ + j;
        const R slope = valid ? probs[at] - R(j == ids[i] ? 1 : 0) : R(0);
        expect_near("sparse_softmax_xent_grad", at, dx[at], slope * dloss_[i],
                    std::fabs(slope * dloss_[i]), 2);
      }
    }
  }

  const KernelTable<T>& kernels_;
  Random& random_;
  const int64_t rows_, cols_;
  const double k_;
  Buffer<T> x_, probs_, logs_, dy_, dloss_;
  std::vector<R> want_log_, largest_, log_sum_;
};

template <typename T>
void test_special_rows(const KernelTable<T>& kernels) {
  constexpr T inf = kInf<T>, nan = kNan<T>;
  const T rows[][3] = {{nan, 0, 1}, {0, 1, nan}, {-inf, -inf, -inf}, {inf, 0, 0}};
  for (const T(&x)[3] : rows) {
    set_case("softmax %s of %g, %g, %g", kTypeName<T>, static_cast<double>(x[0]),
             static_cast<double>(x[1]), static_cast<double>(x[2]));
    Buffer<T> y(3), t(3), loss(1);
    Buffer<int32_t> id(1);
    kernels.softmax(x, y.data(), 1, 3);
    expect(std::isnan(y[0]) || std::isnan(y[2]), "softmax has no NaN");
    t.fill(1);
    kernels.softmax_xent(x, t.data(), loss.data(), y.data(), 1, 3);
    expect(std::isnan(loss[0]), "softmax_xent is not NaN");
    id[0] = 0;
    kernels.sparse_softmax_xent(x, id.data(), loss.data(), y.data(), 1, 3);
    expect(std::isnan(loss[0]), "sparse_softmax_xent is not NaN");
  }
}

}  // namespace

template <typename T>
void test_softmax(const KernelTable<T>& kernels) {
  Random random(4);
  for (int rows : {1, 3, 21}) {
    for (int cols : {1, 2, 3, 5, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 100, 1000}) {
      for (double magnitude : {1.0, 30.0, 1e4}) {
        SoftmaxTest<T>(kernels, random, rows, cols, magnitude).run();
      }
    }
  }
  test_special_rows(kernels);
}

PF_INSTANTIATE_TEST(test_softmax)

}  // namespace pyframe::test
