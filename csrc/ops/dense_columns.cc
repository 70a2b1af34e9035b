// Dense products of networks that are cut in columns (csrc/graph/columns.cc).
#include "common/dispatch_dtype.h"
#include "ops/dense.h"
#include "ops/gemm.h"

namespace pyframe {
namespace {

// Shares of y = x w, one for each part of the inner dimension, then their sum, by columns if that
// is how it is read.
template <typename T>
void lower_columns(Lowering& l, TensorId x, TensorId w, TensorId bias, TensorId y,
                   const DenseShape& s) {
  static_assert(kColumnParts == 2, "add_parts adds two");
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t rows = s.rows(), k = s.k, n = s.n, ldx = l.pitch(x), ldy = l.pitch(y);
  const char* name = l.def().name.c_str();
  const int64_t px = l.part_stride(x), py = l.part_stride(y);
  // Rows of whole cache lines, like those of y.
  const int64_t ld = round_up(n, 64 / static_cast<int64_t>(sizeof(T)));
  const TensorId shares = l.part_temp({{rows, ld}, l.dtype()});
  l.columns(name, {l.read_own(x), read_columns(w), write_lane(shares)}, rows * k * n,
            [=](const Call& c) {
              const Range own = column_part(k, c.begin);
              gemm_blocked(*kernel, rows, n, own.size(), c.at<T>(0) + c.begin * px + own.begin, ldx,
                           1, GemmB<T>::plain(c.at<T>(1) + own.begin * n, n, kernel->nr),
                           c.at<T>(2), ld, false, nullptr, false);
            });
  const RowEpilogue<T> epilogue(l.epilogue());
  const bool has_bias = bias != kNoTensor;
  const auto add = [=](const Call& c, int64_t begin, int64_t count, Range columns, T* out) {
    const T* share = c.at<T>(0) + begin * ld + columns.begin;
    kernel->add_parts(share, share + rows * ld, ld, has_bias ? c.at<T>(2) + columns.begin : nullptr,
                      epilogue.relu, count, columns.size(), out, ldy);
    epilogue.apply_rows(out, count, columns.size(), ldy);
  };
  if (l.by_columns(y)) {
    std::vector<Operand> operands = {read_whole(shares), write_columns(y)};
    if (has_bias) operands.push_back(read_columns(bias));
    l.columns("add_parts", std::move(operands), rows * n, [=](const Call& c) {
      const Range own = column_part(n, c.begin);
      add(c, 0, rows, own, c.at<T>(1) + c.begin * py + own.begin);
    });
    return;
  }
  std::vector<Operand> operands = {read_whole(shares), write(y)};
  if (has_bias) operands.push_back(read_whole(bias));
  l.rows("add_parts", rows, std::move(operands), rows * n,
         [=](const Call& c) { add(c, c.begin, c.count(), {0, n}, c.at<T>(1)); });
}

// dx = dy w^T, whose columns need their part of w alone.
template <typename T>
void lower_grad_input_columns(Lowering& l, TensorId dy, TensorId w, TensorId dx,
                              const DenseShape& s) {
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t rows = s.rows(), depth = s.k, columns = s.n, ld_dy = l.pitch(dy),
                ld_dx = l.pitch(dx), p_dx = l.part_stride(dx);
  int64_t widest = 0;
  for (int64_t p = 0; p < kColumnParts; ++p)
    widest = std::max(widest, column_part(columns, p).size());
  l.columns(l.def().name.c_str(), {read_whole(dy), read_columns(w), write_columns(dx)},
            rows * depth * columns,
            [=](const Call& c) {
              const Range own = column_part(columns, c.begin);
              T* packed = reinterpret_cast<T*>(c.workspace);
              kernel->pack_b(c.at<T>(1) + own.begin * depth, 1, depth, depth, own.size(), packed);
              gemm_blocked(*kernel, rows, own.size(), depth, c.at<T>(0), ld_dy, 1,
                           GemmB<T>::packed(packed, depth, kernel->nr),
                           c.at<T>(2) + c.begin * p_dx + own.begin, ld_dx, false, nullptr, false);
            })
      .workspace = static_cast<size_t>(depth * round_up(widest, kernel->nr)) * sizeof(T);
}

// The part of dw = x^T dy that belongs to the columns of x.
template <typename T>
void lower_grad_kernel_columns(Lowering& l, TensorId x, TensorId dy, TensorId dw,
                               const DenseShape& s) {
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t rows = s.rows(), k = s.k, n = s.n, ldx = l.pitch(x), ld_dy = l.pitch(dy),
                px = l.part_stride(x);
  l.columns(l.def().name.c_str(), {l.read_own(x), read_whole(dy), write_columns(dw)}, rows * k * n,
            [=](const Call& c) {
              const Range own = column_part(k, c.begin);
              gemm_blocked(*kernel, own.size(), n, rows, c.at<T>(0) + c.begin * px + own.begin, 1,
                           ldx, GemmB<T>::plain(c.at<T>(1), ld_dy, kernel->nr),
                           c.at<T>(2) + own.begin * n, n, false, nullptr, false);
            });
}

bool fits_columns(const Shape& x, int64_t batch, int64_t kernel_rows, bool fixed) {
  constexpr int64_t kLeastRows = 8;
  return x.size() == 2 && x[0] == batch && x[0] >= kLeastRows && kernel_rows >= 16 * kColumnParts &&
         !fixed;
}

}  // namespace

bool fits_columns_of_kernel(const OpContext& c, int64_t batch, bool fixed) {
  return fits_columns(c.shape(0), batch, c.shape(1)[0], fixed);
}

bool fits_columns_of_gradient(const OpContext& c, int64_t batch, bool) {
  return fits_columns(c.shape(0), batch, c.shape(0).back(), false);
}

bool is_cut_in_columns(const Lowering& l) {
  const std::vector<TensorSpec> inputs = {l.spec(l.x(0)), l.spec(l.x(1))};
  return l.cuts_columns() &&
         l.def().fits_columns({l.def(), l.attrs(), inputs}, l.batch(), l.is_fixed(l.x(1)));
}

void lower_dense_columns(Lowering& l, TensorId x, TensorId w, TensorId bias, TensorId y,
                         const DenseShape& s) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_columns<typename decltype(tag)::type>(l, x, w, bias, y, s);
  });
}

void lower_dense_grad_input_columns(Lowering& l, TensorId dy, TensorId w, TensorId dx,
                                    const DenseShape& s) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_grad_input_columns<typename decltype(tag)::type>(l, dy, w, dx, s);
  });
}

void lower_dense_grad_kernel_columns(Lowering& l, TensorId x, TensorId dy, TensorId dw,
                                     const DenseShape& s) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_grad_kernel_columns<typename decltype(tag)::type>(l, x, dy, dw, s);
  });
}

}  // namespace pyframe
