// Pooling over NHWC images, vectorised over channels.

// The real cells [begin, end) of a window of `size` cells that starts at `start`.
struct Cells {
  int64_t begin, end;
  PF_INLINE Cells(int64_t start, int64_t size, int64_t limit)
      : begin(start < 0 ? 0 : start), end(start + size < limit ? start + size : limit) {}
  PF_INLINE int64_t count() const { return end > begin ? end - begin : 0; }
};

// Loads `count` elements at p, reading a whole vector if the array, ending at `end`, has it: the
// lanes beyond count are anything.
template <typename T>
PF_INLINE Vec<T> load_lanes(const T* p, int64_t count, const T* end) {
  return count >= kLanes<T> || end - p >= kLanes<T> ? load<T>(p) : load_part<T>(p, count);
}

// Stores `count` elements at p. Whatever lies behind them up to `end` may be overwritten: outputs
// are written in ascending order, so it is written later.
template <typename T>
PF_INLINE void store_lanes(T* p, Vec<T> v, int64_t count, const T* end) {
  if (count >= kLanes<T> || end - p >= kLanes<T>) {
    store<T>(p, v);
  } else {
    store_part<T>(p, v, count);
  }
}

template <typename T>
PF_INLINE void store_index(uint8_t* p, IVec<T> v, int64_t count, const uint8_t* end) {
  const Bytes<T> bytes = narrow<T>(v);
  if (count >= kLanes<T> || end - p >= kLanes<T>) {
    *reinterpret_cast<typename VecTypes<T>::BytesMemory*>(p) = bytes;
  } else {
    for (int64_t i = 0; i < count; ++i) p[i] = bytes[i];
  }
}

template <typename T>
PF_INLINE IVec<T> load_index(const uint8_t* p, int64_t count, const uint8_t* end) {
  Bytes<T> bytes{};
  if (count >= kLanes<T> || end - p >= kLanes<T>) {
    bytes = *reinterpret_cast<const typename VecTypes<T>::BytesMemory*>(p);
  } else {
    for (int64_t i = 0; i < count; ++i) bytes[i] = p[i];
  }
  return widen<T>(bytes);
}

template <typename T, bool WithIndex>
void max_pool_images(const PoolShape& s, const T* x, T* y, uint8_t* index) {
  const T* x_end = x + s.n * s.h * s.w * s.c;
  const T* y_end = y + s.n * s.oh * s.ow * s.c;
  const uint8_t* index_end = index + (WithIndex ? s.n * s.oh * s.ow * s.c : 0);
  for (int64_t i = 0; i < s.n; ++i, x += s.h * s.w * s.c) {
    for (int64_t oh = 0; oh < s.oh; ++oh) {
      const int64_t top = oh * s.sh - s.pt;
      const Cells rows(top, s.kh, s.h);
      for (int64_t ow = 0; ow < s.ow; ++ow) {
        const int64_t left = ow * s.sw - s.pl;
        const Cells columns(left, s.kw, s.w);
        for (int64_t c = 0; c < s.c; c += kLanes<T>) {
          const int64_t count = s.c - c;
          Vec<T> best = splat<T>(-kInfinity<T>);
          IVec<T> at = splat_int<T>((rows.begin - top) * s.kw + (columns.begin - left));
          for (int64_t h = rows.begin; h < rows.end; ++h) {
            const T* p = x + (h * s.w + columns.begin) * s.c + c;
            for (int64_t w = columns.begin; w < columns.end; ++w, p += s.c) {
              const Vec<T> v = load_lanes<T>(p, count, x_end);
              const IVec<T> take = is_larger<T>(v, best);
              best = take ? v : best;
              if (WithIndex) at = take ? splat_int<T>((h - top) * s.kw + (w - left)) : at;
            }
          }
          store_lanes<T>(y + c, best, count, y_end);
          if (WithIndex) store_index<T>(index + c, at, count, index_end);
        }
        y += s.c;
        if (WithIndex) index += s.c;
      }
    }
  }
}

template <typename T>
void max_pool(const PoolShape& s, const T* x, T* y, uint8_t* index) {
  if (index != nullptr) {
    max_pool_images<T, true>(s, x, y, index);
  } else {
    max_pool_images<T, false>(s, x, y, nullptr);
  }
}

template <typename T>
void average_pool(const PoolShape& s, const T* x, T* y) {
  const T* x_end = x + s.n * s.h * s.w * s.c;
  const T* y_end = y + s.n * s.oh * s.ow * s.c;
  for (int64_t i = 0; i < s.n; ++i, x += s.h * s.w * s.c) {
    for (int64_t oh = 0; oh < s.oh; ++oh) {
      const Cells rows(oh * s.sh - s.pt, s.kh, s.h);
      for (int64_t ow = 0; ow < s.ow; ++ow, y += s.c) {
        const Cells columns(ow * s.sw - s.pl, s.kw, s.w);
        const int64_t cells = rows.count() * columns.count();
        const T divisor = static_cast<T>(cells > 0 ? cells : 1);
        for (int64_t c = 0; c < s.c; c += kLanes<T>) {
          const int64_t count = s.c - c;
          Vec<T> total{};
          for (int64_t h = rows.begin; h < rows.end; ++h) {
            const T* p = x + (h * s.w + columns.begin) * s.c + c;
            for (int64_t w = columns.begin; w < columns.end; ++w, p += s.c) {
              total += load_lanes<T>(p, count, x_end);
            }
          }
          store_lanes<T>(y + c, total / divisor, count, y_end);
        }
      }
    }
  }
}

// The part of an output's gradient that goes to cell `at` (a * kw + b) of its window.
template <typename T>
struct MaxShare {
  const T* dy;
  const uint8_t* index;
  const T* dy_end;
  const uint8_t* index_end;
  PF_INLINE Vec<T> share(int64_t offset, int64_t count, int64_t at, int64_t) const {
    return keep<T>(load_index<T>(index + offset, count, index_end) == splat_int<T>(at),
                   load_lanes<T>(dy + offset, count, dy_end));
  }
};

template <typename T>
struct AverageShare {
  const T* dy;
  const T* dy_end;
  PF_INLINE Vec<T> share(int64_t offset, int64_t count, int64_t, int64_t cells) const {
    return load_lanes<T>(dy + offset, count, dy_end) / static_cast<T>(cells);
  }
};

// Windows that do not overlap: every element of dx is written once, in ascending order.
template <typename T, typename F>
void pool_grad_apart(const PoolShape& s, const F& f, T* dx) {
  const T* dx_end = dx + s.n * s.h * s.w * s.c;
  for (int64_t i = 0; i < s.n; ++i) {
    for (int64_t h = 0; h < s.h; ++h) {
      const int64_t oh = (h + s.pt) / s.sh, a = (h + s.pt) % s.sh;
      if (oh >= s.oh || a >= s.kh) {
        fill<T>(dx, s.w * s.c, 0);
        dx += s.w * s.c;
        continue;
      }
      const int64_t rows = Cells(oh * s.sh - s.pt, s.kh, s.h).count();
      const int64_t offset_row = (i * s.oh + oh) * s.ow;
      int64_t ow = s.pl / s.sw, b = s.pl % s.sw;
      for (int64_t w = 0; w < s.w; ++w, dx += s.c) {
        const bool inside = ow < s.ow && b < s.kw;
        const int64_t cells = rows * Cells(ow * s.sw - s.pl, s.kw, s.w).count();
        for (int64_t c = 0; c < s.c; c += kLanes<T>) {
          const int64_t count = s.c - c;
          Vec<T> v{};
          if (inside) v = f.share((offset_row + ow) * s.c + c, count, a * s.kw + b, cells);
          store_lanes<T>(dx + c, v, count, dx_end);
        }
        if (++b == s.sw) {
          b = 0;
          ++ow;
        }
      }
    }
  }
}

template <typename T, typename F>
void pool_grad(const PoolShape& s, const F& f, T* dx) {
  if (s.sh >= s.kh && s.sw >= s.kw) {
    pool_grad_apart<T>(s, f, dx);
    return;
  }
  fill<T>(dx, s.n * s.h * s.w * s.c, 0);
  for (int64_t i = 0; i < s.n; ++i, dx += s.h * s.w * s.c) {
    for (int64_t oh = 0; oh < s.oh; ++oh) {
      const int64_t top = oh * s.sh - s.pt;
      const Cells rows(top, s.kh, s.h);
      for (int64_t ow = 0; ow < s.ow; ++ow) {
        const int64_t left = ow * s.sw - s.pl;
        const Cells columns(left, s.kw, s.w);
        const int64_t cells = rows.count() * columns.count();
        const int64_t offset = ((i * s.oh + oh) * s.ow + ow) * s.c;
        for (int64_t h = rows.begin; h < rows.end; ++h) {
          for (int64_t w = columns.begin; w < columns.end; ++w) {
            const int64_t at = (h - top) * s.kw + (w - left);
            T* p = dx + (h * s.w + w) * s.c;
            for (int64_t c = 0; c < s.c; c += kLanes<T>) {
              const int64_t count = s.c - c;
              const Vec<T> v = f.share(offset + c, count, at, cells);
              if (count >= kLanes<T>) {
                store<T>(p + c, load<T>(p + c) + v);
              } else {
                store_part<T>(p + c, load_part<T>(p + c, count) + v, count);
              }
            }
          }
        }
      }
    }
  }
}

template <typename T>
void max_pool_grad(const PoolShape& s, const T* dy, const uint8_t* index, T* dx) {
  const int64_t outputs = s.n * s.oh * s.ow * s.c;
  pool_grad<T>(s, MaxShare<T>{dy, index, dy + outputs, index + outputs}, dx);
}

template <typename T>
void average_pool_grad(const PoolShape& s, const T* dy, T* dx) {
  pool_grad<T>(s, AverageShare<T>{dy, dy + s.n * s.oh * s.ow * s.c}, dx);
}
