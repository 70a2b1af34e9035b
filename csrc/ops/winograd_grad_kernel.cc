// Gradient of a 3 x 3 kernel by Winograd's F(3x3, 4x4): the 4 x 4 tiles of dy are the filters, the
// same 6 x 6 tiles of x as in the forward direction the inputs. A frequency of the result is the
// product of x's and dy's matrices of that frequency, summed over all tiles; only the sum is
// transformed back.
#include <memory>

#include "common/dispatch_dtype.h"
#include "ops/reduce.h"
#include "ops/winograd.h"

namespace pyframe {
namespace {

constexpr int64_t kLaneBytes = int64_t{4} << 20;  // private copies of dw, all lanes together
constexpr int64_t kBlockTiles = 64;
// Channels and filters of a task: the frequencies of their gradient, 2.3 MB in float32, are read
// and written once for every block of tiles.
constexpr int64_t kBlockChannels = 128;
constexpr int64_t kTasks = 8;

template <typename T>
class WinogradGradient {
 public:
  WinogradGradient(const KernelTable<T>* kernel, const WinogradGrid& grid, int64_t tiles,
                   int64_t channels, int64_t filters)
      : kernel_(kernel),
        g_(grid),
        tiles_(tiles),
        v_(grid.frequencies(), tiles, channels, kernel->lanes),
        d_(grid.frequencies(), tiles, filters, kernel->lanes),
        u_(grid.frequencies(), channels, filters, kernel->lanes) {}

  size_t workspace() const {
    return static_cast<size_t>(v_.size() + d_.size() + u_.size()) * sizeof(T);
  }

  // The share of tiles [t0, t1) in channels [c0, c1) x filters [k0, k1) of dw.
  void run(const T* x, const T* dy, T* dw, bool accumulate, int64_t t0, int64_t t1, int64_t c0,
           int64_t c1, int64_t k0, int64_t k1, T* workspace) const {
    static constexpr int64_t kZero[1] = {0};
    T *v = workspace, *d = v + v_.size(), *u = d + d_.size();
    const TiledImages cells{g_.in_h,  g_.in_w,    g_.in_pitch, g_.pad_h,
                            g_.pad_w, g_.cells(), g_.results};
    const TiledImages results{g_.out_h, g_.out_w, g_.out_pitch, 0, 0, g_.results, g_.results};
    const int64_t block = ceil_div(t1 - t0, ceil_div(t1 - t0, tiles_));
    for (int64_t b = t0; b < t1; b += block) {
      const int64_t count = std::min(block, t1 - b);
      for (int64_t t = 0; t < count; ++t) {
        transform_tile(kernel_->winograd_4x4.input, x, cells, g_.tiles_h(), g_.tiles_w(), b + t, c0,
                       c1 - c0, v + t * v_.row, v_.pitch);
        transform_tile(kernel_->winograd_gradient, dy, results, g_.tiles_h(), g_.tiles_w(), b + t,
                       k0, k1 - k0, d + t * d_.row, d_.pitch);
      }
      for (int64_t f = 0; f < g_.frequencies(); ++f)
        kernel_->gemm({c1 - c0, k1 - k0, 1, count, v + f * v_.pitch, 1, v_.row, kZero,
                       d + f * d_.pitch, kernel_->nr, d_.row, kZero, u + f * u_.pitch, u_.row,
                       b > t0, nullptr, false});
    }
    for (int64_t c = c0; c < c1; ++c)
      kernel_->winograd_kernel_gradient(u + (c - c0) * u_.row, u_.pitch, k1 - k0,
                                        dw + c * g_.out_c + k0, g_.in_c * g_.out_c, accumulate);
  }

 private:
  const KernelTable<T>* kernel_;
  WinogradGrid g_;
  int64_t tiles_;  // of a block
  FrequencyLayout v_, d_, u_;
};

template <typename T>
void lower_steps(Lowering& l, const Conv2D& conv) {
  const KernelTable<T>* kernel = &kernels<T>();
  const WinogradGrid grid = winograd_grid(conv, false, 4);
  const int64_t size = element_count(l.y_shape()), lanes = l.lanes(conv.batch);
  const int64_t tiles = grid.tiles(), total = conv.batch * tiles;
  const int64_t lane_tiles = ceil_div(conv.batch, lanes) * tiles;
  const char* name = "conv2d_grad_kernel.winograd";
  if (!l.few_rows(conv.batch, conv.macs()) && lane_tiles >= kBlockTiles &&
      (lanes == 1 || lanes * size * static_cast<int64_t>(sizeof(T)) <= kLaneBytes)) {
    const auto engine = std::make_shared<const WinogradGradient<T>>(kernel, grid, kBlockTiles,
                                                                    grid.in_c, grid.out_c);
    const TensorId dw = lanes == 1 ? l.y() : l.lane_temp({l.y_shape(), l.dtype()}, conv.batch);
    Step& step = l.rows(name, conv.batch, {read(l.x(0)), read(l.x(1)), write_lane(dw)}, conv.macs(),
                        [=](const Call& c) {
                          engine->run(c.at<T>(0), c.at<T>(1), c.at<T>(2), !c.first_in_lane, 0,
                                      c.count() * tiles, 0, grid.in_c, 0, grid.out_c,
                                      reinterpret_cast<T*>(c.workspace));
                        });
    step.workspace = engine->workspace();
    step.preferred_rows = ceil_div(kBlockTiles, tiles);
    if (lanes > 1) lower_lane_sum(l, dw, lanes, size, l.y());
    return;
  }
  // Blocks of dw times pieces of the tiles, each piece with its own copy of dw.
  const auto part = [](int64_t n) { return ceil_div(n, ceil_div(n, kBlockChannels)); };
  const int64_t channels = part(grid.in_c), filters = round_up(part(grid.out_c), kernel->nr);
  const int64_t c_parts = ceil_div(grid.in_c, channels), k_parts = ceil_div(grid.out_c, filters);
  const int64_t pieces =
      std::max<int64_t>(1, std::min(ceil_div(kTasks, c_parts * k_parts), total / kBlockTiles));
  const auto engine = std::make_shared<const WinogradGradient<T>>(
      kernel, grid, std::min(kBlockTiles, total), channels, filters);
  const TensorId dw = pieces == 1 ? l.y() : l.temp({{pieces * size}, l.dtype()});
  l.tasks(name, pieces * c_parts * k_parts,
          {read_whole(l.x(0)), read_whole(l.x(1)), write_whole(dw)}, conv.macs(),
          [=](const Call& c) {
            for (int64_t task = c.begin; task < c.end; ++task) {
              const int64_t piece = task / (c_parts * k_parts);
              const int64_t c0 = task / k_parts % c_parts * channels, k0 = task % k_parts * filters;
              engine->run(c.at<T>(0), c.at<T>(1), c.at<T>(2) + piece * size, false,
                          piece * total / pieces, (piece + 1) * total / pieces, c0,
                          std::min(grid.in_c, c0 + channels), k0,
                          std::min(grid.out_c, k0 + filters), reinterpret_cast<T*>(c.workspace));
            }
          })
      .workspace = engine->workspace();
  if (pieces > 1) lower_lane_sum(l, dw, pieces, size, l.y());
}

}  // namespace

void lower_winograd_grad_kernel(Lowering& l, const Conv2D& conv) {
  dispatch_float(l.dtype(), [&](auto tag) { lower_steps<typename decltype(tag)::type>(l, conv); });
}

}  // namespace pyframe
