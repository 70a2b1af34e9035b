#include "ops/conv_planar.h"

#include "ops/conv_engine.h"

namespace pyframe {
namespace {

// Planes of an input block; small enough to leave room for the result in the L2 cache.
constexpr int64_t kPlanesBytes = 64 * 1024;
// Vector operations that bring kPlanarChannels vectors from pixels to planes or back.
constexpr int64_t kShuffles = 48;

}  // namespace

template <typename T>
PlanarConv<T>::PlanarConv(const KernelTable<T>* kernel, const Conv2D& conv, bool backward)
    : kernel_(kernel) {
  const Window &h = conv.h, &w = conv.w;
  const int64_t c = conv.in_c, n = conv.out_c;
  span_h_ = (h.kernel - 1) * h.dilation;
  span_w_ = (w.kernel - 1) * w.dilation;
  step_w_ = w.dilation;
  tap_columns_ = w.kernel;
  if (backward) {
    in_h_ = h.out, in_w_ = w.out, in_c_ = n, out_h_ = h.in, out_w_ = w.in, out_c_ = c;
    top_ = h.pad - span_h_, left_ = w.pad - span_w_;
    in_pixel_ = conv.out_pitch, out_pixel_ = conv.in_pitch;
    a_rs_ = n, a_cs_ = -c * n;
  } else {
    in_h_ = h.in, in_w_ = w.in, in_c_ = c, out_h_ = h.out, out_w_ = w.out, out_c_ = n;
    top_ = -h.pad, left_ = -w.pad;
    in_pixel_ = conv.in_pitch, out_pixel_ = conv.out_pitch;
    a_rs_ = 1, a_cs_ = c * n;
  }
  taps_ = h.kernel * w.kernel * in_c_;
  fits_ = conv.groups == 1 && h.stride == 1 && w.stride == 1 && out_c_ <= kPlanarChannels &&
          out_h_ > 0 && out_w_ > 0;
  if (!fits_) return;
  direct_ = in_pixel_ == 1 && top_ == 0 && left_ == 0 && out_h_ + span_h_ <= in_h_ &&
            out_w_ + span_w_ <= in_w_;
  pitch_ = direct_ ? in_w_ : out_w_ + span_w_;
  const int64_t row_bytes = in_c_ * pitch_ * static_cast<int64_t>(sizeof(T));
  block_rows_ = std::clamp<int64_t>(kPlanesBytes / row_bytes - span_h_, 1, out_h_);
  row_blocks_ = ceil_div(out_h_, block_rows_);
  block_rows_ = ceil_div(out_h_, row_blocks_);
  plane_ = direct_ ? 0 : (block_rows_ + span_h_) * pitch_;
  out_plane_ = round_up(block_rows_ * pitch_, kernel->lanes);
  // One vector more, because the last planes may be read past their ends.
  const int64_t pixels = std::max(in_pixel_ == in_c_ ? 0 : in_w_ * in_c_,
                                  out_pixel_ == out_c_ ? 0 : block_rows_ * out_w_ * out_c_);
  workspace_ = static_cast<size_t>(in_c_ * plane_ + out_c_ * out_plane_ + kernel->lanes + pixels);
  for (int64_t i = 0; i < h.kernel; ++i)
    for (int64_t k = 0; k < in_c_; ++k) {
      a_seg_.push_back(backward ? ((h.kernel - i) * w.kernel - 1) * c * n + k
                                : (i * w.kernel * c + k) * n);
      b_seg_.push_back(k * plane_ + i * h.dilation * pitch_);
    }
}

template <typename T>
bool PlanarConv<T>::pays() const {
  if (!fits_) return false;
  const int64_t lanes = kernel_->lanes, pixels = out_h_ * out_w_;
  const int64_t groups = 1 + (in_c_ > 1 ? ceil_div(in_c_, kPlanarChannels) : 0);
  const int64_t planar = ceil_div(out_h_ * pitch_, lanes) * (out_c_ * taps_ + groups * kShuffles);
  const int64_t plain = pixels * taps_ * ceil_div(out_c_, lanes);
  return 4 * planar < 3 * plain;
}

template <typename T>
void PlanarConv<T>::fill_planes(const T* in, int64_t top, int64_t rows, T* planes,
                                T* packed) const {
  if (in_c_ == 1) {
    copy_padded_rows(in, in_h_, in_w_, int64_t{1}, in_pixel_, top, top + rows, left_, pitch_,
                     planes);
    return;
  }
  const int64_t left = std::min(pitch_, std::max<int64_t>(0, -left_)), from = left_ + left;
  const int64_t body = std::clamp<int64_t>(in_w_ - from, 0, pitch_ - left);
  for (int64_t r = 0; r < rows; ++r) {
    const bool inside = top + r >= 0 && top + r < in_h_ && body > 0;
    T* to = planes + r * pitch_;
    for (int64_t c = 0; c < in_c_; ++c) {
      std::fill_n(to + c * plane_, inside ? left : pitch_, T(0));
      if (inside) std::fill_n(to + c * plane_ + left + body, pitch_ - left - body, T(0));
    }
    const int64_t pixel = (top + r) * in_w_ + from;
    if (!inside) continue;
    const T* from_row = in + pixel * in_pixel_;
    if (in_pixel_ == in_c_) {
      kernel_->deinterleave(from_row, in_h_ * in_w_ - pixel, body, in_c_, to + left, plane_);
    } else {
      for (int64_t p = 0; p < body; ++p)
        std::copy_n(from_row + p * in_pixel_, in_c_, packed + p * in_c_);
      kernel_->deinterleave(packed, body, body, in_c_, to + left, plane_);
    }
  }
}

template <typename T>
void PlanarConv<T>::run(const T* in, const T* w, const T* bias, T* out,
                        const RowEpilogue<T>& epilogue, int64_t begin, int64_t end,
                        int64_t /*previous*/, T* workspace) const {
  T* result = workspace + in_c_ * plane_;
  T* packed = result + out_c_ * out_plane_ + kernel_->lanes;  // pixels side by side
  for (int64_t block = begin; block < end; ++block) {
    const int64_t q = block * block_rows_, rows = std::min(block_rows_, out_h_ - q);
    const T* source = in + q * pitch_;
    if (!direct_) {
      fill_planes(in, q + top_, rows + span_h_, workspace, packed);
      source = workspace;
    }
    // All rows are one: what lies between their ends and the next beginnings is computed too.
    kernel_->gemm({out_c_, (rows - 1) * pitch_ + out_w_, static_cast<int64_t>(a_seg_.size()),
                   tap_columns_, w, a_rs_, a_cs_, a_seg_.data(), source, kernel_->nr, step_w_,
                   b_seg_.data(), result, out_plane_, false, nullptr, false});
    const bool apart = out_pixel_ != out_c_;
    T* to = apart ? packed : out + q * out_w_ * out_c_;
    kernel_->interleave({result, out_plane_, pitch_, rows, out_w_}, out_c_, bias, epilogue.relu,
                        to);
    epilogue.apply(to, rows * out_w_ * out_c_);
    for (int64_t p = 0; apart && p < rows * out_w_; ++p)
      std::copy_n(to + p * out_c_, out_c_, out + (q * out_w_ + p) * out_pixel_);
  }
}

template class PlanarConv<float>;
template class PlanarConv<double>;

}  // namespace pyframe
