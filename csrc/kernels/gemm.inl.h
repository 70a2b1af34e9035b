// The matrix product: register tiles of Rows x (Panels * Vectors) vectors, C += A B over
// segments. Every element of C is one chain of multiply-adds in the order of (s, k), whatever
// the tile: results do not depend on how the caller cuts m and n.

// One tile. `last` is the number of columns in the last vector (1 .. lanes).
template <typename T>
struct GemmTile {
  const T* a;
  const T* b;
  T* c;
  const T* bias;
  int64_t last;
};

// Row i of A is read at one of 3 pointers (rows 0, 5, 10) plus 0 .. 4 strides, which x86 can
// address with 2 more registers. All loops over rows and vectors must be unrolled completely:
// otherwise the accumulators live in memory.
template <typename T, int Rows, int Vectors, int Panels>
__attribute__((noinline)) void gemm_tile(const GemmArgs<T>& g, const GemmTile<T>& tile) {
  constexpr int kCount = Vectors * Panels;
  constexpr int64_t kPanel = kTileVectors * kLanes<T>;
  Vec<T> acc[Rows][kCount];
  PF_UNROLL
  for (int i = 0; i < Rows; ++i) {
    __builtin_prefetch(tile.c + i * g.ldc, 1);
    PF_UNROLL
    for (int j = 0; j < kCount; ++j) acc[i][j] = Vec<T>{};
  }
  const int64_t rs = g.a_rs * static_cast<int64_t>(sizeof(T));
  const int64_t rs3 = 3 * rs;
  const int64_t a_step = g.a_cs, b_step = g.b_ks, b_panel = g.b_panel;
  for (int64_t s = 0; s < g.nseg; ++s) {
    const T* a0 = tile.a + g.a_seg[s];
    const T* a5 = a0 + 5 * g.a_rs;
    const T* a10 = a5 + 5 * g.a_rs;
    const T* b = tile.b + g.b_seg[s];
    for (int64_t k = g.klen; k > 0; --k) {
      Vec<T> row[kCount];
      PF_UNROLL
      for (int j = 0; j < kCount; ++j) {
        row[j] = load<T>(b + (j / Vectors) * b_panel + (j % Vectors) * kLanes<T>);
      }
      PF_UNROLL
      for (int i = 0; i < Rows; ++i) {
        const char* base = reinterpret_cast<const char*>(i < 5 ? a0 : i < 10 ? a5 : a10);
        const int64_t offset = i % 5 == 3 ? rs3 : (i % 5) * rs;
        const Vec<T> x = splat<T>(*reinterpret_cast<const T*>(base + offset));
        PF_UNROLL
        for (int j = 0; j < kCount; ++j) acc[i][j] += x * row[j];
      }
      a0 += a_step;
      if (Rows > 5) a5 += a_step;
      if (Rows > 10) a10 += a_step;
      b += b_step;
    }
  }
  PF_UNROLL
  for (int i = 0; i < Rows; ++i) {
    PF_UNROLL
    for (int j = 0; j < kCount; ++j) {
      const int64_t column = (j / Vectors) * kPanel + (j % Vectors) * kLanes<T>;
      T* c = tile.c + i * g.ldc + column;
      const bool part = j == kCount - 1 && tile.last < kLanes<T>;
      Vec<T> v = acc[i][j];
      if (g.accumulate) v += part ? load_part<T>(c, tile.last) : load<T>(c);
      if (tile.bias != nullptr) v += load<T>(tile.bias + column);
      if (g.relu) v = at_least<T>(v, Vec<T>{});
      if (part) {
        store_part<T>(c, v, tile.last);
      } else {
        store<T>(c, v);
      }
    }
  }
}

// Calls the tile of `rows` rows, 1 <= rows <= Rows.
template <typename T, int Rows, int Vectors, int Panels>
PF_INLINE void gemm_rows(int64_t rows, const GemmArgs<T>& g, const GemmTile<T>& tile) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return gemm_rows<T, Rows - 1, Vectors, Panels>(rows, g, tile);
  }
  gemm_tile<T, Rows, Vectors, Panels>(g, tile);
}

template <typename T, int Vectors>
void gemm_any_rows(int64_t rows, const GemmArgs<T>& g, const GemmTile<T>& tile) {
  gemm_rows<T, kMaxRows, Vectors, 1>(rows, g, tile);
}

// Few rows: as many panels at once as the accumulators allow, to hide the latency of the
// multiply-adds. Returns the number of columns done; the rest is left to gemm.
template <typename T, int Rows>
PF_INLINE int64_t gemm_few_rows(const GemmArgs<T>& g) {
  constexpr int kFit = kAccumulators / (Rows * kTileVectors);
  constexpr int kPanels = kFit > 4 ? 4 : kFit;
  if constexpr (kPanels > 1) {
    constexpr int64_t nr = kTileVectors * kLanes<T>;
    int64_t j = 0;
    for (; j + kPanels * nr <= g.n; j += kPanels * nr) {
      const GemmTile<T> tile{g.a, g.b + (j / nr) * g.b_panel, g.c + j,
                             g.bias == nullptr ? nullptr : g.bias + j, kLanes<T>};
      gemm_tile<T, Rows, kTileVectors, kPanels>(g, tile);
    }
    return j;
  }
  return 0;
}

template <typename T>
void gemm(const GemmArgs<T>& g) {
  constexpr int64_t nr = kTileVectors * kLanes<T>;
  int64_t j = 0;
  if (g.m == 1) j = gemm_few_rows<T, 1>(g);
  if (g.m == 2) j = gemm_few_rows<T, 2>(g);
  if (g.m == 3) j = gemm_few_rows<T, 3>(g);
  if (g.m == 4) j = gemm_few_rows<T, 4>(g);
  // Tiles of nearly equal height, because low ones are slow.
  const int64_t tiles = (g.m + kMaxRows - 1) / kMaxRows;
  for (; j < g.n; j += nr) {
    const int64_t columns = g.n - j < nr ? g.n - j : nr;
    const int64_t vectors = (columns + kLanes<T> - 1) / kLanes<T>;
    GemmTile<T> tile{g.a, g.b + (j / nr) * g.b_panel, g.c + j,
                     g.bias == nullptr ? nullptr : g.bias + j, columns - (vectors - 1) * kLanes<T>};
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t rows = g.m / tiles + (t < g.m % tiles ? 1 : 0);
      if (vectors == 1) {
        gemm_any_rows<T, 1>(rows, g, tile);
      } else if (vectors == 2) {
        gemm_any_rows<T, 2>(rows, g, tile);
      } else {
        gemm_any_rows<T, kTileVectors>(rows, g, tile);
      }
      tile.a += rows * g.a_rs;
      tile.c += rows * g.ldc;
    }
  }
}
