// Implicit-GEMM convolution over NHWC, without an im2col buffer.
//
// A pass computes out(q, p) = sum over taps of in(q * step_h + dh, p * step_w + dw) * B(tap) for
// an out_h x out_w grid of pixels; cells outside the input are zero. A forward convolution is one
// pass with the strides as steps. The gradient of the input is stride_h * stride_w passes over
// dy with step 1, one for each phase of the strided grid, that write every stride-th pixel.
//
// Input rows that reach outside are first copied, with their zero border, to a small buffer of a
// few rows that stays in the cache; then every tap is a constant offset and the rows of one output
// row are evenly spaced, which is all that the gemm kernel wants to know. Pixels whose distance is
// a multiple of 4 KiB share one set of the L1 cache, which holds fewer lines than a tile has rows:
// they are copied too, and lie a cache line further apart in the buffer; of 1x1 kernels only those
// that the strides pick.
#pragma once

#include <cstring>
#include <vector>

#include "ops/gemm.h"

namespace pyframe {

struct ConvTap {
  int64_t dh, dw;
};

struct ConvPass {
  int64_t out_h, out_w;
  int64_t out_offset, out_row, out_pixel;  // element strides of the result
  std::vector<ConvTap> taps;               // sorted by (dh, dw)
  int64_t b_offset = 0;                    // of this pass (and group 0) in the packed kernel
};

struct ConvShape {
  int64_t in_h, in_w, in_c;  // image and all its channels
  int64_t in_pixel;          // elements between its pixels
  int64_t groups, group_c, group_n;
  int64_t step_h, step_w;
  std::vector<ConvPass> passes;
};

template <typename T>
class ConvEngine {
 public:
  static constexpr EpilogueIn kEpilogue = EpilogueIn::kSumAndBounds;

  // blocks: how many pieces an image should at least be cut in, so that threads can share it.
  ConvEngine(const KernelTable<T>* kernel, ConvShape shape, bool plain_b, int64_t blocks = 1)
      : kernel_(kernel), s_(std::move(shape)), plain_b_(plain_b) {
    prepare(blocks);
  }

  // Elements of the packed kernel of all passes and groups.
  int64_t packed_size() const { return packed_size_; }
  int64_t b_offset(size_t pass, int64_t group) const {
    return s_.passes[pass].b_offset + group * group_size_[pass];
  }
  size_t workspace_bytes() const { return workspace_ * sizeof(T); }
  const ConvShape& shape() const { return s_; }
  // Pieces of an image: blocks of rows, and of them blocks of filters.
  int64_t blocks() const { return row_blocks_ * filter_blocks_; }

  // Computes blocks [begin, end) of all passes for one image. previous: the block of this image
  // that the workspace was used for last, -1: none.
  void run(const T* in, const T* b, const T* bias, T* out, const RowEpilogue<T>& epilogue,
           int64_t begin, int64_t end, int64_t previous, T* workspace) const;

 private:
  void prepare(int64_t blocks);
  // The rows that output rows [q0, q0 + block_rows_) of all passes need.
  void fill_buffer(const T* in, int64_t q0, T* buffer) const;
  void run_rows(const ConvPass& pass, size_t index, const T* in, const T* b, const T* bias, T* out,
                const RowEpilogue<T>& epilogue, int64_t q0, int64_t q1, int64_t first_panel,
                int64_t last_panel) const;

  const KernelTable<T>* kernel_;
  ConvShape s_;
  bool plain_b_;           // one group, one pass, one panel: the kernel is used as it lies
  bool buffered_ = false;  // input rows are copied first
  bool picked_ = false;    // only the pixels of a 1x1 kernel's strides
  int64_t pixel_ = 0;      // elements between pixels
  int64_t step_h_ = 1, step_w_ = 1;  // between rows and pixels of the source
  // Extremes of the tap offsets.
  int64_t low_h_ = 0, high_h_ = 0, low_w_ = 0, high_w_ = 0;
  int64_t width_ = 0;  // columns of the buffer
  int64_t block_rows_ = 1, row_blocks_ = 1;
  int64_t panels_ = 1, block_panels_ = 1, filter_blocks_ = 1;  // of nr filters, in each group
  size_t workspace_ = 0;
  int64_t packed_size_ = 0;
  std::vector<int64_t> group_size_;  // packed elements of one group of a pass
  std::vector<int64_t> segment_;     // taps joined in one segment, by pass
  std::vector<std::vector<int64_t>> a_seg_, b_seg_;
};

// Copies rows [r0, r1) x columns [c0, c0 + width) of an image, zero where they lie outside. Pixels
// of the image are `from_pixel` elements apart, those of the copy c + gap.
template <typename T>
void copy_padded_rows(const T* in, int64_t in_h, int64_t in_w, int64_t c, int64_t from_pixel,
                      int64_t r0, int64_t r1, int64_t c0, int64_t width, T* to, int64_t gap = 0) {
  const int64_t pixel = c + gap, pitch = width * pixel;
  const int64_t left = std::min(width, std::max<int64_t>(0, -c0));
  const int64_t from = c0 + left;
  const int64_t body = std::max<int64_t>(0, std::min(in_w - from, width - left));
  for (int64_t r = r0; r < r1; ++r, to += pitch) {
    if (r < 0 || r >= in_h) {
      std::memset(to, 0, static_cast<size_t>(pitch) * sizeof(T));
      continue;
    }
    std::memset(to, 0, static_cast<size_t>(left * pixel) * sizeof(T));
    const T* source = in + (r * in_w + from) * from_pixel;
    T* target = to + left * pixel;
    if (pixel == from_pixel && gap == 0) {
      std::memcpy(target, source, static_cast<size_t>(body * c) * sizeof(T));
    } else {
      for (int64_t i = 0; i < body; ++i)
        std::copy_n(source + i * from_pixel, c, target + i * pixel);
    }
    std::memset(target + body * pixel, 0,
                static_cast<size_t>((width - left - body) * pixel) * sizeof(T));
  }
}

}  // namespace pyframe
