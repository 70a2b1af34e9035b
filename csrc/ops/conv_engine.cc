#include "ops/conv_engine.h"

namespace pyframe {
namespace {

// The padded copy of a row block should fit the L2 cache beside the kernel's panels.
constexpr int64_t kBlockBytes = 192 * 1024;
// Panels of B up to this size are swept for every output row; larger ones stay while the rows
// of the block pass by.
constexpr int64_t kPanelSweepBytes = 256 * 1024;
// Blocks of fewer pixels would waste the panels that they load. Where pixels are copied for every
// block of filters, smaller blocks of pixels and larger ones of filters are better.
constexpr int64_t kBlockPixels = 96, kCopiedPixels = 28;
// Filters from which on pixels that share a set of the L1 cache are copied. Rows of so few strided
// pixels fit the ways of a set.
constexpr int64_t kCopyFilters = 64, kWays = 8;

}  // namespace

template <typename T>
void ConvEngine<T>::prepare(int64_t blocks) {
  int64_t max_h = 0, max_w = 0;
  for (const ConvPass& pass : s_.passes) {
    max_h = std::max(max_h, pass.out_h);
    max_w = std::max(max_w, pass.out_w);
    for (const ConvTap& tap : pass.taps) {
      low_h_ = std::min(low_h_, tap.dh);
      high_h_ = std::max(high_h_, tap.dh);
      low_w_ = std::min(low_w_, tap.dw);
      high_w_ = std::max(high_w_, tap.dw);
    }
  }
  const int64_t last_row = (max_h - 1) * s_.step_h + high_h_;
  const int64_t last_column = (max_w - 1) * s_.step_w + high_w_;
  const bool outside = low_h_ < 0 || low_w_ < 0 || last_row >= s_.in_h || last_column >= s_.in_w;
  const auto element = static_cast<int64_t>(sizeof(T));
  const bool collide = s_.step_w * s_.in_pixel * element % 4096 == 0 &&
                       s_.group_n >= kCopyFilters && max_w > (s_.step_w > 1 ? kWays : 1);
  buffered_ = outside || collide;
  picked_ = collide && !outside && s_.passes.size() == 1 && s_.passes[0].taps.size() == 1;
  pixel_ = collide ? s_.in_c + 64 / element : buffered_ ? s_.in_c : s_.in_pixel;
  step_h_ = picked_ ? 1 : s_.step_h;
  step_w_ = picked_ ? 1 : s_.step_w;
  width_ = picked_ ? max_w : buffered_ ? last_column - low_w_ + 1 : s_.in_w;

  const int64_t span = high_h_ - low_h_ + 1;
  const int64_t row_bytes = width_ * (buffered_ ? pixel_ : s_.in_c) * element;
  const int64_t fitting = (kBlockBytes / std::max<int64_t>(1, row_bytes) - span) / step_h_ + 1;
  block_rows_ = std::max<int64_t>(1, std::min(max_h, std::max<int64_t>(fitting, 4)));
  // More blocks of rows, then of filters, if the image is to be shared.
  const int64_t low_rows =
      ceil_div(collide ? kCopiedPixels : kBlockPixels, std::max<int64_t>(1, max_w));
  row_blocks_ = std::max({int64_t{1}, ceil_div(max_h, block_rows_),
                          std::min(blocks, max_h / std::max<int64_t>(1, low_rows))});
  block_rows_ = std::max<int64_t>(1, ceil_div(max_h, row_blocks_));
  if (buffered_)
    workspace_ = static_cast<size_t>(((block_rows_ - 1) * step_h_ + span) * width_ * pixel_);

  panels_ = ceil_div(s_.group_n, kernel_->nr);
  block_panels_ = std::max<int64_t>(1, panels_ * row_blocks_ / std::max(blocks, row_blocks_));
  filter_blocks_ = ceil_div(panels_, block_panels_);

  const int64_t pitch = width_ * pixel_;
  for (ConvPass& pass : s_.passes) {
    // Neighbouring taps of one row are contiguous in memory: one longer segment.
    const auto count = static_cast<int64_t>(pass.taps.size());
    int64_t join = 1;
    if (s_.groups == 1 && pixel_ == s_.in_c) {
      const auto follows = [&](int64_t t) {
        return pass.taps[t].dh == pass.taps[t - 1].dh && pass.taps[t].dw == pass.taps[t - 1].dw + 1;
      };
      int64_t length = std::min<int64_t>(1, count);
      while (length < count && follows(length)) ++length;
      bool even = length > 1 && count % length == 0;
      for (int64_t t = 0; even && t < count; ++t) even = t % length == 0 || follows(t);
      if (even) join = length;
    }
    std::vector<int64_t> a_seg, b_seg;
    const int64_t base_h = buffered_ ? low_h_ : 0, base_w = buffered_ ? low_w_ : 0;
    const int64_t b_row = plain_b_ ? s_.group_n : kernel_->nr;
    for (int64_t t = 0; t < count; t += join) {
      a_seg.push_back((pass.taps[t].dh - base_h) * pitch + (pass.taps[t].dw - base_w) * pixel_);
      b_seg.push_back(t * s_.group_c * b_row);
    }
    segment_.push_back(join * s_.group_c);
    a_seg_.push_back(std::move(a_seg));
    b_seg_.push_back(std::move(b_seg));
    pass.b_offset = packed_size_;
    group_size_.push_back(panels_ * count * s_.group_c * kernel_->nr);
    packed_size_ += s_.groups * group_size_.back();
  }
}

template <typename T>
void ConvEngine<T>::fill_buffer(const T* in, int64_t q0, T* buffer) const {
  if (!picked_) {
    copy_padded_rows(in, s_.in_h, s_.in_w, s_.in_c, s_.in_pixel, q0 * s_.step_h + low_h_,
                     (q0 + block_rows_ - 1) * s_.step_h + high_h_ + 1, low_w_, width_, buffer,
                     pixel_ - s_.in_c);
    return;
  }
  const int64_t q1 = std::min(q0 + block_rows_, s_.passes[0].out_h);
  for (int64_t q = q0; q < q1; ++q)
    for (int64_t p = 0; p < width_; ++p, buffer += pixel_)
      std::copy_n(in + (q * s_.step_h * s_.in_w + p * s_.step_w) * s_.in_pixel, s_.in_c, buffer);
}

template <typename T>
void ConvEngine<T>::run(const T* in, const T* b, const T* bias, T* out,
                        const RowEpilogue<T>& epilogue, int64_t begin, int64_t end,
                        int64_t previous, T* workspace) const {
  int64_t copied = previous < 0 ? -1 : previous / filter_blocks_;
  for (int64_t block = begin; block < end; ++block) {
    const int64_t q0 = block / filter_blocks_ * block_rows_;
    const int64_t first_panel = block % filter_blocks_ * block_panels_;
    const int64_t last_panel = std::min(panels_, first_panel + block_panels_);
    const T* source = in;
    if (buffered_) {
      if (block / filter_blocks_ != copied) fill_buffer(in, q0, workspace);
      copied = block / filter_blocks_;
      source = workspace;
    } else {
      source += q0 * s_.step_h * width_ * s_.in_pixel;
    }
    for (size_t p = 0; p < s_.passes.size(); ++p) {
      const ConvPass& pass = s_.passes[p];
      const int64_t q1 = std::min(q0 + block_rows_, pass.out_h);
      if (q0 < q1)
        run_rows(pass, p, source, b, bias, out, epilogue, q0, q1, first_panel, last_panel);
    }
  }
}

template <typename T>
void ConvEngine<T>::run_rows(const ConvPass& pass, size_t index, const T* in, const T* b,
                             const T* bias, T* out, const RowEpilogue<T>& epilogue, int64_t q0,
                             int64_t q1, int64_t first_panel, int64_t last_panel) const {
  const int64_t nr = kernel_->nr, pitch = width_ * pixel_;
  const auto taps = static_cast<int64_t>(pass.taps.size());
  const int64_t total_k = taps * s_.group_c;
  const int64_t panel = plain_b_ ? nr : total_k * nr, b_row = plain_b_ ? s_.group_n : nr;
  const int64_t panels = last_panel - first_panel;
  // Output rows that follow each other evenly in both images are one tall matrix.
  const bool tall = step_h_ * pitch == pass.out_w * step_w_ * pixel_ &&
                    pass.out_row == pass.out_w * pass.out_pixel;
  const int64_t rows_per_call = tall ? q1 - q0 : 1;
  const int64_t panel_bytes = panel * static_cast<int64_t>(sizeof(T));
  const int64_t sweep =
      std::max<int64_t>(1, std::min(panels, kPanelSweepBytes / std::max<int64_t>(1, panel_bytes)));
  for (int64_t g = 0; g < s_.groups; ++g) {
    const T* kernel = b + b_offset(index, g);
    for (int64_t j = first_panel; j < last_panel; j += sweep) {
      const int64_t column = j * nr;
      const int64_t columns = std::min(s_.group_n, std::min(j + sweep, last_panel) * nr) - column;
      const int64_t channel = g * s_.group_n + column;
      for (int64_t q = q0; q < q1; q += rows_per_call) {
        T* y = out + pass.out_offset + q * pass.out_row + channel;
        kernel_->gemm({rows_per_call * pass.out_w, columns,
                       static_cast<int64_t>(a_seg_[index].size()), segment_[index],
                       in + (q - q0) * step_h_ * pitch + g * s_.group_c, step_w_ * pixel_, 1,
                       a_seg_[index].data(), kernel + j * panel, panel, b_row, b_seg_[index].data(),
                       y, pass.out_pixel, false, bias == nullptr ? nullptr : bias + channel,
                       epilogue.relu, epilogue.residual_of(y), epilogue.high});
      }
    }
  }
  if (!epilogue.is_pass()) return;
  // Only forward passes, whose output rows are contiguous, carry an epilogue.
  if (panels == panels_ && pass.out_pixel == s_.groups * s_.group_n) {
    for (int64_t q = q0; q < q1; ++q)
      epilogue.apply(out + pass.out_offset + q * pass.out_row, pass.out_w * pass.out_pixel);
    return;
  }
  const int64_t column = first_panel * nr;
  const int64_t columns = std::min(s_.group_n, last_panel * nr) - column;
  for (int64_t q = q0; q < q1; ++q)
    for (int64_t p = 0; p < pass.out_w; ++p)
      for (int64_t g = 0; g < s_.groups; ++g)
        epilogue.apply(
            out + pass.out_offset + q * pass.out_row + p * pass.out_pixel + g * s_.group_n + column,
            columns);
}

template class ConvEngine<float>;
template class ConvEngine<double>;

}  // namespace pyframe
