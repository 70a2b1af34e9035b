// Winograd's algorithm for 3 x 3 kernels with stride 1: 4 times fewer multiplications than the
// direct sum. Tiles of 6 x 6 input cells become 36 frequencies, each frequency of all tiles and
// channels is a matrix product with the same frequency of the kernel, and the products become
// 4 x 4 results. Tiles of 4 x 4 cells, 16 frequencies and 2 x 2 results save a factor of 2.25
// with a transformed kernel that is 2.25 times smaller.
#pragma once

#include "ops/conv2d.h"
#include "ops/gemm.h"

namespace pyframe {

// Results of a convolution cut in tiles, and the cells that they are computed from.
struct WinogradGrid {
  int64_t results;  // of a tile, in one dimension: 2 or 4
  int64_t in_h, in_w, in_c;
  int64_t out_h, out_w, out_c;
  int64_t pad_h, pad_w;
  int64_t in_pitch, out_pitch;  // elements between pixels

  int64_t tiles_h() const { return ceil_div(out_h, results); }
  int64_t tiles_w() const { return ceil_div(out_w, results); }
  int64_t tiles() const { return tiles_h() * tiles_w(); }
  int64_t cells() const { return results + 2; }
  int64_t frequencies() const { return cells() * cells(); }
};

WinogradGrid winograd_grid(const Conv2D& conv, bool backward, int64_t results);

// Part of one dimension of a tile that lies inside the image.
struct TileSpan {
  int64_t begin, end;  // cells of the tile
  TileSpan(int64_t start, int64_t size, int64_t limit)
      : begin(std::min(size, std::max<int64_t>(0, -start))),
        end(std::max(begin, std::min(size, limit - start))) {}
};

// Frequencies of one matrix: rows of `row` elements, `pitch` elements from one frequency to the
// next. Neither distance is a multiple of the page size, at which cache lines would collide.
struct FrequencyLayout {
  int64_t frequencies, row, pitch;

  FrequencyLayout(int64_t count, int64_t rows, int64_t columns, int64_t lanes)
      : frequencies(count), row(round_up(columns, lanes)), pitch(0) {
    if (row % 256 == 0) row += 16;
    pitch = round_up(rows * row, 16);
    if (pitch % 32 == 0) pitch += 16;
  }
  int64_t size() const { return frequencies * pitch; }
};

// Images whose tiles of size x size cells lie `step` cells apart, the first one at -pad.
struct TiledImages {
  int64_t h, w;
  int64_t pitch;  // elements between pixels
  int64_t pad_h, pad_w;
  int64_t size, step;
};

// Transforms channels [c0, c0 + channels) of tile t, counted over all images of tiles_h x tiles_w.
template <typename T, typename Transform>
void transform_tile(Transform transform, const T* x, const TiledImages& images, int64_t tiles_h,
                    int64_t tiles_w, int64_t t, int64_t c0, int64_t channels, T* v, int64_t pitch) {
  const int64_t image = t / (tiles_h * tiles_w), tile = t % (tiles_h * tiles_w);
  const int64_t top = images.step * (tile / tiles_w) - images.pad_h;
  const int64_t left = images.step * (tile % tiles_w) - images.pad_w;
  const TileSpan rows(top, images.size, images.h), columns(left, images.size, images.w);
  const int64_t cell = (image * images.h + top + rows.begin) * images.w + left + columns.begin;
  transform(x + cell * images.pitch + c0, images.w * images.pitch, images.pitch,
            TileBox{rows.begin, rows.end, columns.begin, columns.end}, channels, v, pitch);
}

// Adds the steps of a convolution (or the gradient of its input) with tiles of so many results.
void lower_winograd(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv,
                    bool backward, int64_t results);

// Adds the steps of the gradient of the kernel.
void lower_winograd_grad_kernel(Lowering& l, const Conv2D& conv);

}  // namespace pyframe
