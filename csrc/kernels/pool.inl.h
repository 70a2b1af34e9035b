// Pooling over NHWC images, vectorised over channels. With few channels a whole vector is still
// loaded and stored where the array goes on behind them: outputs are written in ascending order,
// so what is overwritten there is written later.

// The real cells [begin, end) of a window of `size` cells that starts at `start`.
struct Cells {
  int64_t begin, end;
  PF_INLINE Cells(int64_t start, int64_t size, int64_t limit)
      : begin(start < 0 ? 0 : start), end(start + size < limit ? start + size : limit) {}
  PF_INLINE int64_t count() const { return end > begin ? end - begin : 0; }
};

// The largest cell and its position. A NaN counts as larger than any number. The quick way takes
// it for +infinity, which is right unless the result is +infinity: then the window is looked at
// again, exactly.
template <typename T, bool WithIndex>
struct MaxCell {
  static constexpr bool kIndex = WithIndex;
  Vec<T> best;
  IVec<T> at;

  PF_INLINE explicit MaxCell(int64_t first)
      : best(splat<T>(-kInfinity<T>)), at(splat_int<T>(first)) {}
  PF_INLINE void add(Vec<T> v, int64_t position) {
    v = v < kInfinity<T> ? v : splat<T>(kInfinity<T>);
    if (WithIndex) at = v > best ? splat_int<T>(position) : at;
    best = v > best ? v : best;
  }
  PF_INLINE void add_exactly(Vec<T> v, int64_t position) {
    const IVec<T> take = ~(v <= best) & (best == best);
    best = take ? v : best;
    if (WithIndex) at = take ? splat_int<T>(position) : at;
  }
  PF_INLINE bool in_doubt() const { return any_lane<T>(best == kInfinity<T>); }
  PF_INLINE Vec<T> result(int64_t) const { return best; }
};

template <typename T>
struct MeanCell {
  static constexpr bool kIndex = false;
  Vec<T> total{};
  IVec<T> at;

  PF_INLINE explicit MeanCell(int64_t) {}
  PF_INLINE void add(Vec<T> v, int64_t) { total += v; }
  PF_INLINE void add_exactly(Vec<T>, int64_t) {}
  PF_INLINE bool in_doubt() const { return false; }
  PF_INLINE Vec<T> result(int64_t cells) const {
    return total / static_cast<T>(cells > 0 ? cells : 1);
  }
};

template <typename T>
PF_INLINE void store_index(uint8_t* p, IVec<T> v, int64_t count, bool part) {
  const Bytes<T> b = narrow<T>(v);
  if (part) {
    for (int64_t i = 0; i < count; ++i) p[i] = b[i];
  } else {
    *reinterpret_cast<typename VecTypes<T>::BytesMemory*>(p) = b;
  }
}

template <typename T>
PF_INLINE IVec<T> load_index(const uint8_t* p, int64_t count, bool part) {
  Bytes<T> b{};
  if (part) {
    for (int64_t i = 0; i < count; ++i) b[i] = p[i];
  } else {
    b = *reinterpret_cast<const typename VecTypes<T>::BytesMemory*>(p);
  }
  return widen<T>(b);
}

// The real cells of one window, rows x columns of them from x on; the first is at position
// `first`. Loads `count` channels if `part`, else a vector.
template <typename T, typename Cell, bool Exactly>
PF_INLINE void pool_cells(const PoolShape& s, const T* x, int64_t rows, int64_t columns,
                          int64_t first, int64_t count, bool part, Cell* cell) {
  for (int64_t a = 0; a < rows; ++a, x += s.w * s.x_pixel) {
    const T* p = x;
    for (int64_t b = 0; b < columns; ++b, p += s.x_pixel) {
      const Vec<T> v = part ? load_part<T>(p, count) : load<T>(p);
      const int64_t position = first + a * s.kw + b;
      Exactly ? cell->add_exactly(v, position) : cell->add(v, position);
    }
  }
}

template <typename T, typename Cell>
__attribute__((noinline)) void pool_cells_exactly(const PoolShape& s, const T* x, int64_t rows,
                                                  int64_t columns, int64_t first, int64_t count,
                                                  bool part, Cell* cell) {
  *cell = Cell(first);
  pool_cells<T, Cell, true>(s, x, rows, columns, first, count, part, cell);
}

// One output from rows x columns real cells, the first of them at x and at position `first` of
// the window; K = 2, 3: a window of K x K real cells. `whole`: whole vectors may be used.
template <typename T, typename Cell, int K>
PF_INLINE void pool_window(const PoolShape& s, const T* x, int64_t rows, int64_t columns,
                           int64_t first, T* y, uint8_t* index, bool whole) {
  const int64_t row_stride = s.w * s.x_pixel;
  for (int64_t c = 0; c < s.c; c += kLanes<T>) {
    const int64_t count = s.c - c;
    const bool part = !whole && count < kLanes<T>;
    Cell cell(first);
    if constexpr (K > 0) {
      PF_UNROLL
      for (int a = 0; a < K; ++a) {
        PF_UNROLL
        for (int b = 0; b < K; ++b) {
          cell.add(load<T>(x + a * row_stride + b * s.x_pixel + c), a * K + b);
        }
      }
    } else {
      pool_cells<T, Cell, false>(s, x + c, rows, columns, first, count, part, &cell);
    }
    if (__builtin_expect(cell.in_doubt(), 0)) {
      Cell exact(first);
      pool_cells_exactly<T, Cell>(s, x + c, rows, columns, first, count, part, &exact);
      cell = exact;
    }
    const Vec<T> v = cell.result(K > 0 ? K * K : rows * columns);
    part ? store_part<T>(y + c, v, count) : store<T>(y + c, v);
    if (Cell::kIndex) store_index<T>(index + c, cell.at, count, part);
  }
}

template <typename T, typename Cell, int K>
PF_INLINE void pool_inside(const PoolShape& s, const T* x, int64_t outputs, T* y, uint8_t* index) {
  for (int64_t i = 0; i < outputs;
       ++i, x += s.sw * s.x_pixel, y += s.y_pixel, index += Cell::kIndex * s.c) {
    pool_window<T, Cell, K>(s, x, K, K, 0, y, index, true);
  }
}

template <typename T, typename Cell>
void pool_images(const PoolShape& s, const T* x, T* y, uint8_t* index) {
  const T* x_end = x + s.n * s.h * s.w * s.x_pixel;
  const T* y_end = y + s.n * s.oh * s.ow * s.y_pixel;
  // What lies between pixels is not ours.
  const bool full = (s.x_pixel == s.c && s.y_pixel == s.c) || s.c % kLanes<T> == 0;
  // Outputs [inside, inside_end) of a row have all columns of their windows.
  const int64_t inside = (s.pl + s.sw - 1) / s.sw;
  int64_t inside_end = s.w + s.pl < s.kw ? 0 : (s.w + s.pl - s.kw) / s.sw + 1;
  inside_end = inside_end < s.ow ? inside_end : s.ow;
  for (int64_t i = 0; i < s.n; ++i, x += s.h * s.w * s.x_pixel) {
    for (int64_t oh = 0; oh < s.oh; ++oh) {
      const int64_t top = oh * s.sh - s.pt;
      const Cells rows(top, s.kh, s.h);
      const bool whole = full && x + rows.end * s.w * s.x_pixel + kLanes<T> <= x_end &&
                         y + s.ow * s.y_pixel + kLanes<T> <= y_end;
      const bool fast = whole && rows.count() == s.kh && s.kh == s.kw && (s.kh == 2 || s.kh == 3);
      for (int64_t ow = 0; ow < s.ow;) {
        const int64_t left = ow * s.sw - s.pl;
        int64_t done = 1;
        if (fast && ow >= inside && ow < inside_end) {
          const T* p = x + (top * s.w + left) * s.x_pixel;
          done = inside_end - ow;
          if (s.kh == 2) {
            pool_inside<T, Cell, 2>(s, p, done, y, index);
          } else {
            pool_inside<T, Cell, 3>(s, p, done, y, index);
          }
        } else {
          const Cells columns(left, s.kw, s.w);
          const int64_t first = (rows.begin - top) * s.kw + (columns.begin - left);
          pool_window<T, Cell, 0>(s, x + (rows.begin * s.w + columns.begin) * s.x_pixel,
                                  rows.count(), columns.count(), first, y, index, whole);
        }
        ow += done;
        y += done * s.y_pixel;
        index += Cell::kIndex * done * s.c;
      }
    }
  }
}

template <typename T>
void max_pool(const PoolShape& s, const T* x, T* y, uint8_t* index) {
  if (index != nullptr) {
    pool_images<T, MaxCell<T, true>>(s, x, y, index);
  } else {
    pool_images<T, MaxCell<T, false>>(s, x, y, nullptr);
  }
}

template <typename T>
void average_pool(const PoolShape& s, const T* x, T* y) {
  pool_images<T, MeanCell<T>>(s, x, y, nullptr);
}

// One output whose window holds the cell at hand: its pixel, the cell's position in its window,
// and 1 / (number of real cells in the window).
template <typename T>
struct Giver {
  int64_t pixel, at;
  T weight;
};

// What a giver gives to the cell, for `count` channels from c on.
template <typename T>
struct MaxShare {
  const T* dy;
  const uint8_t* index;
  int64_t dy_pixel, channels;

  PF_INLINE Vec<T> operator()(const Giver<T>& g, int64_t c, int64_t count, bool part) const {
    const T* from = dy + g.pixel * dy_pixel + c;
    const Vec<T> v = part ? load_part<T>(from, count) : load<T>(from);
    return keep<T>(load_index<T>(index + g.pixel * channels + c, count, part) == splat_int<T>(g.at),
                   v);
  }
};

template <typename T>
struct MeanShare {
  const T* dy;
  int64_t dy_pixel;

  PF_INLINE Vec<T> operator()(const Giver<T>& g, int64_t c, int64_t count, bool part) const {
    const T* from = dy + g.pixel * dy_pixel + c;
    return (part ? load_part<T>(from, count) : load<T>(from)) * g.weight;
  }
};

// dx (+)= the shares of all givers.
template <typename T, typename Share>
PF_INLINE void pool_grad_cell(const Share& share, const Giver<T>* givers, int count,
                              int64_t channels, bool whole, bool add, T* dx) {
  for (int64_t c = 0; c < channels; c += kLanes<T>) {
    const int64_t left = channels - c;
    const bool part = !whole && left < kLanes<T>;
    Vec<T> v{};
    if (add) v = part ? load_part<T>(dx + c, left) : load<T>(dx + c);
    for (int g = 0; g < count; ++g) v += share(givers[g], c, left, part);
    part ? store_part<T>(dx + c, v, left) : store<T>(dx + c, v);
  }
}

// A row of windows side by side: every cell has exactly one.
template <typename T, typename Share>
PF_INLINE void pool_grad_tiles(const PoolShape& s, const Share& share, int64_t windows, Giver<T> g,
                               T* dx) {
  const int64_t first = g.at;
  for (int64_t ow = 0; ow < windows; ++ow, ++g.pixel) {
    g.at = first;
    for (int64_t b = 0; b < s.kw; ++b, ++g.at, dx += s.c) {
      for (int64_t c = 0; c < s.c; c += kLanes<T>) store<T>(dx + c, share(g, c, 0, false));
    }
  }
}

// Every element of dx is written once (or, with very many overlapping windows, a few times), as
// a sum over the windows that hold it.
template <typename T, typename Share>
void pool_grad(const PoolShape& s, const Share& share, T* dx) {
  constexpr int kGivers = 16;
  Giver<T> givers[kGivers];
  const T* dx_end = dx + s.n * s.h * s.w * s.c;
  const int64_t outputs = s.n * s.oh * s.ow * s.c;
  const bool full = s.y_pixel == s.c || s.c % kLanes<T> == 0;
  const int64_t tiles = s.kw == s.sw && s.pl == 0 ? (s.w / s.kw < s.ow ? s.w / s.kw : s.ow) : 0;
  for (int64_t i = 0; i < s.n; ++i) {
    for (int64_t h = 0; h < s.h; ++h) {
      // The rows [oh_begin, oh_end) of outputs whose windows hold row h.
      const int64_t below = h + s.pt - s.kh;
      const int64_t oh_begin = below < 0 ? 0 : below / s.sh + 1;
      const int64_t oh_last = (h + s.pt) / s.sh;
      const int64_t oh_end = oh_last < s.oh ? oh_last + 1 : s.oh;
      const bool whole = full && dx + s.w * s.c + kLanes<T> <= dx_end &&
                         (i * s.oh + oh_end) * s.ow * s.c + kLanes<T> <= outputs;
      int64_t w = 0;
      if (whole && oh_end - oh_begin == 1) {
        const int64_t top = oh_begin * s.sh - s.pt;
        const int64_t cells = Cells(top, s.kh, s.h).count() * s.kw;
        const Giver<T> first{(i * s.oh + oh_begin) * s.ow, (h - top) * s.kw,
                             T(1) / static_cast<T>(cells)};
        pool_grad_tiles<T>(s, share, tiles, first, dx);
        w = tiles * s.kw;
        dx += w * s.c;
      }
      int64_t ow_last = (w + s.pl) / s.sw, phase = (w + s.pl) % s.sw;
      for (; w < s.w; ++w, dx += s.c) {
        int count = 0;
        bool add = false;
        for (int64_t oh = oh_begin; oh < oh_end; ++oh) {
          const int64_t top = oh * s.sh - s.pt;
          const int64_t rows = Cells(top, s.kh, s.h).count();
          const int64_t base = (i * s.oh + oh) * s.ow;
          for (int64_t ow = ow_last, b = phase; b < s.kw && ow >= 0; --ow, b += s.sw) {
            if (ow >= s.ow) continue;
            const int64_t cells = rows * Cells(w - b, s.kw, s.w).count();
            if (count == kGivers) {
              pool_grad_cell<T>(share, givers, count, s.c, whole, add, dx);
              count = 0;
              add = true;
            }
            givers[count++] = {base + ow, (h - top) * s.kw + b, T(1) / static_cast<T>(cells)};
          }
        }
        pool_grad_cell<T>(share, givers, count, s.c, whole, add, dx);
        if (++phase == s.sw) {
          phase = 0;
          ++ow_last;
        }
      }
    }
  }
}

template <typename T>
void max_pool_grad(const PoolShape& s, const T* dy, const uint8_t* index, T* dx) {
  pool_grad<T>(s, MaxShare<T>{dy, index, s.y_pixel, s.c}, dx);
}

template <typename T>
void average_pool_grad(const PoolShape& s, const T* dy, T* dx) {
  pool_grad<T>(s, MeanShare<T>{dy, s.y_pixel}, dx);
}
