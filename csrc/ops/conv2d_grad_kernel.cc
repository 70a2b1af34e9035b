// Gradient of a convolution with respect to its kernel.
#include <memory>

#include "common/dispatch_dtype.h"
#include "ops/conv2d.h"
#include "ops/conv_across.h"
#include "ops/conv_algorithm.h"
#include "ops/conv_engine.h"
#include "ops/conv_pointwise.h"
#include "ops/gradient_tile.h"
#include "ops/reduce.h"
#include "ops/winograd.h"

namespace pyframe {
namespace {

constexpr int64_t kLaneBytes = int64_t{2} << 20;  // as in dense.cc: private dw copies
// Channels from which on a kernel cell's share of dw is a product worth packing operands for.
constexpr int64_t kTileChannels = 32;
// Rows of x and dy that one block of the kernel gradient reads again for every tap.
constexpr int64_t kGradBlockBytes = 96 * 1024;

// dw[tap, c, n] = sum over pixels of x[pixel + tap, c] * dy[pixel, n]: one product per tap with
// the pixels of a block of output rows as inner dimension, a segment per output row.
template <typename T>
struct KernelGradient {
  const KernelTable<T>* kernel;
  Conv2D conv;
  bool padded, joined;        // joined: the taps of a kernel row are one taller product
  int64_t width, block_rows;  // columns of x as read; output rows of a block
  int64_t pixel;              // elements between pixels of x as read
  std::vector<int64_t> a_seg, b_seg;

  KernelGradient(const KernelTable<T>* table, const Conv2D& c) : kernel(table), conv(c) {
    const Window &h = c.h, &w = c.w;
    const int64_t last_h = (h.out - 1) * h.stride + (h.kernel - 1) * h.dilation - h.pad;
    const int64_t last_w = (w.out - 1) * w.stride + (w.kernel - 1) * w.dilation - w.pad;
    padded = h.pad > 0 || w.pad > 0 || last_h >= h.in || last_w >= w.in;
    width = padded ? last_w + w.pad + 1 : w.in;
    pixel = padded ? c.in_c : c.in_pitch;
    joined = c.groups == 1 && w.dilation == 1 && pixel == c.in_c;
    const int64_t row_bytes =
        static_cast<int64_t>(sizeof(T)) * (h.stride * width * c.in_c + w.out * c.out_c);
    block_rows = std::clamp<int64_t>(kGradBlockBytes / std::max<int64_t>(1, row_bytes), 1,
                                     std::max<int64_t>(1, h.out));
    for (int64_t i = 0; i < block_rows; ++i) {
      a_seg.push_back(i * h.stride * width * pixel);
      b_seg.push_back(i * w.out * c.out_pitch);
    }
  }

  int64_t buffer_rows(int64_t rows) const {
    return (rows - 1) * conv.h.stride + (conv.h.kernel - 1) * conv.h.dilation + 1;
  }
  size_t workspace() const {
    return padded ? static_cast<size_t>(buffer_rows(block_rows) * width * conv.in_c) * sizeof(T)
                  : 0;
  }

  // Adds one image's share for kernel rows [i0, i1) to dw (overwrites it if !accumulate).
  void run(const T* x, const T* dy, T* dw, bool accumulate, int64_t i0, int64_t i1,
           T* buffer) const {
    const Window &h = conv.h, &w = conv.w;
    const int64_t gc = conv.group_c(), gn = conv.group_n();
    const int64_t per_row = joined ? 1 : w.kernel;
    for (int64_t q = 0; q < h.out; q += block_rows) {
      const int64_t rows = std::min(block_rows, h.out - q);
      const int64_t top = q * h.stride - h.pad;
      const T* source = x + (padded ? 0 : top * width * pixel);
      if (padded) {
        copy_padded_rows(x, h.in, w.in, conv.in_c, conv.in_pitch, top, top + buffer_rows(rows),
                         -w.pad, width, buffer);
        source = buffer;
      }
      for (int64_t i = i0; i < i1; ++i)
        for (int64_t j = 0; j < per_row; ++j)
          for (int64_t g = 0; g < conv.groups; ++g)
            kernel->gemm({joined ? w.kernel * gc : gc, gn, rows, w.out,
                          source + (i * h.dilation * width + j * w.dilation) * pixel + g * gc, 1,
                          w.stride * pixel, a_seg.data(), dy + q * w.out * conv.out_pitch + g * gn,
                          kernel->nr, conv.out_pitch, b_seg.data(),
                          dw + (i * w.kernel + j) * gc * conv.out_c + g * gn, conv.out_c,
                          accumulate || q > 0, nullptr, false});
    }
  }
};

// The rows of x that a kernel cell meets.
RowMap map_of(const Conv2D& conv, int64_t i, int64_t j) {
  const Window &h = conv.h, &w = conv.w;
  RowMap map{{}, h.in * w.in, h.out * w.out};
  const auto add = [&](int64_t from, int64_t count) {
    if (count == 0) return;
    if (from < 0 && !map.runs.empty() && map.runs.back().from < 0)
      map.runs.back().count += count;
    else
      map.runs.push_back({from, w.stride, count});
  };
  // Columns [begin, end) of the result meet pixels of the image.
  const int64_t shift = j * w.dilation - w.pad;
  const int64_t begin = std::clamp<int64_t>(ceil_div(-shift, w.stride), 0, w.out);
  const int64_t end = std::clamp<int64_t>(ceil_div(w.in - shift, w.stride), begin, w.out);
  for (int64_t q = 0; q < h.out; ++q) {
    const int64_t row = q * h.stride + i * h.dilation - h.pad;
    if (row < 0 || row >= h.in) {
      add(-1, w.out);
      continue;
    }
    add(-1, begin);
    add(row * w.in + begin * w.stride + shift, end - begin);
    add(-1, w.out - end);
  }
  return map;
}

// Tiles of dw over all images: disjoint, so nothing has to be summed afterwards.
template <typename T>
void lower_tiles(Lowering& l, const Conv2D& conv) {
  const GradientTile<T> tile(&kernels<T>(), conv.batch * conv.h.out * conv.w.out, conv.in_c,
                             conv.out_c, conv.in_pitch, conv.out_pitch);
  std::vector<RowMap> maps;
  for (int64_t i = 0; i < conv.h.kernel; ++i)
    for (int64_t j = 0; j < conv.w.kernel; ++j) maps.push_back(map_of(conv, i, j));
  const int64_t tiles = tile.tiles(), cells = conv.h.kernel * conv.w.kernel;
  const int64_t cell = conv.in_c * conv.out_c;
  l.tasks("conv2d_grad_kernel.tiles", cells * tiles,
          {read_whole(l.x(0)), read_whole(l.x(1)), write_whole(l.y())}, conv.macs(),
          [=, maps = std::move(maps), images = conv.batch](const Call& c) {
            for (int64_t t = c.begin; t < c.end; ++t)
              tile.run(c.at<T>(0), c.at<T>(1), maps[static_cast<size_t>(t / tiles)], images,
                       t % tiles, c.at<T>(2) + t / tiles * cell, false,
                       reinterpret_cast<T*>(c.workspace));
          })
      .workspace = tile.workspace();
}

template <typename T>
void lower_grad_kernel_of(Lowering& l) {
  const Conv2D conv = conv_of(l, l.x(0), l.x(2), l.x(1));
  auto grad = std::make_shared<const KernelGradient<T>>(&kernels<T>(), conv);
  const int64_t x_size = conv.h.in * conv.w.in * conv.in_pitch;
  const int64_t dy_size = conv.h.out * conv.w.out * conv.out_pitch;
  const int64_t size = element_count(l.y_shape()), lanes = l.lanes(conv.batch);
  const int64_t kernel_rows = conv.h.kernel;
  if (conv.batch * conv.h.out * conv.w.out == 0) return lower_zero(l, l.y(), size);
  const bool in_lanes =
      !l.few_rows(conv.batch, conv.macs()) &&
      (lanes == 1 || lanes * size * static_cast<int64_t>(sizeof(T)) <= kLaneBytes);
  if (in_lanes) {
    const TensorId dw = lanes == 1 ? l.y() : l.lane_temp({l.y_shape(), l.dtype()}, conv.batch);
    l.rows("conv2d_grad_kernel", conv.batch, {read(l.x(0)), read(l.x(1)), write_lane(dw)},
           conv.macs(),
           [=](const Call& c) {
             for (int64_t i = 0; i < c.count(); ++i)
               grad->run(c.at<T>(0) + i * x_size, c.at<T>(1) + i * dy_size, c.at<T>(2),
                         !c.first_in_lane || i > 0, 0, kernel_rows,
                         reinterpret_cast<T*>(c.workspace));
           })
        .workspace = grad->workspace();
    if (lanes > 1) lower_lane_sum(l, dw, lanes, size, l.y());
    return;
  }
  if (conv.groups == 1 && conv.in_c >= kTileChannels) return lower_tiles<T>(l, conv);
  // Images in a fixed number of pieces, each with its own copy of dw, times the kernel's rows.
  const int64_t pieces = std::min<int64_t>(conv.batch, 4);
  const TensorId dw = pieces == 1 ? l.y() : l.temp({{pieces * size}, l.dtype()});
  l.tasks("conv2d_grad_kernel", pieces * kernel_rows,
          {read_whole(l.x(0)), read_whole(l.x(1)), write_whole(dw)}, conv.macs(),
          [=](const Call& c) {
            for (int64_t t = c.begin; t < c.end; ++t) {
              const int64_t piece = t / kernel_rows, row = t % kernel_rows;
              const int64_t first = piece * conv.batch / pieces;
              const int64_t last = (piece + 1) * conv.batch / pieces;
              for (int64_t i = first; i < last; ++i)
                grad->run(c.at<T>(0) + i * x_size, c.at<T>(1) + i * dy_size,
                          c.at<T>(2) + piece * size, i > first, row, row + 1,
                          reinterpret_cast<T*>(c.workspace));
            }
          })
      .workspace = grad->workspace();
  if (pieces > 1) lower_lane_sum(l, dw, pieces, size, l.y());
}

}  // namespace

void lower_conv2d_grad_kernel(Lowering& l) {
  const Conv2D conv = conv_of(l, l.x(0), l.x(2), l.x(1));
  if (is_pointwise(conv)) return lower_pointwise_grad_kernel(l, l.x(0), l.x(1), conv);
  const ConvMethod method = conv_method(conv, ConvDirection::kKernel, l.dtype(), false);
  if (method == ConvMethod::kAcross) return lower_across_grad_kernel(l, conv);
  if (method == ConvMethod::kWinograd4x4) return lower_winograd_grad_kernel(l, conv);
  dispatch_float(l.dtype(),
                 [&](auto tag) { lower_grad_kernel_of<typename decltype(tag)::type>(l); });
}

}  // namespace pyframe
