#include "ops/winograd.h"

#include <memory>

#include "common/dispatch_dtype.h"

namespace pyframe {
namespace {

// Frequencies of inputs and products of a block of tiles should fit the L2 cache beside the
// kernel's panels, if that leaves enough tiles for a product.
constexpr int64_t kBlockBytes = 512 * 1024;
// Where few blocks would all read a kernel of this size, or one from memory, the frequencies of all
// tiles, up to so many bytes of them, are computed in a step of their own; then the filters are
// cut.
constexpr int64_t kLargeKernelBytes = 8 << 20, kSharedKernelBytes = 2 << 20;
constexpr int64_t kSharedBytes = 12 << 20;
// Enough for some threads to end together; where frequencies are shared, tasks of more tiles read
// less of the kernel.
constexpr int64_t kTasks = 16, kSharedTasks = 8;
constexpr int64_t kTileRows = 14;    // of the tallest register tile
constexpr int64_t kMostTiles = 112;  // of a block

// What a thread does at a time: `tiles` tiles, `columns` filters.
struct WinogradBlocks {
  int64_t tiles, columns;
  bool shared;  // the frequencies of all tiles are there
};

template <typename T>
class Winograd {
 public:
  Winograd(const KernelTable<T>* kernel, const WinogradGrid& grid, int64_t tiles,
           const WinogradBlocks& blocks, bool pooled)
      : kernel_(kernel),
        transforms_(grid.results == 2 ? kernel->winograd_2x2 : kernel->winograd_4x4),
        g_(grid),
        pooled_(pooled),
        blocks_(blocks),
        u_(grid.frequencies(), ceil_div(blocks.columns, kernel->nr) * grid.in_c, kernel->nr,
           kernel->nr),
        v_(grid.frequencies(), blocks.shared ? tiles : blocks.tiles, grid.in_c, kernel->lanes),
        m_(grid.frequencies(), blocks.tiles, blocks.columns, kernel->lanes) {}

  const WinogradBlocks& blocks() const { return blocks_; }
  const WinogradGrid& grid() const { return g_; }
  const WinogradTransforms<T>& transforms() const { return transforms_; }
  const FrequencyLayout& u() const { return u_; }
  const FrequencyLayout& v() const { return v_; }
  size_t workspace() const {
    return static_cast<size_t>((blocks_.shared ? 0 : v_.size()) + m_.size()) * sizeof(T);
  }

  // Tiles, which are counted over all images, [t0, t1) to frequencies.
  void transform(const T* in, int64_t t0, int64_t t1, T* v) const {
    const TiledImages images{g_.in_h,  g_.in_w,    g_.in_pitch, g_.pad_h,
                             g_.pad_w, g_.cells(), g_.results};
    for (int64_t t = t0; t < t1; ++t, v += v_.row)
      transform_tile(transforms_.input, in, images, g_.tiles_h(), g_.tiles_w(), t, 0, g_.in_c, v,
                     v_.pitch);
  }

  // Columns [k0, k1) of tiles [t0, t1), from their frequencies v.
  void multiply(const T* v, const T* u, const T* bias, T* out, const RowEpilogue<T>& epilogue,
                int64_t t0, int64_t t1, int64_t k0, int64_t k1, T* m) const {
    const int64_t n = k1 - k0;
    for (int64_t f = 0; f < g_.frequencies(); ++f) {
      const T* panel = u + k0 / blocks_.columns * u_.size() + f * u_.pitch;
      GemmB<T> b = GemmB<T>::packed(panel, g_.in_c, kernel_->nr);
      if (f + 1 < g_.frequencies()) b.next = panel + u_.pitch;
      gemm_blocked(*kernel_, t1 - t0, n, g_.in_c, v + f * v_.pitch, v_.row, 1, b, m + f * m_.pitch,
                   m_.row, false, nullptr, false);
    }
    for (int64_t t = t0; t < t1; ++t)
      output(m + (t - t0) * m_.row, t, k0, n, bias == nullptr ? nullptr : bias + k0, out, epilogue);
  }

  // Both; `shared` are the frequencies of all tiles, if there are any.
  void run(const T* in, const T* shared, const T* u, const T* bias, T* out,
           const RowEpilogue<T>& epilogue, int64_t t0, int64_t t1, int64_t k0, int64_t k1,
           T* workspace) const {
    if (shared != nullptr)
      return multiply(shared + t0 * v_.row, u, bias, out, epilogue, t0, t1, k0, k1, workspace);
    transform(in, t0, t1, workspace);
    multiply(workspace, u, bias, out, epilogue, t0, t1, k0, k1, workspace + v_.size());
  }

 private:
  void output(const T* m, int64_t t, int64_t k0, int64_t n, const T* bias, T* out,
              const RowEpilogue<T>& epilogue) const {
    const int64_t image = t / g_.tiles(), top = t % g_.tiles() / g_.tiles_w() * g_.results;
    const int64_t left = t % g_.tiles_w() * g_.results, size = pooled_ ? 2 : 1;
    const int64_t pitch = g_.out_w / size * g_.out_pitch;
    const int64_t rows = std::min(g_.results, g_.out_h - top);
    const int64_t columns = std::min(g_.results, g_.out_w - left);
    T* y = out + (image * g_.out_h + top) / size * pitch + left / size * g_.out_pitch + k0;
    const auto transform = pooled_ ? transforms_.pooled_output : transforms_.output;
    transform(m, m_.pitch, n, bias, epilogue.relu, y, pitch, g_.out_pitch, rows, columns);
    if (!epilogue.is_pass()) return;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) epilogue.apply(y + i * pitch + j * g_.out_pitch, n);
  }

  const KernelTable<T>* kernel_;
  WinogradTransforms<T> transforms_;
  WinogradGrid g_;
  bool pooled_;  // the result is the largest of each 2 x 2 cells
  WinogradBlocks blocks_;
  FrequencyLayout u_, v_, m_;
};

// Adds the step that transforms the kernel and packs each frequency in panels for the product. What
// a task reads of it lies in one piece, in the order in which it is read.
template <typename T>
TensorId lower_kernel(Lowering& l, TensorId w, const Conv2D& conv, const Winograd<T>& engine,
                      bool backward) {
  const KernelTable<T>* kernel = &kernels<T>();
  const FrequencyLayout u = engine.u();
  const auto transform = engine.transforms().kernel;
  const int64_t nr = kernel->nr, cell = conv.in_c * conv.out_c;
  const int64_t depth = backward ? conv.out_c : conv.in_c;
  const int64_t columns = backward ? conv.in_c : conv.out_c;
  const int64_t rs = backward ? 1 : conv.out_c, cs = backward ? conv.out_c : 1;
  constexpr int64_t kRows = 16, kTaskRows = 64;  // packed at a time; of one task
  const int64_t parts = ceil_div(depth, kTaskRows), width = engine.blocks().columns;
  const int64_t size = ceil_div(columns, width) * u.size();
  const TensorId packed = l.temp({{size}, l.dtype()});
  l.tasks("winograd_kernel", ceil_div(columns, nr) * parts, {read_whole(w), write_whole(packed)},
          size,
          [=](const Call& c) {
            T* buffer = reinterpret_cast<T*>(c.workspace);
            for (int64_t task = c.begin; task < c.end; ++task) {
              const int64_t column = task / parts * nr;
              T* out = c.at<T>(1) + column / width * u.size() + column % width * depth;
              const int64_t end = (task % parts + 1) * kTaskRows;
              for (int64_t k = end - kTaskRows; k < std::min(depth, end); k += kRows) {
                const int64_t rows = std::min(kRows, depth - k);
                // The gradient of the input meets the kernel's taps in reverse.
                for (int64_t tap = 0; tap < 9; ++tap)
                  kernel->pack_b(c.at<T>(0) + tap * cell + k * rs + column * cs, rs, cs, rows,
                                 std::min(nr, columns - column),
                                 buffer + (backward ? 8 - tap : tap) * kRows * nr);
                transform(buffer, kRows * nr, rows * nr, out + k * nr, u.pitch);
              }
            }
          })
      .workspace = static_cast<size_t>(9 * kRows * nr) * sizeof(T);
  return packed;
}

// Blocks for `tiles` tiles that are worked on in a row.
WinogradBlocks row_blocks(const WinogradGrid& g, int64_t tiles, int64_t element) {
  const int64_t kernel_bytes = g.frequencies() * g.in_c * g.out_c * element;
  const int64_t fitting = kBlockBytes / (g.frequencies() * (g.in_c + g.out_c) * element);
  // A block reads the whole kernel, which pays from some number of tiles on.
  const int64_t least = kernel_bytes < kLargeKernelBytes ? 2 * kTileRows : 4 * kTileRows;
  const int64_t blocks = ceil_div(tiles, std::max(least, std::min(fitting, kMostTiles)));
  return {ceil_div(tiles, blocks), g.out_c, false};
}

// Blocks for `tiles` tiles that threads share.
WinogradBlocks task_blocks(const WinogradGrid& g, int64_t tiles, int64_t nr, int64_t element) {
  const int64_t cell = g.frequencies() * element;
  const bool shared =
      cell * g.in_c * g.out_c >= kSharedKernelBytes && cell * g.in_c * tiles <= kSharedBytes;
  const int64_t columns = shared ? std::min(g.out_c, round_up(int64_t{32}, nr)) : g.out_c;
  const int64_t parts = ceil_div(g.out_c, columns);
  const int64_t most = std::max(
      kTileRows, std::min(kBlockBytes / (cell * ((shared ? 0 : g.in_c) + columns)), kMostTiles));
  const int64_t wanted =
      std::min(ceil_div(shared ? kSharedTasks : kTasks, parts), ceil_div(tiles, kTileRows));
  return {ceil_div(tiles, std::max(ceil_div(tiles, most), wanted)), columns, shared};
}

// Adds the step that computes the frequencies of all tiles.
template <typename T>
TensorId lower_input(Lowering& l, TensorId x, int64_t tiles,
                     const std::shared_ptr<const Winograd<T>>& engine) {
  const TensorId v = l.temp({{engine->v().size()}, l.dtype()});
  const int64_t tasks = std::min(tiles, kTasks);
  l.tasks("winograd_input", tasks, {read_whole(x), write_whole(v)}, engine->v().size(),
          [=](const Call& c) {
            const int64_t t0 = c.begin * tiles / tasks, t1 = c.end * tiles / tasks;
            engine->transform(c.at<T>(0), t0, t1, c.at<T>(1) + t0 * engine->v().row);
          });
  return v;
}

template <typename T>
void lower_steps(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv,
                 bool backward, int64_t results) {
  const KernelTable<T>* kernel = &kernels<T>();
  const WinogradGrid grid = winograd_grid(conv, backward, results);
  const int64_t tiles = grid.tiles(), total = conv.batch * tiles;
  const int64_t lane_rows = ceil_div(conv.batch, l.lanes(conv.batch));
  const bool split = l.few_rows(conv.batch, conv.macs()) || lane_rows * tiles < 2 * kTileRows;
  const WinogradBlocks blocks = split ? task_blocks(grid, total, kernel->nr, sizeof(T))
                                      : row_blocks(grid, lane_rows * tiles, sizeof(T));
  const bool pooled = l.epilogue() != nullptr && l.epilogue()->pooled;
  const auto engine = std::make_shared<const Winograd<T>>(kernel, grid, total, blocks, pooled);
  const TensorId u = lower_kernel<T>(l, w, conv, *engine, backward);
  if (blocks.shared) x = lower_input<T>(l, x, total, engine);
  const bool has_bias = bias != kNoTensor;
  const RowEpilogue<T> epilogue(l.epilogue());
  std::vector<Operand> operands = {split ? read_whole(x) : read(x), read_whole(u),
                                   split ? write_whole(l.y()) : write(l.y())};
  if (has_bias) operands.push_back(read_whole(bias));
  const int residual = add_residual(l, operands, split);
  const auto run = [=](const Call& c, int64_t t0, int64_t t1, int64_t k0, int64_t k1) {
    engine->run(c.at<T>(0), blocks.shared ? c.at<T>(0) : nullptr, c.at<T>(1),
                has_bias ? c.at<T>(3) : nullptr, c.at<T>(2), epilogue.of(c, 2, residual), t0, t1,
                k0, k1, reinterpret_cast<T*>(c.workspace));
  };
  const std::string name = l.def().name + (results == 2 ? ".winograd_2x2" : ".winograd");
  const int64_t columns = grid.out_c;
  Step* step;
  if (split) {
    const int64_t parts = ceil_div(columns, blocks.columns);
    step = &l.tasks(name.c_str(), ceil_div(total, blocks.tiles) * parts, std::move(operands),
                    conv.macs(), [=](const Call& c) {
                      for (int64_t t = c.begin; t < c.end; ++t) {
                        const int64_t t0 = t / parts * blocks.tiles,
                                      k0 = t % parts * blocks.columns;
                        run(c, t0, std::min(total, t0 + blocks.tiles), k0,
                            std::min(columns, k0 + blocks.columns));
                      }
                    });
  } else {
    step = &l.rows(name.c_str(), conv.batch, std::move(operands), conv.macs(), [=](const Call& c) {
      const int64_t end = c.count() * tiles;
      const int64_t block = ceil_div(end, ceil_div(end, blocks.tiles));
      for (int64_t t = 0; t < end; t += block) run(c, t, std::min(end, t + block), 0, columns);
    });
    step->preferred_rows = ceil_div(blocks.tiles, tiles);
  }
  step->workspace = engine->workspace();
}

}  // namespace

WinogradGrid winograd_grid(const Conv2D& conv, bool backward, int64_t results) {
  const Window &h = conv.h, &w = conv.w;
  if (backward)
    return {results,   h.out,     w.out,     conv.out_c,     h.in,         w.in,
            conv.in_c, 2 - h.pad, 2 - w.pad, conv.out_pitch, conv.in_pitch};
  return {results,    h.in,  w.in,  conv.in_c,     h.out,         w.out,
          conv.out_c, h.pad, w.pad, conv.in_pitch, conv.out_pitch};
}

void lower_winograd(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv,
                    bool backward, int64_t results) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_steps<typename decltype(tag)::type>(l, x, w, bias, conv, backward, results);
  });
}

}  // namespace pyframe
