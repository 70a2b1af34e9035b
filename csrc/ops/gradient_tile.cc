#include "ops/gradient_tile.h"

namespace pyframe {
namespace {

constexpr int64_t kZero[1] = {0};
// Rows from which on packing pays for those that share few sets of the caches: for tiles of narrow
// panels, which ask more of the caches, fewer.
constexpr int64_t kRows = 65, kNarrowRows = 32, kNarrowBytes = 64;

// Packs rows [first, first + count) of a block of `depth` rows, as pack_b packs the whole.
template <typename T>
void pack_rows(const KernelTable<T>& kernel, const T* from, int64_t pitch, int64_t count, int64_t n,
               int64_t first, int64_t depth, T* panels) {
  if (count == depth) return kernel.pack_b(from, pitch, 1, depth, n, panels);
  for (int64_t j = 0; j < n; j += kernel.nr)
    kernel.pack_b(from + j, pitch, 1, count, std::min(kernel.nr, n - j),
                  panels + j * depth + first * kernel.nr);
}

}  // namespace

template <typename T>
GradientTile<T>::GradientTile(const KernelTable<T>* kernel, int64_t rows, int64_t m, int64_t n,
                              int64_t ldx, int64_t ldy)
    : kernel_(kernel),
      m_(m),
      n_(n),
      ldx_(ldx),
      ldy_(ldy),
      depth_(gemm_block_k(rows, kGemmBothBlockK)) {
  // Tiles of nearly equal height, and some for every thread.
  constexpr int64_t kTiles = 8, kHeight = 128;
  const int64_t nr = kernel->nr, blocks = ceil_div(m, kHeight);
  height_ = round_up(ceil_div(m, blocks), nr);
  width_ = round_up(blocks * ceil_div(n, 256) < kTiles ? 128 : 256, nr);
  const auto size = static_cast<int64_t>(sizeof(T));
  const auto collide = [&](int64_t pitch) { return pitch * size % 1024 == 0; };
  packs_ =
      rows >= (nr * size <= kNarrowBytes ? kNarrowRows : kRows) && (collide(ldx) || collide(ldy));
}

template <typename T>
typename GradientTile<T>::Tile GradientTile<T>::tile(int64_t index) const {
  const int64_t i = index / tiles_n() * height_, j = index % tiles_n() * width_;
  return {i, std::min(height_, m_ - i), j, std::min(width_, n_ - j)};
}

template <typename T>
size_t GradientTile<T>::workspace() const {
  return static_cast<size_t>(depth_ * (height_ + width_)) * sizeof(T);
}

template <typename T>
void GradientTile<T>::run(const T* x, const T* dy, const RowMap& map, int64_t images, int64_t index,
                          T* dw, bool accumulate, T* buffer) const {
  const auto [i, m, j, n] = tile(index);
  const int64_t nr = kernel_->nr, rows = images * map.dy_rows;
  T *a = buffer, *b = buffer + depth_ * height_;
  size_t run = 0;
  int64_t used = 0;  // rows of this run
  x += i;
  for (int64_t row = 0; row < rows; row += depth_) {
    const int64_t depth = std::min(depth_, rows - row);
    for (int64_t filled = 0; filled < depth;) {
      const RowRun& r = map.runs[run];
      const int64_t count = std::min(r.count - used, depth - filled);
      if (r.from >= 0) {
        pack_rows(*kernel_, x + (r.from + used * r.step) * ldx_, r.step * ldx_, count, m, filled,
                  depth, a);
      } else {
        for (int64_t p = 0; p < m; p += nr)
          std::fill_n(a + p * depth + filled * nr, count * nr, T(0));
      }
      filled += count;
      used += count;
      if (used < r.count) continue;
      used = 0;
      if (++run == map.runs.size()) {
        run = 0;
        x += map.x_rows * ldx_;
      }
    }
    kernel_->pack_b(dy + row * ldy_ + j, ldy_, 1, depth, n, b);
    for (int64_t p = 0; p < m; p += nr)
      kernel_->gemm({std::min(nr, m - p), n, 1, depth, a + p * depth, 1, nr, kZero, b, depth * nr,
                     nr, kZero, dw + (i + p) * n_ + j, n_, accumulate || row > 0, nullptr, false});
  }
}

template <typename T>
void GradientTile<T>::run(const T* x, const T* dy, int64_t rows, int64_t index, T* dw,
                          T* buffer) const {
  if (packs_) return run(x, dy, RowMap::plain(rows), 1, index, dw, false, buffer);
  const auto [i, m, j, n] = tile(index);
  for (int64_t row = 0; row < rows; row += depth_)
    kernel_->gemm({m, n, 1, std::min(depth_, rows - row), x + row * ldx_ + i, 1, ldx_, kZero,
                   dy + row * ldy_ + j, kernel_->nr, ldy_, kZero, dw + i * n_ + j, n_, row > 0,
                   nullptr, false});
}

template class GradientTile<float>;
template class GradientTile<double>;

}  // namespace pyframe
