// Packing of B into panels of nr columns; see pack_b in kernel_table.h.

// out[k * nr + j] = b[k * rs + j * cs] for `rows` values of k and `columns` of j, one by one;
// columns up to nr are zero.
template <typename T>
void pack_plain(const T* b, int64_t rs, int64_t cs, int64_t rows, int64_t columns, T* out) {
  constexpr int64_t nr = kTileVectors * kLanes<T>;
  for (int64_t k = 0; k < rows; ++k) {
    for (int64_t j = 0; j < columns; ++j) out[k * nr + j] = b[k * rs + j * cs];
    for (int64_t j = columns; j < nr; ++j) out[k * nr + j] = 0;
  }
}

// The same for contiguous columns (cs = 1).
template <typename T>
void pack_rows(const T* b, int64_t rs, int64_t rows, int64_t columns, T* out) {
  constexpr int64_t nr = kTileVectors * kLanes<T>;
  for (int64_t k = 0; k < rows; ++k) {
    PF_UNROLL
    for (int v = 0; v < kTileVectors; ++v) {
      const int64_t left = columns - v * kLanes<T>;
      const T* p = b + k * rs + v * kLanes<T>;
      Vec<T> x{};
      if (left >= kLanes<T>) {
        x = load<T>(p);
      } else if (left > 0) {
        x = load_part<T>(p, left);
      }
      store<T>(out + k * nr + v * kLanes<T>, x);
    }
  }
}

// The same for contiguous rows (rs = 1): transposes squares of lanes x lanes.
template <typename T>
void pack_columns(const T* b, int64_t cs, int64_t rows, int64_t columns, T* out) {
  constexpr int64_t nr = kTileVectors * kLanes<T>;
  for (int64_t k = 0; k < rows; k += kLanes<T>) {
    const int64_t depth = rows - k < kLanes<T> ? rows - k : kLanes<T>;
    for (int v = 0; v < kTileVectors; ++v) {
      Vec<T> square[kLanes<T>];
      const int64_t first = v * kLanes<T>;
      if (depth == kLanes<T> && first + kLanes<T> <= columns) {
        PF_UNROLL
        for (int j = 0; j < kLanes<T>; ++j) square[j] = load<T>(b + k + (first + j) * cs);
        transpose_square<T>(square);
        PF_UNROLL
        for (int i = 0; i < kLanes<T>; ++i) store<T>(out + (k + i) * nr + first, square[i]);
      } else {
        PF_UNROLL
        for (int j = 0; j < kLanes<T>; ++j) {
          square[j] = Vec<T>{};
          if (first + j < columns) {
            const T* p = b + k + (first + j) * cs;
            square[j] = depth == kLanes<T> ? load<T>(p) : load_part<T>(p, depth);
          }
        }
        transpose_square<T>(square);
        PF_UNROLL
        for (int i = 0; i < kLanes<T>; ++i) {
          if (i < depth) store<T>(out + (k + i) * nr + first, square[i]);
        }
      }
    }
  }
}

template <typename T>
void pack_b(const T* b, int64_t rs, int64_t cs, int64_t kk, int64_t n, T* out) {
  constexpr int64_t nr = kTileVectors * kLanes<T>;
  if (cs == 1 || n == 1) {
    // A few rows at a time over all panels: sequential streams on both sides.
    constexpr int64_t block = 8;
    for (int64_t k = 0; k < kk; k += block) {
      const int64_t rows = kk - k < block ? kk - k : block;
      for (int64_t j = 0; j < n; j += nr) {
        pack_rows<T>(b + k * rs + j, rs, rows, n - j, out + j * kk + k * nr);
      }
    }
    return;
  }
  for (int64_t j = 0; j < n; j += nr) {
    const int64_t columns = n - j < nr ? n - j : nr;
    if (rs == 1) {
      pack_columns<T>(b + j * cs, cs, kk, columns, out + j * kk);
    } else {
      pack_plain<T>(b + j * cs, rs, cs, kk, columns, out + j * kk);
    }
  }
}
