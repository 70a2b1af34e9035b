#include "ops/conv_across.h"

#include <memory>

#include "common/dispatch_dtype.h"
#include "ops/gemm.h"

namespace pyframe {
namespace {

constexpr int64_t kZero[1] = {0};
// A map has so few pixels that one image alone does not pay for reading the weights.
constexpr int64_t kMapPixels = 64;
constexpr int64_t kManyWeights = 262144;
// All images' pixels are copied by every task, and should stay in the L2 cache beside the weights.
constexpr int64_t kCopyBytes = 768 * 1024;
constexpr int64_t kLeastRows = 12;
constexpr int64_t kDepth = 512;  // inputs whose weights are packed at a time

// Pixels [from, from + count) of the operand that a kernel cell multiplies, and those of the
// result that they are added to, [to, to + count).
struct Run {
  int64_t cell, from, to, count;
};

// By kernel cell, in ascending order.
std::vector<Run> runs_of(const Conv2D& conv, bool backward) {
  const Window &h = conv.h, &w = conv.w;
  std::vector<Run> runs;
  for (int64_t cell = 0; cell < h.kernel * w.kernel; ++cell)
    for (int64_t q = 0; q < h.out; ++q)
      for (int64_t p = 0; p < w.out; ++p) {
        const int64_t row = q * h.stride - h.pad + cell / w.kernel * h.dilation;
        const int64_t column = p * w.stride - w.pad + cell % w.kernel * w.dilation;
        if (row < 0 || row >= h.in || column < 0 || column >= w.in) continue;
        const int64_t in = row * w.in + column, out = q * w.out + p;
        const int64_t from = backward ? out : in, to = backward ? in : out;
        if (!runs.empty() && runs.back().cell == cell &&
            runs.back().from + runs.back().count == from &&
            runs.back().to + runs.back().count == to)
          ++runs.back().count;
        else
          runs.push_back({cell, from, to, 1});
      }
  return runs;
}

int64_t in_pixels(const Conv2D& conv) { return conv.h.in * conv.w.in; }
int64_t out_pixels(const Conv2D& conv) { return conv.h.out * conv.w.out; }

// Rows of a copy lie apart by this, not by a power of two: their lines would collide.
int64_t copy_pitch(int64_t channels) { return round_up(channels, 16) + 16; }

// Copies channels [c0, c0 + n) of all images from (image, pixel, channel), pixels lying x_pitch
// elements apart, to (pixel, image, n).
template <typename T>
void gather_pixels(const T* x, int64_t images, int64_t pixels, int64_t x_pitch, int64_t c0,
                   int64_t n, int64_t pitch, T* to) {
  for (int64_t i = 0; i < images; ++i)
    for (int64_t p = 0; p < pixels; ++p)
      std::copy_n(x + (i * pixels + p) * x_pitch + c0, n, to + (p * images + i) * pitch);
}

// One task is a block of the result's channels.
template <typename T>
class Across {
 public:
  Across(const KernelTable<T>* kernel, const Conv2D& conv, bool backward)
      : kernel_(kernel),
        images_(conv.batch),
        from_(backward ? out_pixels(conv) : in_pixels(conv)),
        to_(backward ? in_pixels(conv) : out_pixels(conv)),
        k_(backward ? conv.out_c : conv.in_c),
        n_(backward ? conv.in_c : conv.out_c),
        x_pitch_(backward ? conv.out_pitch : conv.in_pitch),
        y_pitch_(backward ? conv.in_pitch : conv.out_pitch),
        rs_(backward ? 1 : conv.out_c),
        cs_(backward ? conv.out_c : 1),
        pitch_(copy_pitch(k_)),
        width_(std::min(round_up(n_, kernel->nr), 64 / kernel->nr * kernel->nr)),
        runs_(runs_of(conv, backward)) {}

  int64_t tasks() const { return ceil_div(n_, width_); }
  size_t workspace() const {
    return static_cast<size_t>(copy_size() + sums_size() + std::min(k_, kDepth) * width_) *
           sizeof(T);
  }

  void run(const T* x, const T* w, const T* bias, T* y, const RowEpilogue<T>& epilogue,
           int64_t task, T* workspace) const {
    const int64_t column = task * width_, columns = std::min(width_, n_ - column);
    T *copy = workspace, *sums = copy + copy_size(), *panels = sums + sums_size();
    gather_pixels(x, images_, from_, x_pitch_, 0, k_, pitch_, copy);
    for (int64_t r = 0; r < to_ * images_; ++r) {
      if (bias == nullptr)
        std::fill_n(sums + r * width_, columns, T(0));
      else
        std::copy_n(bias + column, columns, sums + r * width_);
    }
    for (size_t r = 0; r < runs_.size();) {
      size_t end = r;
      while (end < runs_.size() && runs_[end].cell == runs_[r].cell) ++end;
      for (int64_t k = 0; k < k_; k += kDepth) {
        const int64_t depth = std::min(kDepth, k_ - k);
        kernel_->pack_b(w + runs_[r].cell * k_ * n_ + k * rs_ + column * cs_, rs_, cs_, depth,
                        columns, panels);
        for (size_t i = r; i < end; ++i)
          kernel_->gemm({runs_[i].count * images_, columns, 1, depth,
                         copy + runs_[i].from * images_ * pitch_ + k, pitch_, 1, kZero, panels,
                         depth * kernel_->nr, kernel_->nr, kZero,
                         sums + runs_[i].to * images_ * width_, width_, true, nullptr, false});
      }
      r = end;
    }
    for (int64_t p = 0; p < to_; ++p)
      for (int64_t i = 0; i < images_; ++i) {
        const T* row = sums + (p * images_ + i) * width_;
        T* out = y + (i * to_ + p) * y_pitch_ + column;
        if (epilogue.relu)
          kernel_->unary[static_cast<int>(Unary::k_relu)](row, out, columns, epilogue.attrs);
        else
          std::copy_n(row, columns, out);
        epilogue.apply(out, columns);
      }
  }

 private:
  int64_t copy_size() const { return from_ * images_ * pitch_; }
  int64_t sums_size() const { return to_ * images_ * width_; }

  const KernelTable<T>* kernel_;
  int64_t images_, from_, to_;  // pixels of an image of x and of y
  int64_t k_, n_;
  int64_t x_pitch_, y_pitch_;  // elements between pixels
  int64_t rs_, cs_;            // B(k, n) = w[cell][k * rs + n * cs]
  int64_t pitch_, width_;      // of the copy of x; columns of a task
  std::vector<Run> runs_;
};

template <typename T>
void lower_across_of(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv,
                     bool backward) {
  const auto engine = std::make_shared<const Across<T>>(&kernels<T>(), conv, backward);
  const bool has_bias = bias != kNoTensor;
  const RowEpilogue<T> epilogue(l.epilogue());
  std::vector<Operand> operands = {read_whole(x), read_whole(w), write_whole(l.y())};
  if (has_bias) operands.push_back(read_whole(bias));
  const int residual = add_residual(l, operands, true);
  l.tasks((l.def().name + ".across").c_str(), engine->tasks(), std::move(operands), conv.macs(),
          [=](const Call& c) {
            for (int64_t t = c.begin; t < c.end; ++t)
              engine->run(c.at<T>(0), c.at<T>(1), has_bias ? c.at<T>(3) : nullptr, c.at<T>(2),
                          epilogue.of(c, 2, residual), t, reinterpret_cast<T*>(c.workspace));
          })
      .workspace = engine->workspace();
}

// One task is a block of channels times a block of filters of the gradient, for all kernel cells.
template <typename T>
class AcrossGradient {
 public:
  AcrossGradient(const KernelTable<T>* kernel, const Conv2D& conv)
      : kernel_(kernel),
        conv_(conv),
        height_(std::min<int64_t>(conv.in_c, 128)),
        width_(std::min(round_up(conv.out_c, kernel->nr), round_up(int64_t{256}, kernel->nr))),
        pitch_(copy_pitch(height_)),
        x_rows_(in_pixels(conv) * conv.batch),
        dy_rows_(out_pixels(conv) * conv.batch) {
    for (const Run& run : runs_of(conv, false)) {
      first_.resize(static_cast<size_t>(run.cell) + 1, a_seg_.size());
      for (int64_t i = 0; i < run.count; ++i) {
        a_seg_.push_back((run.from + i) * conv.batch * pitch_);
        b_seg_.push_back((run.to + i) * conv.batch * kernel->nr);
      }
    }
    first_.resize(static_cast<size_t>(conv.h.kernel * conv.w.kernel) + 1, a_seg_.size());
  }

  int64_t tasks() const { return ceil_div(conv_.in_c, height_) * filter_blocks(); }
  size_t workspace() const {
    return static_cast<size_t>(x_rows_ * pitch_ + dy_rows_ * (width_ + pitch_of_filters())) *
           sizeof(T);
  }

  void run(const T* x, const T* dy, T* dw, int64_t task, T* workspace) const {
    const int64_t c = task / filter_blocks() * height_, k = task % filter_blocks() * width_;
    const int64_t channels = std::min(height_, conv_.in_c - c);
    const int64_t filters = std::min(width_, conv_.out_c - k), nr = kernel_->nr;
    T *a = workspace, *b = a + x_rows_ * pitch_, *rows = b + dy_rows_ * width_;
    gather_pixels(x, conv_.batch, in_pixels(conv_), conv_.in_pitch, c, channels, pitch_, a);
    gather_pixels(dy, conv_.batch, out_pixels(conv_), conv_.out_pitch, k, filters,
                  pitch_of_filters(), rows);
    kernel_->pack_b(rows, pitch_of_filters(), 1, dy_rows_, filters, b);
    for (size_t cell = 0; cell + 1 < first_.size(); ++cell) {
      const size_t first = first_[cell];
      kernel_->gemm({channels, filters, static_cast<int64_t>(first_[cell + 1] - first), conv_.batch,
                     a, 1, pitch_, a_seg_.data() + first, b, dy_rows_ * nr, nr,
                     b_seg_.data() + first,
                     dw + (static_cast<int64_t>(cell) * conv_.in_c + c) * conv_.out_c + k,
                     conv_.out_c, false, nullptr, false});
    }
  }

 private:
  int64_t filter_blocks() const { return ceil_div(conv_.out_c, width_); }
  int64_t pitch_of_filters() const { return copy_pitch(width_); }

  const KernelTable<T>* kernel_;
  Conv2D conv_;
  int64_t height_, width_, pitch_;
  int64_t x_rows_, dy_rows_;            // of the copies
  std::vector<int64_t> a_seg_, b_seg_;  // the pairs of pixels that meet in a kernel cell
  std::vector<size_t> first_;           // of each cell
};

template <typename T>
void lower_gradient_of(Lowering& l, const Conv2D& conv) {
  const auto engine = std::make_shared<const AcrossGradient<T>>(&kernels<T>(), conv);
  l.tasks((l.def().name + ".across").c_str(), engine->tasks(),
          {read_whole(l.x(0)), read_whole(l.x(1)), write_whole(l.y())}, conv.macs(),
          [=](const Call& c) {
            for (int64_t t = c.begin; t < c.end; ++t)
              engine->run(c.at<T>(0), c.at<T>(1), c.at<T>(2), t, reinterpret_cast<T*>(c.workspace));
          })
      .workspace = engine->workspace();
}

}  // namespace

bool is_for_across(const Conv2D& conv, DType dtype) {
  if (conv.groups != 1 || conv.macs() == 0) return false;
  const int64_t cells = conv.h.kernel * conv.w.kernel;
  const int64_t pixels = std::max(in_pixels(conv), out_pixels(conv));
  const int64_t bytes = conv.batch * pixels * std::max(conv.in_c, conv.out_c) *
                        static_cast<int64_t>(dtype_size(dtype));
  return cells > 1 && cells * conv.in_c * conv.out_c >= kManyWeights && pixels <= kMapPixels &&
         conv.batch * conv.w.out >= kLeastRows && bytes <= kCopyBytes;
}

void lower_across(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv,
                  bool backward) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_across_of<typename decltype(tag)::type>(l, x, w, bias, conv, backward);
  });
}

void lower_across_grad_kernel(Lowering& l, const Conv2D& conv) {
  dispatch_float(l.dtype(),
                 [&](auto tag) { lower_gradient_of<typename decltype(tag)::type>(l, conv); });
}

}  // namespace pyframe
