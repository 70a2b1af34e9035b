// Gradients of kernels as products of tiles: dw (m x n) = x^T dy, summed over many rows (pixels).
//
// Blocks of rows are packed in panels first, those of x as those of dy: rows of a network's tensors
// lie far apart, often in few sets of the caches, and a tile that takes a few elements of each
// would wait for them. A block's panels fit the L2 cache.
#pragma once

#include <vector>

#include "ops/gemm.h"

namespace pyframe {

// `count` rows of x at a distance of `step` rows, from row `from` of the image on; zeros if that is
// negative.
struct RowRun {
  int64_t from, step, count;
};

// The rows of x that meet those of dy, in the order of dy. Of one image; others follow alike.
struct RowMap {
  std::vector<RowRun> runs;
  int64_t x_rows, dy_rows;

  static RowMap plain(int64_t rows) { return {{{0, 1, rows}}, rows, rows}; }
};

template <typename T>
class GradientTile {
 public:
  // rows: of one call; m, n: of the whole gradient; ldx, ldy: elements between rows.
  GradientTile(const KernelTable<T>* kernel, int64_t rows, int64_t m, int64_t n, int64_t ldx,
               int64_t ldy);

  int64_t tiles() const { return ceil_div(m_, height_) * tiles_n(); }
  size_t workspace() const;

  // Writes tile `index` of dw, or adds to it.
  void run(const T* x, const T* dy, const RowMap& map, int64_t images, int64_t index, T* dw,
           bool accumulate, T* buffer) const;
  // Writes it where rows of x and of dy are the same; packs them only if that pays.
  void run(const T* x, const T* dy, int64_t rows, int64_t index, T* dw, T* buffer) const;

 private:
  struct Tile {
    int64_t i, m, j, n;  // first row, rows, first column, columns
  };
  Tile tile(int64_t index) const;
  int64_t tiles_n() const { return ceil_div(n_, width_); }

  const KernelTable<T>* kernel_;
  int64_t m_, n_, ldx_, ldy_;
  int64_t height_, width_;  // of a tile; those at the ends are smaller
  int64_t depth_;           // rows of a block
  bool packs_;              // rows that are the same in x and dy
};

}  // namespace pyframe
