// Blocking and packing around the gemm kernel, shared by dense, matmul and convolution.
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>

#include "ir/lowering.h"

namespace pyframe {

// The inner dimension is cut so that a block of A stays in the L2 cache while the panels of B pass
// by. A panel need not fit the L1 cache: one row of it has to come for every column of a tile of A,
// which the L2 cache can do, while each block more reads and writes C once more.
constexpr int64_t kGemmBlockK = 1024;
// Where blocks of B are in the L2 cache, too.
constexpr int64_t kGemmBothBlockK = 384;

// A right-hand side ready for the kernel: packed panels, or a row-major matrix as it lies.
template <typename T>
struct GemmB {
  const T* data;
  int64_t panel, row;       // b_panel, b_ks
  const T* next = nullptr;  // b_next

  static GemmB packed(const T* data, int64_t k, int64_t nr) { return {data, k * nr, nr}; }
  static GemmB plain(const T* data, int64_t ld, int64_t nr) { return {data, nr, ld}; }
};

// How the inner dimension is cut: equal blocks, because a short last one would pay the traffic of C
// for little work.
inline int64_t gemm_block_k(int64_t k, int64_t most = kGemmBlockK) {
  return std::max<int64_t>(1, ceil_div(k, std::max<int64_t>(1, ceil_div(k, most))));
}

// Rows of A that stay in the L2 cache while the panels of B pass by: equal blocks again.
template <typename T>
int64_t gemm_block_m(const KernelTable<T>& kernel, int64_t m, int64_t block_k) {
  constexpr int64_t kBytes = 512 * 1024;
  const int64_t row_bytes = std::max<int64_t>(1, block_k) * static_cast<int64_t>(sizeof(T));
  const int64_t blocks = std::max<int64_t>(1, ceil_div(m * row_bytes, kBytes));
  return round_up(std::max<int64_t>(1, ceil_div(m, blocks)), kernel.mr);
}

// Rows of A at a distance that is a multiple of 4 KiB share one set of the L1 cache, which holds
// fewer lines than a tile has rows. Blocks of such rows are copied before many columns pass by:
// from `columns` on.
struct GemmCopy {
  int64_t rows = 0, pitch = 0;  // of the copy; rows == 0: none is made
  size_t bytes = 0;

  template <typename T>
  static GemmCopy of(const KernelTable<T>& kernel, int64_t n, int64_t k, int64_t a_rs, int64_t a_cs,
                     int64_t columns = 192) {
    const auto size = static_cast<int64_t>(sizeof(T));
    if (a_cs != 1 || a_rs * size % 4096 != 0 || n < columns) return {};
    const int64_t rows = 8 * kernel.mr, line = 64;
    const int64_t pitch = round_up(gemm_block_k(k) * size, line) + line;
    return {rows, pitch / size, static_cast<size_t>(rows * pitch)};
  }
};

// c (m x n) = a * b (+ c), blocked over k. a(i, j) = a[i * a_rs + j * a_cs]. buffer: bytes for
// `copy`, which is GemmCopy::of these arguments with n or more columns, or {}. most: of k at a
// time.
template <typename T>
void gemm_blocked(const KernelTable<T>& kernel, int64_t m, int64_t n, int64_t k, const T* a,
                  int64_t a_rs, int64_t a_cs, const GemmB<T>& b, T* c, int64_t ldc, bool accumulate,
                  const std::common_type_t<T>* bias, bool relu, const GemmCopy& copy = {},
                  char* buffer = nullptr, int64_t most = kGemmBlockK) {
  static constexpr int64_t kZero[1] = {0};
  const int64_t block = gemm_block_k(k, most);
  const int64_t step = copy.rows > 0 ? copy.rows : gemm_block_m(kernel, m, block);
  for (int64_t i = 0; i < m; i += step) {
    const int64_t rows = std::min(step, m - i);
    for (int64_t begin = 0; begin == 0 || begin < k; begin += block) {
      const int64_t depth = std::min(block, k - begin);
      const bool last = begin + depth == k;
      const T* from = a + i * a_rs + begin * a_cs;
      int64_t pitch = a_rs;
      if (copy.rows > 0) {
        T* to = reinterpret_cast<T*>(buffer);
        for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * a_rs, depth, to + r * copy.pitch);
        from = to;
        pitch = copy.pitch;
      }
      kernel.gemm({rows,
                   n,
                   1,
                   depth,
                   from,
                   pitch,
                   a_cs,
                   kZero,
                   b.data + begin * b.row,
                   b.panel,
                   b.row,
                   kZero,
                   c + i * ldc,
                   ldc,
                   accumulate || begin > 0,
                   last ? bias : nullptr,
                   last && relu,
                   nullptr,
                   std::numeric_limits<T>::infinity(),
                   last && i + rows == m ? b.next : nullptr});
    }
  }
}

// How a product of m x n results is cut in tasks: rows x columns blocks of nearly equal size, few
// enough rows for the L2 cache and enough blocks for many threads. Blocks of the same columns come
// one after the other: a thread has few panels of B, and if B was packed in the step before
// (`fresh`), it was this thread that packed them.
class GemmGrid {
 public:
  template <typename T>
  GemmGrid(const KernelTable<T>& kernel, int64_t m, int64_t n, int64_t k, bool fresh)
      : m_(m), n_(n), nr_(kernel.nr) {
    constexpr int64_t kTaskWork = int64_t{1} << 20;  // multiply-adds, some 20 us
    constexpr int64_t kTasks = 8;
    const int64_t wanted = std::min(kTasks, m * n * k / kTaskWork), panels = ceil_div(n, nr_);
    rows_ = std::max<int64_t>(1, ceil_div(m, 8 * kernel.mr));
    if (rows_ > 1) rows_ = round_up(rows_, 2);  // a pair of threads shares evenly
    if (fresh && panels >= 2) columns_ = 2;
    while (2 * rows_ * columns_ <= wanted) {
      if (m >= 2 * rows_ * 4 * kernel.mr)
        rows_ *= 2;
      else if (panels >= 2 * columns_)
        columns_ *= 2;
      else
        break;
    }
  }

  struct Block {
    int64_t i, m, j, n;  // first row, rows, first column, columns
  };
  int64_t blocks() const { return rows_ * columns_; }
  Block block(int64_t index) const {
    const int64_t row = index % rows_, column = index / rows_, panels = ceil_div(n_, nr_);
    const int64_t i = row * m_ / rows_, j = column * panels / columns_ * nr_;
    return {i, (row + 1) * m_ / rows_ - i, j,
            std::min(n_, (column + 1) * panels / columns_ * nr_) - j};
  }
  int64_t width() const { return std::min(n_, ceil_div(ceil_div(n_, nr_), columns_) * nr_); }

 private:
  int64_t m_, n_, nr_;
  int64_t rows_, columns_ = 1;
};

// Adds the step that packs `count` matrices B(k, j) = b[offset + k * rs + j * cs], which lie end to
// end, into a new temporary and returns it.
TensorId lower_pack(Lowering& l, TensorId b, int64_t k, int64_t n, int64_t rs, int64_t cs,
                    int64_t offset = 0, int64_t count = 1);

// What a kernel does of an epilogue: relu alone, or adding the residual and clipping to [0, high].
enum class EpilogueIn { kRelu, kSumAndBounds };

// An epilogue in the form the operators apply it: in the kernel what that knows, all else on the
// rows just computed.
template <typename T>
struct RowEpilogue {
  bool relu = false;
  bool sums = false;                            // the kernel adds the residual
  T high = std::numeric_limits<T>::infinity();  // of the kernel
  void (*function)(const T*, T*, int64_t, const T*) = nullptr;
  T attrs[2] = {0, 0};
  const T* result = nullptr;  // where the residual belongs to the result
  const T* residual = nullptr;

  explicit RowEpilogue(const Epilogue* epilogue, EpilogueIn kernel = EpilogueIn::kRelu)
      : sums(kernel == EpilogueIn::kSumAndBounds) {
    if (epilogue == nullptr || !epilogue->has_function()) return;
    relu = epilogue->function == Unary::k_relu && (sums || epilogue->residual == kNoTensor);
    if (sums && epilogue->function == Unary::k_relu6) {
      relu = true;
      high = 6;
    } else if (sums && epilogue->function == Unary::k_clip && epilogue->attrs[0] == 0) {
      relu = true;
      high = static_cast<T>(epilogue->attrs[1]);
    }
    if (relu) return;
    function = kernels<T>().unary[static_cast<int>(epilogue->function)];
    attrs[0] = static_cast<T>(epilogue->attrs[0]);
    attrs[1] = static_cast<T>(epilogue->attrs[1]);
  }
  // The epilogue of one call, with the operands that hold the result and the residual (-1: none).
  RowEpilogue of(const Call& c, int result_operand, int residual_operand) const {
    RowEpilogue bound = *this;
    if (residual_operand < 0) return bound;
    bound.result = c.at<T>(result_operand);
    bound.residual = c.at<T>(residual_operand);
    return bound;
  }
  // Where the kernel finds the residual of what it writes to y.
  const T* residual_of(const T* y) const {
    return sums && residual != nullptr ? residual + (y - result) : nullptr;
  }
  bool is_pass() const { return function != nullptr || (residual != nullptr && !sums); }
  // The same for rows of n elements that lie ld apart.
  void apply_rows(T* y, int64_t rows, int64_t n, int64_t ld) const {
    if (ld == n) return apply(y, rows * n);
    for (int64_t i = 0; i < rows; ++i) apply(y + i * ld, n);
  }
  void apply(T* y, int64_t n) const {
    constexpr int64_t kBlock = 2048;  // still in the L1 cache for the function
    const bool add = residual != nullptr && !sums;
    for (int64_t i = 0; add && i < n; i += kBlock) {
      const int64_t size = std::min(kBlock, n - i);
      kernels<T>().binary[static_cast<int>(Binary::k_add)](y + i, residual + (y + i - result),
                                                           y + i, size, 1, 1);
      if (function != nullptr) function(y + i, y + i, size, attrs);
    }
    if (!add && function != nullptr) function(y, y, n, attrs);
  }
};

// Adds the residual of the epilogue, if there is one, to a step's operands; returns its place or
// -1.
inline int add_residual(const Lowering& l, std::vector<Operand>& operands, bool whole) {
  if (l.epilogue() == nullptr || l.epilogue()->residual == kNoTensor) return -1;
  const TensorId residual = l.epilogue()->residual;
  operands.push_back(whole ? read_whole(residual) : read(residual));
  return static_cast<int>(operands.size()) - 1;
}

// Lets a result take over the memory of the residual (-1: none) that the product's kernel adds: it
// reads each element just before it writes there, which saves fetching the result's cache lines.
inline void sum_in_place(const Lowering& l, Step& step, int residual, int result) {
  if (residual < 0) return;
  const auto root = [&](int i) { return l.root(step.operands[static_cast<size_t>(i)].tensor); };
  for (int i = 0; i < static_cast<int>(step.operands.size()); ++i)
    if (i != residual && root(i) == root(residual)) return;  // other tasks read more of it
  step.in_place_from = residual;
  step.in_place_to = result;
}

}  // namespace pyframe
