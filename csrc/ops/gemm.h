// Blocking and packing around the gemm kernel, shared by dense, matmul and convolution.
#pragma once

#include <algorithm>
#include <type_traits>

#include "ir/lowering.h"

namespace pyframe {

// The inner dimension is cut so that a packed panel of B (kGemmBlockK x nr) stays in the L1
// cache while the rows of A pass by.
constexpr int64_t kGemmBlockK = 384;

// A right-hand side ready for the kernel: packed panels, or a row-major matrix as it lies.
template <typename T>
struct GemmB {
  const T* data;
  int64_t panel, row;  // b_panel, b_ks

  static GemmB packed(const T* data, int64_t k, int64_t nr) { return {data, k * nr, nr}; }
  static GemmB plain(const T* data, int64_t ld, int64_t nr) { return {data, nr, ld}; }
};

// c (m x n) = a * b (+ c), blocked over k. a(i, j) = a[i * a_rs + j * a_cs].
template <typename T>
void gemm_blocked(const KernelTable<T>& kernel, int64_t m, int64_t n, int64_t k, const T* a,
                  int64_t a_rs, int64_t a_cs, const GemmB<T>& b, T* c, int64_t ldc, bool accumulate,
                  const std::common_type_t<T>* bias, bool relu) {
  static constexpr int64_t kZero[1] = {0};
  // Equal blocks: a short last block would pay the traffic of C for little work.
  const int64_t blocks = std::max<int64_t>(1, ceil_div(k, kGemmBlockK));
  const int64_t block = ceil_div(k, blocks);
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t begin = i * block;
    const bool last = i + 1 == blocks;
    kernel.gemm({m, n, 1, std::min(block, k - begin), a + begin * a_cs, a_rs, a_cs, kZero,
                 b.data + begin * b.row, b.panel, b.row, kZero, c, ldc, accumulate || i > 0,
                 last ? bias : nullptr, last && relu});
  }
}

// Adds the step that packs B(k, j) = b[k * rs + j * cs] into a new temporary and returns it.
TensorId lower_pack(Lowering& l, TensorId b, int64_t k, int64_t n, int64_t rs, int64_t cs);

// An epilogue in the form the operators apply it: relu inside the kernel, any other function on
// the rows just computed.
template <typename T>
struct RowEpilogue {
  bool relu = false;
  void (*function)(const T*, T*, int64_t, const T*) = nullptr;
  T attrs[2] = {0, 0};

  explicit RowEpilogue(const Epilogue* epilogue) {
    if (epilogue == nullptr) return;
    relu = epilogue->function == Unary::k_relu;
    if (relu) return;
    function = kernels<T>().unary[static_cast<int>(epilogue->function)];
    attrs[0] = static_cast<T>(epilogue->attrs[0]);
    attrs[1] = static_cast<T>(epilogue->attrs[1]);
  }
  void apply(T* y, int64_t n) const {
    if (function != nullptr) function(y, y, n, attrs);
  }
};

}  // namespace pyframe
