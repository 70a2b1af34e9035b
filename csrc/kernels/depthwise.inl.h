// Depthwise convolution over NHWC: every channel has its own kernel, so a
// vector of channels is multiplied by a vector of kernel values, and
// neighbouring pixels share what they load.

// The kernel rows that meet the image for one output row.
template <typename T>
struct DepthwiseRow {
  const T* x;    // first input row that one of them meets, at column 0
  const T* k;    // the first such kernel row
  int64_t rows;  // how many
  int64_t step;  // elements between the input rows
};

template <typename T>
PF_INLINE DepthwiseRow<T> depthwise_row(const DepthwisePass& s, const T* x, const T* k, int64_t q) {
  const int64_t top = q * s.sh + s.top;
  const int64_t begin = top < 0 ? (-top + s.dh - 1) / s.dh : 0;
  const int64_t fitting = top < s.in_h ? (s.in_h - top + s.dh - 1) / s.dh : 0;
  const int64_t end = fitting < s.kh ? fitting : s.kh;
  return {x + (top + begin * s.dh) * s.in_w * s.c, k + begin * s.kw * s.c,
          end > begin ? end - begin : 0, s.dh * s.in_w * s.c};
}

// Taps [begin, end) of a kernel row that meet the image when the first is at
// column `left`.
struct DepthwiseTaps {
  int64_t begin, end;
  PF_INLINE DepthwiseTaps(const DepthwisePass& s, int64_t left) {
    begin = left < 0 ? (-left + s.dw - 1) / s.dw : 0;
    const int64_t fitting = left < s.in_w ? (s.in_w - left + s.dw - 1) / s.dw : 0;
    end = fitting < s.kw ? fitting : s.kw;
  }
};

// The output pixels [begin, end) of a row whose windows lie inside the image
// from side to side.
struct DepthwiseInside {
  int64_t begin, end;
  PF_INLINE explicit DepthwiseInside(const DepthwisePass& s) {
    begin = s.left < 0 ? (-s.left + s.sw - 1) / s.sw : 0;
    const int64_t room = s.in_w - s.left - (s.kw - 1) * s.dw;
    end = room > 0 ? (room - 1) / s.sw + 1 : 0;
    end = end < s.out_w ? end : s.out_w;
    begin = begin < s.out_w ? begin : s.out_w;
    end = end > begin ? end : begin;
  }
};

template <typename T>
PF_INLINE void depthwise_store(T* y, Vec<T> v, int64_t left, Vec<T> low, Vec<T> high) {
  v = at_most<T>(at_least<T>(v, low), high);
  if (left >= kLanes<T>) {
    store<T>(y, v);
  } else {
    store_part<T>(y, v, left);
  }
}

// Adds the products of one row of the image and K kernel values to sums of
// neighbouring pixels, S apart: for Rows output rows at once, each of which
// meets the image row with another kernel row.
template <typename T, int K, int S, int Rows, int Pixels>
PF_INLINE void depthwise_taps(const T* x, int64_t c, const T* const (&k)[Rows],
                              Vec<T> (&acc)[Rows][Pixels]) {
  Vec<T> w[Rows][K];
  PF_UNROLL
  for (int r = 0; r < Rows; ++r) {
    PF_UNROLL
    for (int j = 0; j < K; ++j) w[r][j] = load<T>(k[r] + j * c);
  }
  PF_UNROLL
  for (int q = 0; q < (Pixels - 1) * S + K; ++q) {
    const Vec<T> v = load<T>(x + q * c);
    PF_UNROLL
    for (int r = 0; r < Rows; ++r) {
      PF_UNROLL
      for (int j = 0; j < K; ++j) {
        if (q >= j && (q - j) % S == 0 && (q - j) / S < Pixels) {
          acc[r][(q - j) / S] += v * w[r][j];
        }
      }
    }
  }
}

// Pixels side by side, all taps of which are real, the first at column 0 of
// row.x. K taps with distance 1 and pixels S apart; K = 0: any number, any
// distance.
template <typename T, int K, int S, int Pixels>
__attribute__((noinline)) void depthwise_pixels(const DepthwisePass& s, const DepthwiseRow<T>& row,
                                                const T* bias, T* y, Vec<T> low, Vec<T> high) {
  for (int64_t c = 0; c < s.c; c += kLanes<T>) {
    Vec<T> acc[1][Pixels];
    PF_UNROLL
    for (int p = 0; p < Pixels; ++p) acc[0][p] = bias == nullptr ? Vec<T>{} : load<T>(bias + c);
    const T* x = row.x + c;
    const T* k = row.k + c;
    for (int64_t i = 0; i < row.rows; ++i, x += row.step, k += s.kw * s.c) {
      if constexpr (K > 0) {
        depthwise_taps<T, K, S, 1, Pixels>(x, s.c, {k}, acc);
      } else {
        for (int64_t j = 0; j < s.kw; ++j) {
          const Vec<T> w = load<T>(k + j * s.c);
          PF_UNROLL
          for (int p = 0; p < Pixels; ++p) {
            acc[0][p] += load<T>(x + (p * s.sw + j * s.dw) * s.c) * w;
          }
        }
      }
    }
    PF_UNROLL
    for (int p = 0; p < Pixels; ++p) {
      depthwise_store<T>(y + p * s.out_pixel + c, acc[0][p], s.c - c, low, high);
    }
  }
}

// The same for this output row and the next, all of whose kernel rows are real:
// they share what is loaded of the image.
template <typename T, int K, int Pixels>
__attribute__((noinline)) void depthwise_pair(const DepthwisePass& s, const DepthwiseRow<T>& row,
                                              const T* bias, T* y, Vec<T> low, Vec<T> high) {
  const int64_t k_row = K * s.c;
  for (int64_t c = 0; c < s.c; c += kLanes<T>) {
    Vec<T> first[1][Pixels], both[2][Pixels], last[1][Pixels];
    const Vec<T> start = bias == nullptr ? Vec<T>{} : load<T>(bias + c);
    PF_UNROLL
    for (int p = 0; p < Pixels; ++p) first[0][p] = both[1][p] = start;
    const T* x = row.x + c;
    const T* k = row.k + c;
    depthwise_taps<T, K, 1, 1, Pixels>(x, s.c, {k}, first);
    PF_UNROLL
    for (int p = 0; p < Pixels; ++p) both[0][p] = first[0][p];
    for (int64_t i = 1; i < s.kh; ++i) {
      x += row.step;
      k += k_row;
      depthwise_taps<T, K, 1, 2, Pixels>(x, s.c, {k, k - k_row}, both);
    }
    PF_UNROLL
    for (int p = 0; p < Pixels; ++p) last[0][p] = both[1][p];
    depthwise_taps<T, K, 1, 1, Pixels>(x + row.step, s.c, {k}, last);
    PF_UNROLL
    for (int p = 0; p < Pixels; ++p) {
      T* to = y + p * s.out_pixel + c;
      depthwise_store<T>(to, both[0][p], s.c - c, low, high);
      depthwise_store<T>(to + s.out_row, last[0][p], s.c - c, low, high);
    }
  }
}

// One pixel at the border: only taps [begin, end) of each kernel row are real.
template <typename T>
void depthwise_border(const DepthwisePass& s, const DepthwiseRow<T>& row, int64_t left,
                      const T* bias, T* y, Vec<T> low, Vec<T> high) {
  constexpr int kVectors = 4;
  const DepthwiseTaps taps(s, left);
  int64_t c = 0;
  for (; c + kVectors * kLanes<T> <= s.c; c += kVectors * kLanes<T>) {
    Vec<T> acc[kVectors];
    PF_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      acc[v] = bias == nullptr ? Vec<T>{} : load<T>(bias + c + v * kLanes<T>);
    }
    for (int64_t i = 0; i < row.rows; ++i) {
      for (int64_t j = taps.begin; j < taps.end; ++j) {
        const T* x = row.x + i * row.step + (left + j * s.dw) * s.c + c;
        const T* k = row.k + (i * s.kw + j) * s.c + c;
        PF_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          acc[v] += load<T>(x + v * kLanes<T>) * load<T>(k + v * kLanes<T>);
        }
      }
    }
    PF_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      depthwise_store<T>(y + c + v * kLanes<T>, acc[v], kLanes<T>, low, high);
    }
  }
  for (; c < s.c; c += kLanes<T>) {
    Vec<T> acc = bias == nullptr ? Vec<T>{} : load<T>(bias + c);
    for (int64_t i = 0; i < row.rows; ++i) {
      for (int64_t j = taps.begin; j < taps.end; ++j) {
        acc += load<T>(row.x + i * row.step + (left + j * s.dw) * s.c + c) *
               load<T>(row.k + (i * s.kw + j) * s.c + c);
      }
    }
    depthwise_store<T>(y + c, acc, s.c - c, low, high);
  }
}

// Calls the function for `count` pixels, 1 <= count <= Pixels.
template <typename T, int K, int S, bool Pair, int Pixels>
PF_INLINE void depthwise_group(int64_t count, const DepthwisePass& s, const DepthwiseRow<T>& row,
                               const T* bias, T* y, Vec<T> low, Vec<T> high) {
  if constexpr (Pixels > 1) {
    if (count < Pixels) {
      return depthwise_group<T, K, S, Pair, Pixels - 1>(count, s, row, bias, y, low, high);
    }
  }
  if constexpr (Pair) {
    depthwise_pair<T, K, Pixels>(s, row, bias, y, low, high);
  } else {
    depthwise_pixels<T, K, S, Pixels>(s, row, bias, y, low, high);
  }
}

// The pixels [inside.begin, inside.end) of a row, or of a pair of rows, in
// groups of nearly equal size, because small ones leave the adders waiting.
template <typename T, int K, int S, bool Pair>
PF_INLINE void depthwise_inside(const DepthwisePass& s, const DepthwiseInside& inside,
                                const DepthwiseRow<T>& row, const T* bias, T* y, Vec<T> low,
                                Vec<T> high) {
  constexpr int kGroup = Pair && kAccumulators < 16 ? 4 : 8;
  const int64_t count = inside.end - inside.begin, groups = (count + kGroup - 1) / kGroup;
  int64_t p = inside.begin;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t n = count / groups + (g < count % groups ? 1 : 0);
    DepthwiseRow<T> here = row;
    here.x += (p * s.sw + s.left) * s.c;
    depthwise_group<T, K, S, Pair, kGroup>(n, s, here, bias, y + p * s.out_pixel, low, high);
    p += n;
  }
}

template <typename T>
PF_INLINE void depthwise_borders(const DepthwisePass& s, const DepthwiseInside& inside,
                                 const DepthwiseRow<T>& row, const T* bias, T* y, Vec<T> low,
                                 Vec<T> high) {
  for (int64_t p = 0; p < s.out_w; ++p) {
    if (p == inside.begin) p = inside.end;
    if (p == s.out_w) break;
    depthwise_border<T>(s, row, p * s.sw + s.left, bias, y + p * s.out_pixel, low, high);
  }
}

template <typename T, int K, int S>
void depthwise_rows(const DepthwisePass& s, const T* x, const T* k, const T* bias, T* y, int64_t q0,
                    int64_t q1, T lowest, T highest) {
  const DepthwiseInside inside(s);
  const Vec<T> low = splat<T>(lowest), high = splat<T>(highest);
  for (int64_t q = q0; q < q1; ++q) {
    const DepthwiseRow<T> row = depthwise_row<T>(s, x, k, q);
    T* out = y + q * s.out_row;
    depthwise_borders<T>(s, inside, row, bias, out, low, high);
    if constexpr (K >= 3 && S == 1) {
      if (q + 1 < q1 && s.sh == 1 && s.dh == 1 && row.rows == s.kh) {
        const DepthwiseRow<T> next = depthwise_row<T>(s, x, k, q + 1);
        if (next.rows == s.kh) {
          depthwise_borders<T>(s, inside, next, bias, out + s.out_row, low, high);
          depthwise_inside<T, K, S, true>(s, inside, row, bias, out, low, high);
          ++q;
          continue;
        }
      }
    }
    depthwise_inside<T, K, S, false>(s, inside, row, bias, out, low, high);
  }
}

template <typename T>
void depthwise(const DepthwisePass& s, const T* x, const T* k, const T* bias, T* y, int64_t q0,
               int64_t q1, T low, T high) {
  void (*rows)(const DepthwisePass&, const T*, const T*, const T*, T*, int64_t, int64_t, T, T) =
      &depthwise_rows<T, 0, 1>;
  // Special forms for the working type only: they are large.
  if constexpr (sizeof(T) == 4) {
    if (s.dw == 1 && s.sw == 1) {
      if (s.kw == 1) rows = &depthwise_rows<T, 1, 1>;
      if (s.kw == 2) rows = &depthwise_rows<T, 2, 1>;
      if (s.kw == 3) rows = &depthwise_rows<T, 3, 1>;
      if (s.kw == 5) rows = &depthwise_rows<T, 5, 1>;
      if (s.kw == 7) rows = &depthwise_rows<T, 7, 1>;
    }
    if (s.dw == 1 && s.sw == 2) {
      if (s.kw == 3) rows = &depthwise_rows<T, 3, 2>;
      if (s.kw == 5) rows = &depthwise_rows<T, 5, 2>;
      if (s.kw == 7) rows = &depthwise_rows<T, 7, 2>;
    }
  }
  rows(s, x, k, bias, y, q0, q1, low, high);
}

// Adds dy * x to the sums of K neighbouring taps, for `count` pixels side by
// side.
template <typename T, int K, int S>
PF_INLINE void depthwise_grad_pixels(const DepthwisePass& s, const T* x, const T* dy, int64_t count,
                                     Vec<T> (&acc)[2][K]) {
  int64_t p = 0;
  for (; p + 2 <= count; p += 2, x += 2 * S * s.c, dy += 2 * s.out_pixel) {
    const Vec<T> g[2] = {load<T>(dy), load<T>(dy + s.out_pixel)};
    PF_UNROLL
    for (int q = 0; q < S + K; ++q) {
      const Vec<T> v = load<T>(x + q * s.c);
      PF_UNROLL
      for (int i = 0; i < 2; ++i) {
        const int j = q - i * S;
        if (j >= 0 && j < K) acc[i][j] += g[i] * v;
      }
    }
  }
  if (p < count) {
    const Vec<T> g = load<T>(dy);
    PF_UNROLL
    for (int j = 0; j < K; ++j) acc[0][j] += g * load<T>(x + j * s.c);
  }
}

// Kernel row i, output rows [q0, q1), channels from c on. x and dy point to
// these channels.
template <typename T, int K, int S>
PF_INLINE void depthwise_grad_row(const DepthwisePass& s, const DepthwiseInside& inside, const T* x,
                                  const T* dy, T* dk, int64_t i, int64_t q0, int64_t q1,
                                  int64_t left_over, bool accumulate) {
  Vec<T> acc[2][K];
  PF_UNROLL
  for (int j = 0; j < K; ++j) acc[0][j] = acc[1][j] = Vec<T>{};
  for (int64_t q = q0; q < q1; ++q) {
    const int64_t h = q * s.sh + s.top + i * s.dh;
    if (h < 0 || h >= s.in_h) continue;
    const T* in = x + h * s.in_w * s.c;
    const T* out = dy + q * s.out_row;
    for (int64_t p = 0; p < s.out_w; ++p) {
      const int64_t column = p * s.sw + s.left;
      if (p == inside.begin && inside.end > p) {
        depthwise_grad_pixels<T, K, S>(s, in + column * s.c, out + p * s.out_pixel, inside.end - p,
                                       acc);
        p = inside.end - 1;
        continue;
      }
      const Vec<T> g = load<T>(out + p * s.out_pixel);
      PF_UNROLL
      for (int j = 0; j < K; ++j) {
        const int64_t w = column + j * s.dw;
        if (w >= 0 && w < s.in_w) acc[1][j] += g * load<T>(in + w * s.c);
      }
    }
  }
  PF_UNROLL
  for (int j = 0; j < K; ++j, dk += s.c) {
    const Vec<T> v = acc[0][j] + acc[1][j];
    if (left_over >= kLanes<T>) {
      store<T>(dk, accumulate ? load<T>(dk) + v : v);
    } else {
      store_part<T>(dk, accumulate ? load_part<T>(dk, left_over) + v : v, left_over);
    }
  }
}

// Any kernel: one tap at a time.
template <typename T>
void depthwise_grad_tap(const DepthwisePass& s, const T* x, const T* dy, T* dk, int64_t i,
                        int64_t j, int64_t q0, int64_t q1, int64_t left_over, bool accumulate) {
  Vec<T> acc{};
  for (int64_t q = q0; q < q1; ++q) {
    const int64_t h = q * s.sh + s.top + i * s.dh;
    if (h < 0 || h >= s.in_h) continue;
    for (int64_t p = 0; p < s.out_w; ++p) {
      const int64_t w = p * s.sw + s.left + j * s.dw;
      if (w < 0 || w >= s.in_w) continue;
      acc += load<T>(dy + q * s.out_row + p * s.out_pixel) * load<T>(x + (h * s.in_w + w) * s.c);
    }
  }
  if (left_over >= kLanes<T>) {
    store<T>(dk, accumulate ? load<T>(dk) + acc : acc);
  } else {
    store_part<T>(dk, accumulate ? load_part<T>(dk, left_over) + acc : acc, left_over);
  }
}

template <typename T, int K, int S>
void depthwise_grad_rows(const DepthwisePass& s, const T* x, const T* dy, T* dk, int64_t q0,
                         int64_t q1, bool accumulate) {
  const DepthwiseInside inside(s);
  for (int64_t c = 0; c < s.c; c += kLanes<T>) {
    for (int64_t i = 0; i < s.kh; ++i) {
      T* to = dk + i * s.kw * s.c + c;
      if constexpr (K > 0) {
        depthwise_grad_row<T, K, S>(s, inside, x + c, dy + c, to, i, q0, q1, s.c - c, accumulate);
      } else {
        for (int64_t j = 0; j < s.kw; ++j) {
          depthwise_grad_tap<T>(s, x + c, dy + c, to + j * s.c, i, j, q0, q1, s.c - c, accumulate);
        }
      }
    }
  }
}

template <typename T>
void depthwise_grad_kernel(const DepthwisePass& s, const T* x, const T* dy, T* dk, int64_t q0,
                           int64_t q1, bool accumulate) {
  void (*rows)(const DepthwisePass&, const T*, const T*, T*, int64_t, int64_t, bool) =
      &depthwise_grad_rows<T, 0, 1>;
  if constexpr (sizeof(T) == 4) {
    if (s.dw == 1 && s.sw == 1) {
      if (s.kw == 3) rows = &depthwise_grad_rows<T, 3, 1>;
      if (s.kw == 5) rows = &depthwise_grad_rows<T, 5, 1>;
      if (s.kw == 7) rows = &depthwise_grad_rows<T, 7, 1>;
    }
    if (s.dw == 1 && s.sw == 2) {
      if (s.kw == 3) rows = &depthwise_grad_rows<T, 3, 2>;
      if (s.kw == 5) rows = &depthwise_grad_rows<T, 5, 2>;
      if (s.kw == 7) rows = &depthwise_grad_rows<T, 7, 2>;
    }
  }
  // Few enough rows that what the kernel rows read again is still in the L1
  // cache.
  constexpr int64_t kPixels = 192;
  const int64_t block = s.out_w < kPixels ? kPixels / (s.out_w > 0 ? s.out_w : 1) : 1;
  for (int64_t q = q0; q < q1; q += block) {
    const int64_t end = q + block < q1 ? q + block : q1;
    // A vector of channels after the other takes lines that are far apart: they come from memory
    // sooner in its own order.
    const int64_t top = q * s.sh + s.top, bottom = (end - 1) * s.sh + s.top + (s.kh - 1) * s.dh + 1;
    const T* from = x + (top < 0 ? 0 : top) * s.in_w * s.c;
    const T* to = x + (bottom < s.in_h ? bottom : s.in_h) * s.in_w * s.c;
    for (; from < to; from += 64 / sizeof(T)) __builtin_prefetch(from, 0, 2);
    rows(s, x, dy, dk, q, end, accumulate || q > q0);
  }
}
