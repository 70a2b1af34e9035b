// Transforms of Winograd's minimal filtering (Lavin and Gray 2015, arXiv:1509.09308) between
// images and the 36 frequencies of 6 x 6 tiles: F(4x4, 3x3) for the convolution and the gradient
// of its input, F(3x3, 4x4) for the gradient of its kernel. All share the interpolation points
// 0, +-5/8, +-3/2 and infinity, whose rounding error is less than half that of 0, +-1, +-2; the
// matrices are those of Toom and Cook for these points. F(2x2, 3x3) has 16 frequencies of 4 x 4
// tiles and the points 0, +-1 and infinity.

template <typename T>
struct Toom {
  static constexpr T a = T(0.625), b = T(1.5);
  static constexpr T a2 = a * a, b2 = b * b, a3 = a2 * a, b3 = b2 * b;
  // 1 / product of the differences to the other finite points
  static constexpr T n0 = T(1) / (a2 * b2), na = T(1) / (2 * a2 * (a2 - b2)),
                     nb = T(1) / (2 * b2 * (b2 - a2));
};

// One dimension of each transform: x[0], x[step], ... to y[0], y[step], ...
// The 6 cells of an input: coefficients of the polynomials that vanish at all points but one.
struct InputLine {
  static constexpr int kSide = 6, kFrom = 6, kTo = 6;
  template <typename T, int Step>
  static PF_INLINE void apply(const Vec<T>* x, Vec<T>* y) {
    using P = Toom<T>;
    const Vec<T> even_a = x[4 * Step] - P::b2 * x[2 * Step];
    const Vec<T> odd_a = x[3 * Step] - P::b2 * x[Step];
    const Vec<T> even_b = x[4 * Step] - P::a2 * x[2 * Step];
    const Vec<T> odd_b = x[3 * Step] - P::a2 * x[Step];
    y[0] = P::a2 * P::b2 * x[0] - (P::a2 + P::b2) * x[2 * Step] + x[4 * Step];
    y[5 * Step] = P::a2 * P::b2 * x[Step] - (P::a2 + P::b2) * x[3 * Step] + x[5 * Step];
    y[Step] = even_a + P::a * odd_a;
    y[2 * Step] = even_a - P::a * odd_a;
    y[3 * Step] = even_b + P::b * odd_b;
    y[4 * Step] = even_b - P::b * odd_b;
  }
};

// The filter, a polynomial of 3 or (in F(3, 4)) 4 coefficients, at the points.
template <int From>
struct FilterLine {
  static constexpr int kSide = 6, kFrom = From, kTo = 6;
  template <typename T, int Step>
  static PF_INLINE void apply(const Vec<T>* x, Vec<T>* y) {
    using P = Toom<T>;
    Vec<T> odd_a = P::na * P::a * x[Step], odd_b = P::nb * P::b * x[Step];
    if constexpr (From == 4) {
      odd_a += P::na * P::a3 * x[3 * Step];
      odd_b += P::nb * P::b3 * x[3 * Step];
    }
    const Vec<T> even_a = P::na * x[0] + P::na * P::a2 * x[2 * Step];
    const Vec<T> even_b = P::nb * x[0] + P::nb * P::b2 * x[2 * Step];
    const Vec<T> last = x[(From - 1) * Step];
    y[0] = P::n0 * x[0];
    y[Step] = even_a + odd_a;
    y[2 * Step] = even_a - odd_a;
    y[3 * Step] = even_b + odd_b;
    y[4 * Step] = even_b - odd_b;
    y[5 * Step] = last;
  }
};

// 4 or (in F(3, 4)) 3 results from the products at the points.
template <int To>
struct OutputLine {
  static constexpr int kSide = 6, kFrom = 6, kTo = To;
  template <typename T, int Step>
  static PF_INLINE void apply(const Vec<T>* x, Vec<T>* y) {
    using P = Toom<T>;
    const Vec<T> sum_a = x[Step] + x[2 * Step], difference_a = x[Step] - x[2 * Step];
    const Vec<T> sum_b = x[3 * Step] + x[4 * Step], difference_b = x[3 * Step] - x[4 * Step];
    const Vec<T> last = x[5 * Step];
    y[0] = x[0] + sum_a + sum_b;
    y[Step] = P::a * difference_a + P::b * difference_b;
    if constexpr (To == 4) {
      y[2 * Step] = P::a2 * sum_a + P::b2 * sum_b;
      y[3 * Step] = P::a3 * difference_a + (P::b3 * difference_b + last);
    } else {
      y[2 * Step] = P::a2 * sum_a + (P::b2 * sum_b + last);
    }
  }
};

// The same three of F(2, 3).
struct SmallInputLine {
  static constexpr int kSide = 4, kFrom = 4, kTo = 4;
  template <typename T, int Step>
  static PF_INLINE void apply(const Vec<T>* x, Vec<T>* y) {
    const Vec<T> first = x[0] - x[2 * Step], sum = x[Step] + x[2 * Step];
    const Vec<T> difference = x[2 * Step] - x[Step], last = x[3 * Step] - x[Step];
    y[0] = first;
    y[Step] = sum;
    y[2 * Step] = difference;
    y[3 * Step] = last;
  }
};

struct SmallFilterLine {
  static constexpr int kSide = 4, kFrom = 3, kTo = 4;
  template <typename T, int Step>
  static PF_INLINE void apply(const Vec<T>* x, Vec<T>* y) {
    const Vec<T> even = T(0.5) * (x[0] + x[2 * Step]), odd = T(0.5) * x[Step];
    const Vec<T> last = x[2 * Step];
    y[0] = x[0];
    y[Step] = even + odd;
    y[2 * Step] = even - odd;
    y[3 * Step] = last;
  }
};

struct SmallOutputLine {
  static constexpr int kSide = 4, kFrom = 4, kTo = 2;
  template <typename T, int Step>
  static PF_INLINE void apply(const Vec<T>* x, Vec<T>* y) {
    const Vec<T> sum = x[Step] + x[2 * Step], difference = x[Step] - x[2 * Step];
    y[0] = x[0] + sum;
    y[Step] = difference + x[3 * Step];
  }
};

// Both dimensions, in place: cell (i, j) of a tile is t[kSide * i + j].
template <typename Line, typename T>
PF_INLINE void winograd_square(Vec<T>* t) {
  PF_UNROLL
  for (int j = 0; j < Line::kFrom; ++j) Line::template apply<T, Line::kSide>(t + j, t + j);
  PF_UNROLL
  for (int i = 0; i < Line::kTo; ++i)
    Line::template apply<T, 1>(t + Line::kSide * i, t + Line::kSide * i);
}

// `channels` of one tile to frequencies. Cells outside of the box are zero; Whole: there are none.
template <typename Line, typename T, bool Whole>
PF_INLINE void winograd_forward(const T* x, int64_t row, int64_t pixel, const TileBox& box,
                                int64_t channels, T* v, int64_t v_pitch) {
  constexpr int kSide = Line::kSide, kSize = kSide * kSide;
  for (int64_t c = 0; c < channels; c += kLanes<T>) {
    const int64_t left = channels - c;
    const bool part = left < kLanes<T>;
    Vec<T> t[kSize];
    PF_UNROLL
    for (int i = 0; i < Line::kFrom; ++i) {
      PF_UNROLL
      for (int j = 0; j < Line::kFrom; ++j) {
        const T* p = x + (i - box.top) * row + (j - box.left) * pixel + c;
        if (Whole || (i >= box.top && i < box.bottom && j >= box.left && j < box.right)) {
          t[kSide * i + j] = part ? load_part<T>(p, left) : load<T>(p);
        } else {
          t[kSide * i + j] = Vec<T>{};
        }
      }
    }
    // The next lines of the cells: too many streams for the hardware to follow.
    constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
    if (Whole && c % line == 0) {
      PF_UNROLL
      for (int i = 0; i < Line::kFrom; ++i) {
        PF_UNROLL
        for (int j = 0; j < Line::kFrom; ++j)
          __builtin_prefetch(x + i * row + j * pixel + c + line);
      }
    }
    winograd_square<Line, T>(t);
    PF_UNROLL
    for (int f = 0; f < kSize; ++f) store<T>(v + f * v_pitch + c, t[f]);
  }
}

template <typename Line, typename T>
void winograd_tile(const T* x, int64_t row, int64_t pixel, const TileBox& box, int64_t channels,
                   T* v, int64_t v_pitch) {
  const TileBox whole{0, Line::kFrom, 0, Line::kFrom};
  if (box.top == 0 && box.left == 0 && box.bottom == Line::kFrom && box.right == Line::kFrom) {
    const int64_t body = channels & -kLanes<T>;
    winograd_forward<Line, T, true>(x, row, pixel, whole, body, v, v_pitch);
    if (body == channels) return;
    winograd_forward<Line, T, false>(x + body, row, pixel, whole, channels - body, v + body,
                                     v_pitch);
  } else {
    winograd_forward<Line, T, false>(x, row, pixel, box, channels, v, v_pitch);
  }
}

// The larger of two, a NaN if there is one: what max_pool makes of them.
template <typename T>
PF_INLINE Vec<T> larger(Vec<T> best, Vec<T> v) {
  return ~(v <= best) & (best == best) ? v : best;
}

// Frequencies back to rows x columns pixels (Whole: all of the tile), or, Pooled, to the largest of
// each 2 x 2 of them.
template <typename Line, typename T, bool Whole, bool Pooled>
PF_INLINE void winograd_backward(const T* m, int64_t m_pitch, int64_t channels, const T* bias,
                                 bool relu, T* y, int64_t row, int64_t pixel, int64_t rows,
                                 int64_t columns) {
  constexpr int kSide = Line::kSide, kSize = kSide * kSide, kUnit = Pooled ? 2 : 1;
  for (int64_t c = 0; c < channels; c += kLanes<T>) {
    const int64_t left = channels - c;
    Vec<T> t[kSize];
    PF_UNROLL
    for (int f = 0; f < kSize; ++f) t[f] = load<T>(m + f * m_pitch + c);
    winograd_square<Line, T>(t);
    const Vec<T> shift = bias == nullptr ? Vec<T>{} : load<T>(bias + c);
    const auto result = [&](int cell) {
      const Vec<T> v = t[cell] + shift;
      return relu ? at_least<T>(v, Vec<T>{}) : v;
    };
    PF_UNROLL
    for (int i = 0; i < Line::kTo; i += kUnit) {
      PF_UNROLL
      for (int j = 0; j < Line::kTo; j += kUnit) {
        if (!Whole && (i >= rows || j >= columns)) continue;
        const int cell = kSide * i + j;
        Vec<T> v = result(cell);
        if (Pooled)
          v = larger<T>(larger<T>(larger<T>(v, result(cell + 1)), result(cell + kSide)),
                        result(cell + kSide + 1));
        T* p = y + i / kUnit * row + j / kUnit * pixel + c;
        if (left < kLanes<T>) {
          store_part<T>(p, v, left);
        } else {
          store<T>(p, v);
        }
      }
    }
  }
}

template <typename Line, typename T, bool Pooled>
void winograd_output(const T* m, int64_t m_pitch, int64_t channels, const T* bias, bool relu, T* y,
                     int64_t row, int64_t pixel, int64_t rows, int64_t columns) {
  if (rows == Line::kTo && columns == Line::kTo) {
    winograd_backward<Line, T, true, Pooled>(m, m_pitch, channels, bias, relu, y, row, pixel, rows,
                                             columns);
  } else {
    winograd_backward<Line, T, false, Pooled>(m, m_pitch, channels, bias, relu, y, row, pixel, rows,
                                              columns);
  }
}

// n kernels of 3 x 3 taps to frequencies and back; element i of tap t is w[t * w_pitch + i].
template <typename Line, typename T>
void winograd_kernel(const T* w, int64_t w_pitch, int64_t n, T* u, int64_t u_pitch) {
  constexpr int kSide = Line::kSide, kSize = kSide * kSide;
  for (int64_t k = 0; k < n; k += kLanes<T>) {
    const int64_t left = n - k;
    Vec<T> t[kSize];
    PF_UNROLL
    for (int tap = 0; tap < 9; ++tap) {
      const T* p = w + tap * w_pitch + k;
      t[tap / 3 * kSide + tap % 3] = left < kLanes<T> ? load_part<T>(p, left) : load<T>(p);
    }
    winograd_square<Line, T>(t);
    PF_UNROLL
    for (int f = 0; f < kSize; ++f) {
      T* p = u + f * u_pitch + k;
      if (left < kLanes<T>) {
        store_part<T>(p, t[f], left);
      } else {
        store<T>(p, t[f]);
      }
    }
  }
}

template <typename T>
void winograd_kernel_gradient(const T* m, int64_t m_pitch, int64_t n, T* dw, int64_t dw_pitch,
                              bool accumulate) {
  for (int64_t k = 0; k < n; k += kLanes<T>) {
    const int64_t left = n - k;
    Vec<T> t[36];
    PF_UNROLL
    for (int f = 0; f < 36; ++f) {
      const T* p = m + f * m_pitch + k;
      t[f] = left < kLanes<T> ? load_part<T>(p, left) : load<T>(p);
    }
    winograd_square<OutputLine<3>, T>(t);
    PF_UNROLL
    for (int tap = 0; tap < 9; ++tap) {
      T* p = dw + tap * dw_pitch + k;
      Vec<T> v = t[tap / 3 * 6 + tap % 3];
      if (accumulate) v += left < kLanes<T> ? load_part<T>(p, left) : load<T>(p);
      if (left < kLanes<T>) {
        store_part<T>(p, v, left);
      } else {
        store<T>(p, v);
      }
    }
  }
}

template <typename T, typename Input, typename Output, typename Filter>
constexpr WinogradTransforms<T> winograd_transforms() {
  return {Output::kTo, &winograd_tile<Input, T>, &winograd_output<Output, T, false>,
          &winograd_output<Output, T, true>, &winograd_kernel<Filter, T>};
}
