// Matrix product and packing.
#include <algorithm>
#include <initializer_list>
#include <vector>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

struct GemmShape {
  int64_t m, n, nseg, klen;
};

struct GemmOptions {
  bool transposed, packed, accumulate, epilogue;
};

// Matrices of one product C (+)= A B with gaps between the rows of B and C. The segments of A are
// taken from the last to the first, those of B from the second on.
template <typename T>
class GemmProblem {
 public:
  GemmProblem(const KernelTable<T>& kernels, const GemmShape& shape, const GemmOptions& options)
      : shape(shape),
        options(options),
        depth(shape.nseg * shape.klen),
        ldb(shape.n + 5),
        ldc(shape.n + 3),
        a(shape.m * depth),
        b(depth == 0 ? 0 : (depth - 1) * ldb + shape.n, kernels.nr),
        c((shape.m - 1) * ldc + shape.n),
        bias(shape.n, kernels.nr),
        residual(c.size()),
        kernels_(kernels),
        packed_(depth * round_up(shape.n, kernels.nr)) {
    set_case("gemm %s %dx%dx(%d*%d)%s%s%s%s", kTypeName<T>, static_cast<int>(shape.m),
             static_cast<int>(shape.n), static_cast<int>(shape.nseg), static_cast<int>(shape.klen),
             options.transposed ? " transposed" : "", options.packed ? " packed" : "",
             options.accumulate ? " accumulate" : "",
             options.epilogue ? " bias residual clip" : "");
  }

  int64_t a_segment(int64_t s) const { return (shape.nseg - 1 - s) * shape.klen; }
  int64_t b_segment(int64_t s) const { return (s + 1) % shape.nseg * shape.klen; }
  int64_t a_row_stride() const { return options.transposed ? 1 : depth; }
  int64_t a_column_stride() const { return options.transposed ? shape.m : 1; }

  // The rows first, ..., first + m - 1, into `out`.
  void multiply(int64_t first, int64_t m, T* out) {
    const int64_t nr = kernels_.nr;
    GemmArgs<T> args{};
    args.m = m;
    args.n = shape.n;
    args.nseg = shape.nseg;
    args.klen = shape.klen;
    args.a_rs = a_row_stride();
    args.a_cs = a_column_stride();
    args.a = a.data() + first * args.a_rs;
    args.b = b.data();
    args.b_panel = nr;
    args.b_ks = ldb;
    if (options.packed) {
      kernels_.pack_b(b.data(), ldb, 1, depth, shape.n, packed_.data());
      args.b = packed_.data();
      args.b_panel = depth * nr;
      args.b_ks = nr;
      if (!options.accumulate) args.b_next = args.b;  // only fetched
    }
    Buffer<int64_t> a_seg(shape.nseg), b_seg(shape.nseg);
    for (int64_t s = 0; s < shape.nseg; ++s) {
      a_seg[s] = a_segment(s) * args.a_cs;
      b_seg[s] = b_segment(s) * args.b_ks;
    }
    args.a_seg = a_seg.data();
    args.b_seg = b_seg.data();
    args.c = out;
    args.ldc = ldc;
    args.accumulate = options.accumulate;
    args.bias = options.epilogue ? bias.data() : nullptr;
    args.relu = options.epilogue;
    if (options.epilogue) {
      args.residual = residual.data() + first * ldc;
      args.high = kHigh;
    }
    kernels_.gemm(args);
  }

  // Row i of the product in type R; `magnitude` is the same with all terms positive.
  template <typename R>
  void reference(int64_t i, std::vector<R>& row, std::vector<R>* magnitude) const {
    row.assign(static_cast<size_t>(shape.n), R(0));
    if (magnitude != nullptr) magnitude->assign(static_cast<size_t>(shape.n), R(0));
    for (int64_t s = 0; s < shape.nseg; ++s) {
      for (int64_t k = 0; k < shape.klen; ++k) {
        const R x = static_cast<R>(a[i * a_row_stride() + (a_segment(s) + k) * a_column_stride()]);
        const T* y = b.data() + (b_segment(s) + k) * ldb;
        for (int64_t j = 0; j < shape.n; ++j) {
          const R term = x * static_cast<R>(y[j]);
          row[static_cast<size_t>(j)] += term;
          if (magnitude != nullptr) (*magnitude)[static_cast<size_t>(j)] += std::fabs(term);
        }
      }
    }
  }

  const GemmShape shape;
  const GemmOptions options;
  const int64_t depth, ldb, ldc;
  Buffer<T> a, b, c, bias, residual;
  static constexpr T kHigh = 2000;

 private:
  const KernelTable<T>& kernels_;
  Buffer<T> packed_;
};

// Small integers: every sum is exact, whatever its order.
template <typename T>
void test_exact_product(const KernelTable<T>& kernels, Random& random, const GemmShape& shape,
                        const GemmOptions& options) {
  GemmProblem<T> p(kernels, shape, options);
  p.a.integers(random, -50, 51);
  p.b.integers(random, -50, 51);
  p.bias.integers(random, -50, 51);
  p.residual.integers(random, -50, 51);
  if (options.accumulate) p.c.integers(random, -50, 51);
  const Buffer<T> before(p.c);
  p.multiply(0, shape.m, p.c.data());
  std::vector<int32_t> row;
  for (int64_t i = 0; i < shape.m; ++i) {
    p.reference(i, row, static_cast<std::vector<int32_t>*>(nullptr));
    for (int64_t j = 0; j < shape.n; ++j) {
      const int64_t at = i * p.ldc + j;
      T want = static_cast<T>(row[static_cast<size_t>(j)]);
      if (options.accumulate) want += before[at];
      if (options.epilogue) want = std::clamp(want + p.bias[j] + p.residual[at], T(0), p.kHigh);
      expect_equal("element", at, p.c[at], want);
    }
    if (i + 1 < shape.m) {
      const int64_t end = i * p.ldc + shape.n;
      expect_same_bits("gap after a row", &p.c[end], &before[end], p.ldc - shape.n);
    }
  }
}

// Real numbers: the error of each element, and a row's bits do not depend on the other rows.
template <typename T>
void test_rounding(const KernelTable<T>& kernels, Random& random, const GemmShape& shape,
                   const GemmOptions& options) {
  using R = Wide<T>;
  GemmProblem<T> p(kernels, shape, options);
  p.a.uniform(random);
  p.b.uniform(random);
  p.bias.uniform(random);
  p.residual.uniform(random);
  p.multiply(0, shape.m, p.c.data());
  std::vector<R> row, magnitude;
  for (int64_t i = 0; i < shape.m; ++i) {
    p.reference(i, row, &magnitude);
    for (int64_t j = 0; j < shape.n; ++j) {
      R want = row[static_cast<size_t>(j)], scale = magnitude[static_cast<size_t>(j)];
      if (options.epilogue) {
        const R residual = p.residual[i * p.ldc + j];
        want = std::clamp(want + p.bias[j] + residual, R(0), R(p.kHigh));
        scale += std::fabs(R(p.bias[j])) + std::fabs(residual);
      }
      // One rounding per term, half of them in each direction.
      expect_near("element", i * p.ldc + j, p.c[i * p.ldc + j], want, scale,
                  2 + std::sqrt(static_cast<double>(p.depth)));
    }
    Buffer<T> alone(shape.n);
    p.multiply(i, 1, alone.data());
    expect_same_bits("a row alone", alone.data(), &p.c[i * p.ldc], shape.n);
  }
}

template <typename T>
void test_pack(const KernelTable<T>& kernels, Random& random, int64_t depth, int64_t n, int64_t rs,
               int64_t cs) {
  set_case("pack_b %s %dx%d strides %d %d", kTypeName<T>, static_cast<int>(depth),
           static_cast<int>(n), static_cast<int>(rs), static_cast<int>(cs));
  const int64_t nr = kernels.nr, columns = round_up(n, nr);
  Buffer<T> b((depth - 1) * rs + (n - 1) * cs + 1), out(depth * columns);
  b.uniform(random);
  kernels.pack_b(b.data(), rs, cs, depth, n, out.data());
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t at = (j / nr) * depth * nr + k * nr + j % nr;
      expect_equal("element", at, out[at], j < n ? b[k * rs + j * cs] : T(0));
    }
  }
}

}  // namespace

template <typename T>
void test_gemm(const KernelTable<T>& kernels) {
  Random random(6);
  set_case("gemm %s", kTypeName<T>);
  expect(kernels.mr > 0 && kernels.nr > 0, "tile size");
  // Every tile height (up to 14), widths around every number of vectors and panels.
  for (int m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 29, 33}) {
    for (int n : {1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 50, 64, 100, 129, 260}) {
      for (int klen : {0, 1, 3, 8, 17}) {
        const int64_t nseg = (m + n + klen) % 4;
        for (int bits = 0; bits < 16; ++bits) {
          if ((m + n + klen + bits) % 3 != 0) continue;
          const GemmOptions options{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0,
                                    (bits & 8) != 0};
          test_exact_product(kernels, random, {m, n, nseg, klen}, options);
        }
      }
    }
  }
  for (const GemmShape& shape : {GemmShape{33, 100, 1, 40},
                                 {17, 260, 3, 7},
                                 {9, 33, 1, 129},
                                 {5, 10, 1, 784},
                                 {4, 65, 2, 300}}) {
    for (int bits = 0; bits < 8; ++bits) {
      const GemmOptions options{(bits & 1) != 0, (bits & 2) != 0, false, (bits & 4) != 0};
      test_rounding(kernels, random, shape, options);
    }
  }
  for (int depth : {1, 3, 7, 8, 16, 17, 33, 64, 100}) {
    for (int n : kSizes) {
      test_pack(kernels, random, depth, n, n + 2, 1);      // rows
      test_pack(kernels, random, depth, n, 1, depth + 2);  // columns
      test_pack(kernels, random, depth, n, 2, 2 * depth);  // neither is contiguous
    }
  }
}

PF_INSTANTIATE_TEST(test_gemm)

}  // namespace pyframe::test
