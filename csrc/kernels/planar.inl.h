// Between pixels of few channels (NHWC) and planes, one a channel. In a block of kLanes pixels,
// squares of kPiece pixels and kPiece channels are transposed in the registers.

// Writes `count` pixels, whose channels are in rows[group * kPiece + pixel % kPiece], where `room`
// elements may be written. What the last piece of a pixel holds beyond its channels, and what is
// beyond the last pixel, is overwritten afterwards.
template <typename T, int Groups>
PF_INLINE void store_pixels(const Vec<T>* rows, int64_t count, int64_t channels, int64_t room,
                            T* y) {
  if (room >= (count + kPiece<T>)*channels + Groups * kPiece<T>) {
    PF_UNROLL
    for (int j = 0; j < kLanes<T> / kPiece<T>; ++j) {
      if (j * kPiece<T> >= count) return;
      PF_UNROLL
      for (int k = 0; k < kPiece<T>; ++k, y += channels) {
        PF_UNROLL
        for (int g = 0; g < Groups; ++g) {
          store_piece<T>(y + g * kPiece<T>, piece<T>(rows[g * kPiece<T> + k], j));
        }
      }
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      y[i * channels + c] = rows[c / kPiece<T> * kPiece<T> + i % kPiece<T>]
                                [i / kPiece<T> * kPiece<T> + c % kPiece<T>];
    }
  }
}

// Groups: pieces that hold the channels.
template <typename T, int Groups>
void interleave_rows(const Planes<T>& x, int64_t channels, const T* bias, bool relu, T* y) {
  constexpr int kRows = Groups * kPiece<T>;
  const Vec<T> low = splat<T>(relu ? T(0) : -kInfinity<T>);
  const T* plane[kRows];
  Vec<T> shift[kRows];
  PF_UNROLL
  for (int c = 0; c < kRows; ++c) {
    const int64_t source = c < channels ? c : 0;
    plane[c] = x.data + source * x.plane;
    shift[c] = splat<T>(bias == nullptr ? -T(0) : bias[source]);
  }
  const T* end = y + x.rows * x.columns * channels;
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t p = 0; p < x.columns; p += kLanes<T>) {
      Vec<T> rows[kRows];
      PF_UNROLL
      for (int c = 0; c < kRows; ++c) {
        rows[c] = at_least<T>(load<T>(plane[c] + r * x.pitch + p) + shift[c], low);
      }
      PF_UNROLL
      for (int g = 0; g < Groups; ++g) transpose_pieces<T>(rows + g * kPiece<T>);
      const int64_t count = x.columns - p < kLanes<T> ? x.columns - p : kLanes<T>;
      store_pixels<T, Groups>(rows, count, channels, end - y, y);
      y += count * channels;
    }
  }
}

// One channel: the planes are the pixels.
template <typename T>
void interleave_one(const Planes<T>& x, const T* bias, bool relu, T* y) {
  const Vec<T> low = splat<T>(relu ? T(0) : -kInfinity<T>);
  const Vec<T> shift = splat<T>(bias == nullptr ? -T(0) : *bias);
  for (int64_t r = 0; r < x.rows; ++r, y += x.columns) {
    const T* from = x.data + r * x.pitch;
    for (int64_t p = 0; p < x.columns; p += kLanes<T>) {
      const Vec<T> v = at_least<T>(load<T>(from + p) + shift, low);
      if (x.columns - p < kLanes<T>) {
        store_part<T>(y + p, v, x.columns - p);
      } else {
        store<T>(y + p, v);
      }
    }
  }
}

template <typename T>
void interleave(const Planes<T>& x, int64_t channels, const T* bias, bool relu, T* y) {
  if (channels == 1) return interleave_one<T>(x, bias, relu, y);
  const int64_t groups = (channels + kPiece<T> - 1) / kPiece<T>;
  if (groups == 1) return interleave_rows<T, 1>(x, channels, bias, relu, y);
  if (groups == 2) return interleave_rows<T, 2>(x, channels, bias, relu, y);
  if constexpr (kPlanarChannels > 2 * kPiece<T>) {
    if (groups == 3) return interleave_rows<T, 3>(x, channels, bias, relu, y);
    interleave_rows<T, 4>(x, channels, bias, relu, y);
  }
}

template <typename T>
void deinterleave(const T* x, int64_t readable, int64_t pixels, int64_t channels, T* y,
                  int64_t ld) {
  for (int64_t p = 0; p < pixels; p += kLanes<T>) {
    const int64_t left = pixels - p;
    for (int64_t first = 0; first < channels; first += kPiece<T>) {
      const T* from = x + p * channels + first;
      Vec<T> rows[kPiece<T>] = {};  // the last pixels fill but a part
      if (readable - p >= kLanes<T>) {
        PF_UNROLL
        for (int k = 0; k < kPiece<T>; ++k) {
          rows[k] = load_pieces<T>(from + k * channels, kPiece<T> * channels);
        }
        transpose_pieces<T>(rows);
      } else {
        for (int64_t i = 0; i < left; ++i) {
          for (int64_t c = 0; c < kPiece<T> && first + c < channels; ++c) {
            rows[c][i] = from[i * channels + c];
          }
        }
      }
      PF_UNROLL
      for (int c = 0; c < kPiece<T>; ++c) {
        if (first + c >= channels) break;
        T* to = y + (first + c) * ld + p;
        if (left < kLanes<T>) {
          store_part<T>(to, rows[c], left);
        } else {
          store<T>(to, rows[c]);
        }
      }
    }
  }
}
