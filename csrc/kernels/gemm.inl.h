// The matrix product: register tiles of Rows x Count vectors, C += A B over segments. Every element
// of C is one chain of multiply-adds in the order of (s, k), whatever the tile: results do not
// depend on how the caller cuts m and n.

// The vectors of a tile.
template <typename T>
struct Whole {
  using Element = T;
  using Value = Vec<T>;
  static constexpr int64_t kCount = kLanes<T>;

  static PF_INLINE Value from(const T* p) { return load<T>(p); }
  static PF_INLINE Value from(const T* p, int64_t count) { return load_part<T>(p, count); }
  static PF_INLINE void to(T* p, Value v) { store<T>(p, v); }
  static PF_INLINE void to(T* p, Value v, int64_t count) { store_part<T>(p, v, count); }
};

#ifndef PF_HAS_HALF
template <typename T>
using Half = Whole<T>;
#endif

// One tile. `last` is the number of columns in the last vector (1 .. lanes).
template <typename T>
struct GemmTile {
  const T* a;
  const T* b;
  T* c;
  const T* bias;
  int64_t last;
  const T* next = nullptr;  // what to fetch for later, a cache line in every step
};

// A packed B that is read for the first time often comes from memory, and so do both operands of a
// kernel's gradient, whose A is transposed. They are prefetched so many steps ahead, because the
// hardware's own prefetching stops at the end of every page. Later rows of A find them in the L2
// cache; few rows do better without (bench/NOTES.md).
constexpr int64_t kAhead = 64;
enum class Fetch { kNothing, kAhead, kNext };
template <typename T>
PF_INLINE bool reads_ahead(const GemmArgs<T>& g) {
  return (g.b_ks == kTileVectors * kLanes<T> || g.a_rs == 1) && g.nseg * g.klen > 2 * kAhead;
}

// Elements and vectors of one cache line.
template <typename T>
constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
template <typename V>
constexpr int kLineVectors = sizeof(typename V::Value) < 64 ? 64 / sizeof(typename V::Value) : 1;

// Writes the sums of a tile. Bias and bounds are applied without asking: -0 and infinities change
// nothing.
template <typename V, int Rows, int Count, typename T = typename V::Element>
PF_INLINE void gemm_finish(const GemmArgs<T>& g, const GemmTile<T>& tile,
                           const typename V::Value (&acc)[Rows][Count]) {
  using Value = typename V::Value;
  constexpr int64_t kPanel = kTileVectors * kLanes<T>;
  const Value low = (g.relu ? T(0) : -kInfinity<T>)-Value{}, high = g.high - Value{};
  Value bias[Count];
  PF_UNROLL
  for (int j = 0; j < Count; ++j) {
    const int64_t column = (j / kTileVectors) * kPanel + (j % kTileVectors) * V::kCount;
    bias[j] = tile.bias != nullptr ? V::from(tile.bias + column) : -T(0) - Value{};
  }
  const bool part = tile.last < V::kCount;
  PF_UNROLL
  for (int i = 0; i < Rows; ++i) {
    PF_UNROLL
    for (int j = 0; j < Count; ++j) {
      T* c = tile.c + i * g.ldc + (j / kTileVectors) * kPanel + (j % kTileVectors) * V::kCount;
      const bool cut = j == Count - 1 && part;
      Value v = acc[i][j];
      if (g.accumulate) v += cut ? V::from(c, tile.last) : V::from(c);
      v += bias[j];
      if (g.residual != nullptr) {
        const T* r = g.residual + (c - g.c);
        v += cut ? V::from(r, tile.last) : V::from(r);
      }
      v = low > v ? low : v;
      v = high < v ? high : v;
      if (cut) {
        V::to(c, v, tile.last);
      } else {
        V::to(c, v);
      }
    }
  }
}

// V is the kind of vectors, whole or half ones; vector j of a tile lies in panel j / kTileVectors.
// Row i of A is read at one of 3 pointers (rows 0, 5, 10) plus 0 .. 4 strides, which x86 can
// address with 2 more registers. All loops over rows and vectors must be unrolled completely:
// otherwise the accumulators live in memory.
template <typename V, int Rows, int Count, Fetch Kind, typename T = typename V::Element>
__attribute__((noinline)) void gemm_tile(const GemmArgs<T>& g, const GemmTile<T>& tile) {
  using Value = typename V::Value;
  constexpr int64_t kPanel = kTileVectors * kLanes<T>;
  Value acc[Rows][Count];
  PF_UNROLL
  for (int i = 0; i < Rows; ++i) {
    PF_UNROLL
    for (int j = 0; j < Count; ++j) {
      if (j % kLineVectors<V> == 0)
        __builtin_prefetch(
            tile.c + i * g.ldc + (j / kTileVectors) * kPanel + (j % kTileVectors) * V::kCount, 1);
      acc[i][j] = Value{};
    }
  }
  if (g.residual != nullptr) {
    const T* r = g.residual + (tile.c - g.c);
    for (int i = 0; i < Rows; ++i) {
      __builtin_prefetch(r + i * g.ldc);
      __builtin_prefetch(r + i * g.ldc + Count * V::kCount - 1);
    }
  }
  const int64_t rs = g.a_rs * static_cast<int64_t>(sizeof(T));
  const int64_t rs3 = 3 * rs;
  const T* next = tile.next;
  const int64_t a_step = g.a_cs, b_step = g.b_ks, b_panel = g.b_panel;
  for (int64_t s = 0; s < g.nseg; ++s) {
    const T* a0 = tile.a + g.a_seg[s];
    const T* a5 = a0 + 5 * g.a_rs;
    const T* a10 = a5 + 5 * g.a_rs;
    const T* b = tile.b + g.b_seg[s];
    for (int64_t k = g.klen; k > 0; --k) {
      Value row[Count];
      PF_UNROLL
      for (int j = 0; j < Count; ++j) {
        row[j] = V::from(b + (j / kTileVectors) * b_panel + (j % kTileVectors) * V::kCount);
      }
      PF_UNROLL
      for (int i = 0; i < Rows; ++i) {
        const char* base = reinterpret_cast<const char*>(i < 5 ? a0 : i < 10 ? a5 : a10);
        const int64_t offset = i % 5 == 3 ? rs3 : (i % 5) * rs;
        const Value x = *reinterpret_cast<const T*>(base + offset) - Value{};
        PF_UNROLL
        for (int j = 0; j < Count; ++j) acc[i][j] += x * row[j];
      }
      if constexpr (Kind == Fetch::kAhead) {
        PF_UNROLL
        for (int j = 0; j < Count; j += kLineVectors<V>)
          __builtin_prefetch(b + kAhead * b_step + j * V::kCount);
        if (g.a_rs == 1) __builtin_prefetch(a0 + kAhead * a_step);
      } else if constexpr (Kind == Fetch::kNext) {
        __builtin_prefetch(next, 0, 2);
        next += kLine<T>;
      }
      a0 += a_step;
      if (Rows > 5) a5 += a_step;
      if (Rows > 10) a10 += a_step;
      b += b_step;
    }
  }
  gemm_finish<V, Rows, Count>(g, tile, acc);
}

// Rows for which the accumulators allow more than one panel at once.
constexpr int kFewRows = kAccumulators / (2 * kTileVectors);

// Calls the tile of `rows` rows, 1 <= rows <= Rows.
template <typename V, int Rows, int Count, Fetch Kind, typename T>
PF_INLINE void gemm_rows(int64_t rows, const GemmArgs<T>& g, const GemmTile<T>& tile) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return gemm_rows<V, Rows - 1, Count, Kind>(rows, g, tile);
  }
  gemm_tile<V, Rows, Count, (Rows > kFewRows) ? Kind : Fetch::kNothing>(g, tile);
}

// All rows of the columns of one tile, which starts at row 0. One vector leaves registers for more
// rows than several; tiles are of nearly equal height, because low ones are slow. `first`: no
// columns were computed before, so that rows of A may come from memory. If they are adjacent, a
// tile fetches those of the next.
template <typename V, int Count, typename T>
void gemm_column(const GemmArgs<T>& g, GemmTile<T> tile, bool first) {
  constexpr int kRows = Count > 1 ? kMaxRows : kAccumulators < 14 ? kAccumulators : 14;
  constexpr bool kPacked = Count == kTileVectors;
  constexpr int64_t kLines = (kTileVectors * kLanes<T> + kLine<T> - 1) / kLine<T>;  // of a step
  const int64_t tiles = (g.m + kRows - 1) / kRows;
  const T* const next = kPacked && tiles >= kLines ? tile.next : nullptr;
  const bool follows = kPacked && first && g.a_cs == 1 && g.nseg == 1 && g.a_rs == g.klen;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t rows = g.m / tiles + (t < g.m % tiles ? 1 : 0);
    if (kPacked && next != nullptr && t < kLines) {
      tile.next = next + t * g.nseg * g.klen * kLine<T>;
      gemm_rows<V, kRows, Count, kPacked ? Fetch::kNext : Fetch::kNothing>(rows, g, tile);
    } else if (kPacked && next == nullptr && t == 0 && reads_ahead(g)) {
      gemm_rows<V, kRows, Count, kPacked ? Fetch::kAhead : Fetch::kNothing>(rows, g, tile);
    } else if (follows) {
      tile.next = tile.a + rows * g.a_rs;
      gemm_rows<V, kRows, Count, kPacked ? Fetch::kNext : Fetch::kNothing>(rows, g, tile);
    } else {
      gemm_rows<V, kRows, Count, Fetch::kNothing>(rows, g, tile);
    }
    tile.a += rows * g.a_rs;
    tile.c += rows * g.ldc;
  }
}

// Calls the tile of `count` vectors, 1 <= count <= Count.
template <typename T, int Rows, int Count>
PF_INLINE void gemm_vectors(int64_t count, const GemmArgs<T>& g, const GemmTile<T>& tile) {
  if constexpr (Count > 1) {
    if (count < Count) return gemm_vectors<T, Rows, Count - 1>(count, g, tile);
  }
  gemm_tile<Whole<T>, Rows, Count, Fetch::kNothing>(g, tile);
}

// Few rows, 1 <= g.m <= Rows: several panels at once, to hide the latency of the multiply-adds.
template <typename T, int Rows>
void gemm_few_rows(const GemmArgs<T>& g) {
  if constexpr (Rows > 1) {
    if (g.m < Rows) return gemm_few_rows<T, Rows - 1>(g);
  }
  constexpr int kFit = kAccumulators / Rows < 8 ? kAccumulators / Rows : 8;
  constexpr int kPanels = kFit / kTileVectors;
  constexpr int kVectors = kPanels * kTileVectors;
  constexpr int64_t nr = kTileVectors * kLanes<T>;
  for (int64_t j = 0; j < g.n; j += kPanels * nr) {
    const int64_t left = (g.n - j + kLanes<T> - 1) / kLanes<T>;
    const int64_t count = left < kVectors ? left : kVectors;
    const int64_t rest = g.n - j - (count - 1) * kLanes<T>;
    const GemmTile<T> tile{g.a, g.b + (j / nr) * g.b_panel, g.c + j,
                           g.bias == nullptr ? nullptr : g.bias + j,
                           rest < kLanes<T> ? rest : kLanes<T>};
    gemm_vectors<T, Rows, kVectors>(count, g, tile);
  }
}

template <typename T>
void gemm(const GemmArgs<T>& g) {
  constexpr int64_t nr = kTileVectors * kLanes<T>;
  if (g.m <= kFewRows) return gemm_few_rows<T, kFewRows>(g);
  for (int64_t j = 0; j < g.n; j += nr) {
    const int64_t columns = g.n - j < nr ? g.n - j : nr;
    const int64_t vectors = (columns + kLanes<T> - 1) / kLanes<T>;
    const GemmTile<T> tile{
        g.a,
        g.b + (j / nr) * g.b_panel,
        g.c + j,
        g.bias == nullptr ? nullptr : g.bias + j,
        columns - (vectors - 1) * kLanes<T>,
        g.b_next != nullptr && columns < g.n - j ? g.b + (j / nr + 1) * g.b_panel : g.b_next};
    if (columns <= Half<T>::kCount) {
      gemm_column<Half<T>, 1>(g, tile, j == 0);
    } else if (vectors == 1) {
      gemm_column<Whole<T>, 1>(g, tile, j == 0);
    } else if (kLanes<T> > Half<T>::kCount && vectors == 2 && tile.last <= Half<T>::kCount) {
      // One and a half: a whole second vector would cost more than reading A twice.
      GemmTile<T> whole = tile, half = tile;
      whole.last = kLanes<T>;
      half.b += kLanes<T>;
      half.c += kLanes<T>;
      if (half.bias != nullptr) half.bias += kLanes<T>;
      gemm_column<Whole<T>, 1>(g, whole, j == 0);
      gemm_column<Half<T>, 1>(g, half, false);
    } else if (vectors == 2) {
      gemm_column<Whole<T>, 2>(g, tile, j == 0);
    } else {
      gemm_column<Whole<T>, kTileVectors>(g, tile, j == 0);
    }
  }
}
