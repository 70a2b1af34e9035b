// Convolution with few filters, which would leave most lanes of a vector empty: here the lanes
// are the pixels of output rows, and the filters are the rows of the product
//
//   planes out (filters x pixels) = kernel (filters x taps) * planes in (taps x pixels),
//
// in which every tap is the input shifted by a constant. The input block is copied to planes with
// its zero border, which a single channel needs only if there is one; the result is brought back
// to pixels with bias and relu. The kernel is used as it lies, in either direction.
#pragma once

#include "ops/conv2d.h"
#include "ops/gemm.h"

namespace pyframe {

template <typename T>
class PlanarConv {
 public:
  static constexpr EpilogueIn kEpilogue = EpilogueIn::kRelu;

  // The forward pass, or with `backward` the gradient of the input.
  PlanarConv(const KernelTable<T>* kernel, const Conv2D& conv, bool backward);

  // Whether it takes fewer vector operations than filters in the lanes; a function of the image's
  // shape and the vector's size.
  bool pays() const;

  int64_t blocks() const { return row_blocks_; }
  size_t workspace_bytes() const { return workspace_ * sizeof(T); }

  // Computes blocks [begin, end) of output rows for one image. w: the HWIO kernel.
  void run(const T* in, const T* w, const T* bias, T* out, const RowEpilogue<T>& epilogue,
           int64_t begin, int64_t end, int64_t previous, T* workspace) const;

 private:
  // Input rows [top, top + rows) as planes; packed: room for a row of pixels.
  void fill_planes(const T* in, int64_t top, int64_t rows, T* planes, T* packed) const;

  const KernelTable<T>* kernel_;
  bool fits_;  // unit strides, one group, few filters
  int64_t in_h_, in_w_, in_c_, out_h_, out_w_, out_c_, taps_;
  int64_t in_pixel_, out_pixel_;  // elements between pixels
  int64_t top_, left_;            // input cell of the first tap of output (0, 0)
  int64_t span_h_, span_w_;       // cells that the taps reach over
  int64_t step_w_;
  bool direct_ = false;  // the input is its own plane
  int64_t pitch_ = 0, block_rows_ = 1, row_blocks_ = 1, plane_ = 0, out_plane_ = 0;
  size_t workspace_ = 0;
  int64_t a_rs_, a_cs_, tap_columns_;
  std::vector<int64_t> a_seg_, b_seg_;
};

}  // namespace pyframe
