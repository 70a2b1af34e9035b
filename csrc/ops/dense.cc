// Dense layer products: x (..., K) times w (K, N), its two gradients, and bias gradients.
#include "ops/dense.h"

#include "common/dispatch_dtype.h"
#include "ops/gemm.h"
#include "ops/gradient_tile.h"
#include "ops/reduce.h"

namespace pyframe {
namespace {

// Private dw copies of all lanes together may take this much; larger gradients are computed in
// tiles of dw instead, each over all rows.
constexpr int64_t kLaneBytes = int64_t{2} << 20;
// With fewer rows a lane the sums of a gradient pass through the cache more often than they gain.
constexpr int64_t kLaneRows = 64;
// Fewer rows than this do not pay for packing w.
constexpr int64_t kPackRows = 12;
// Columns from which on a product that packs its weights copies rows of x that share few sets.
constexpr int64_t kPackedColumns = 64;
constexpr int64_t kPackedDepth = 512;  // rows of weights that it packs at a time
// Weights above this size are worth sharing between many rows once they are in the cache.
constexpr int64_t kHeavyWeights = 16384;
// Weights above this size leave the cache: they should pass through it once a step, not once a
// lane.
constexpr int64_t kStreamedWeights = 262144;

DenseShape dense_shape(const Shape& x, const Shape& w) {
  DenseShape s;
  s.lead = x[0];
  s.k = w[0];
  s.n = w[1];
  s.per_lead = 1;
  for (size_t i = 1; i + 1 < x.size(); ++i) s.per_lead *= x[i];
  return s;
}

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs float tensors.");
  c.require(c.rank(0) >= 2 && c.rank(1) == 2, "needs x (..., K) and a kernel (K, N).");
  c.require(c.shape(0).back() == c.shape(1)[0], "kernel expects ", c.shape(1)[0], " features, got ",
            c.shape(0).back(), ".");
  for (size_t i = 1; i < c.count(); ++i)
    c.require(c.inputs[i].dtype == c.inputs[0].dtype, "operands have different dtypes.");
  if (c.count() == 3)
    c.require(c.rank(2) == 1 && c.shape(2)[0] == c.shape(1)[1], "bias must have the shape (",
              c.shape(1)[1], ",).");
  TensorSpec out = c.inputs[0];
  out.shape.back() = c.shape(1)[1];
  return {out};
}

int64_t work(const OpContext& c) { return element_count(c.shape(0)) * c.shape(1)[1]; }

// Up to this many rows the product only waits for the weights.
constexpr int64_t kStreamRows = 4;

// y = x w (+ bias, epilogue) for few rows and weights from beyond the caches. Memory is quickest
// with whole rows of w, one after the other: a task takes adjacent rows from end to end, and the
// sums of the tasks are added in order.
template <typename T>
void lower_stream(Lowering& l, TensorId x, TensorId w, TensorId bias, const DenseShape& s,
                  TensorId y) {
  constexpr int64_t kParts = 16;
  // Rows of w at a time: a stream each for the prefetcher, or more if they are short.
  const int64_t stride = round_up(std::max<int64_t>(8, 2048 / s.n), 8);
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t m = s.rows(), k = s.k, n = s.n, nr = kernel->nr, ldx = l.pitch(x), ldy = l.pitch(y);
  const int64_t depth = round_up(ceil_div(k, kParts), stride), parts = ceil_div(k, depth);
  const TensorId sums = l.temp({{parts, m, n}, l.dtype()});
  l.tasks(l.def().name.c_str(), parts, {read_whole(x), read_whole(w), write_whole(sums)}, m * k * n,
          [=](const Call& c) {
            static constexpr int64_t kZero[1] = {0};
            const int64_t first = c.begin * depth, last = std::min(k, c.end * depth);
            T* part = c.at<T>(2) + c.begin * m * n;
            for (int64_t i = first; i < last; i += stride)
              kernel->gemm({m, n, 1, std::min(stride, last - i), c.at<T>(0) + i, ldx, 1, kZero,
                            c.at<T>(1) + i * n, nr, n, kZero, part, n, i > first, nullptr, false});
          });
  const RowEpilogue<T> epilogue(l.epilogue());
  std::vector<Operand> operands = {read_whole(sums), write_whole(y)};
  const bool has_bias = bias != kNoTensor;
  if (has_bias) operands.push_back(read_whole(bias));
  l.tasks("sum_parts", m, std::move(operands), parts * m * n, [=](const Call& c) {
    T* row = c.at<T>(1) + c.begin * ldy;
    kernel->column_sum(c.at<T>(0) + c.begin * n, parts, n, m * n, row, false);
    if (has_bias) kernel->binary[static_cast<int>(Binary::k_add)](row, c.at<T>(2), row, n, 1, 1);
    if (epilogue.relu) kernel->unary[static_cast<int>(Unary::k_relu)](row, row, n, nullptr);
    epilogue.apply(row, n);
  });
}

// The same as lower_product for weights that change in every step and are read once in it: each
// task packs a block of its columns and multiplies with it while it is in the cache.
template <typename T>
void lower_packing(Lowering& l, TensorId x, TensorId w, TensorId bias, const DenseShape& s,
                   TensorId y) {
  const KernelTable<T>* kernel = &kernels<T>();
  const RowEpilogue<T> epilogue(l.epilogue());
  const int64_t rows = s.rows(), k = s.k, n = s.n, nr = kernel->nr;
  const int64_t ldx = l.pitch(x), ldy = l.pitch(y);
  // Wide enough that w is read in runs.
  const int64_t group = std::clamp(round_up(ceil_div(n, 8), nr), round_up(int64_t{64}, nr),
                                   round_up(int64_t{256}, nr));
  const int64_t block = gemm_block_k(k, kPackedDepth);
  const bool has_bias = bias != kNoTensor;
  const GemmCopy copy = GemmCopy::of(*kernel, group, block, ldx, 1, kPackedColumns);
  std::vector<Operand> operands = {read_whole(x), read_whole(w), write_whole(y)};
  if (has_bias) operands.push_back(read_whole(bias));
  l.tasks(l.def().name.c_str(), ceil_div(n, group), std::move(operands), rows * k * n,
          [=](const Call& c) {
            T* panels = reinterpret_cast<T*>(c.workspace + copy.bytes);
            const int64_t j = c.begin * group, columns = std::min(n, c.end * group) - j;
            for (int64_t begin = 0; begin < k; begin += block) {
              const int64_t depth = std::min(block, k - begin);
              const bool last = begin + depth == k;
              kernel->pack_b(c.at<T>(1) + begin * n + j, n, 1, depth, columns, panels);
              gemm_blocked(*kernel, rows, columns, depth, c.at<T>(0) + begin, ldx, 1,
                           GemmB<T>::packed(panels, depth, nr), c.at<T>(2) + j, ldy, begin > 0,
                           last && has_bias ? c.at<T>(3) + j : nullptr, last && epilogue.relu, copy,
                           c.workspace);
            }
            for (int64_t i = 0; i < rows; ++i) epilogue.apply(c.at<T>(2) + i * ldy + j, columns);
          })
      .workspace = copy.bytes + static_cast<size_t>(block * group) * sizeof(T);
}

// dx = dy w^T as the transposed of w dy^T, for weights that are read once: w is used as it lies,
// and what is transposed are the few rows of dy and dx.
template <typename T>
void lower_turned(Lowering& l, TensorId dy, TensorId w, const DenseShape& s, TensorId dx) {
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t rows = s.rows(), k = s.k, n = s.n, ldx = l.pitch(dx);
  const TensorId b = lower_pack(l, dy, k, rows, 1, l.pitch(dy));
  const int64_t group = std::clamp<int64_t>(ceil_div(n, 16), 64, 128);
  const GemmCopy copy = GemmCopy::of(*kernel, rows, k, k, 1, kPackedColumns);
  l.tasks(l.def().name.c_str(), ceil_div(n, group), {read_whole(b), read_whole(w), write_whole(dx)},
          rows * k * n,
          [=](const Call& c) {
            T* turned = reinterpret_cast<T*>(c.workspace + copy.bytes);
            const int64_t j = c.begin * group, columns = std::min(n, c.end * group) - j;
            gemm_blocked(*kernel, columns, rows, k, c.at<T>(1) + j * k, k, 1,
                         GemmB<T>::packed(c.at<T>(0), k, kernel->nr), turned, rows, false, nullptr,
                         false, copy, c.workspace);
            kernel->deinterleave(turned, columns, columns, rows, c.at<T>(2) + j, ldx);
          })
      .workspace = copy.bytes + static_cast<size_t>(group * rows) * sizeof(T);
}

// y = x B (+ bias, epilogue) with B(k, n) = w[k * rs + n * cs]; used for y = x w and dx = dy w^T.
template <typename T>
void lower_product(Lowering& l, TensorId x, TensorId w, TensorId bias, const DenseShape& s,
                   int64_t rs, int64_t cs, TensorId y) {
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t rows = s.lead * s.per_lead, macs = rows * s.k * s.n;
  if (cs == 1 && rows <= kStreamRows && s.k * s.n > kStreamedWeights)
    return lower_stream<T>(l, x, w, bias, s, y);
  if (streams_weights(l, s) && rows >= kPackRows && !l.is_fixed(w))
    return cs == 1 ? lower_packing<T>(l, x, w, bias, s, y) : lower_turned<T>(l, x, w, s, y);
  const bool plain = cs == 1 && (rows < kPackRows || (s.k * s.n <= kHeavyWeights));
  const TensorId b = plain ? w : lower_pack(l, w, s.k, s.n, rs, cs);
  const int64_t nr = kernel->nr;
  const RowEpilogue<T> epilogue(l.epilogue());
  const int64_t k = s.k, n = s.n, per_lead = s.per_lead, ldx = l.pitch(x), ldy = l.pitch(y);
  const bool has_bias = bias != kNoTensor;
  const auto matrix = [=](const T* data) {
    return plain ? GemmB<T>::plain(data, rs, nr) : GemmB<T>::packed(data, k, nr);
  };
  if (streams_weights(l, s) || l.few_rows(s.lead, macs)) {
    // Cut the columns: every task reads its part of the weights once.
    const int64_t group = std::clamp(round_up(ceil_div(n, 16), nr), nr, 8 * nr);
    const GemmCopy copy = GemmCopy::of(*kernel, std::min(n, group), k, ldx, 1);
    std::vector<Operand> operands = {read_whole(x), read_whole(b), write_whole(y)};
    if (has_bias) operands.push_back(read_whole(bias));
    Step& step = l.tasks(
        l.def().name.c_str(), ceil_div(n, group), std::move(operands), macs, [=](const Call& c) {
          const int64_t j = c.begin * group;
          const int64_t columns = std::min(n, c.end * group) - j;
          GemmB<T> part = matrix(c.at<T>(1));
          part.data += j / nr * part.panel;
          gemm_blocked(*kernel, rows, columns, k, c.at<T>(0), ldx, 1, part, c.at<T>(2) + j, ldy,
                       false, has_bias ? c.at<T>(3) + j : nullptr, epilogue.relu, copy,
                       c.workspace);
          for (int64_t i = 0; i < rows; ++i) epilogue.apply(c.at<T>(2) + i * ldy + j, columns);
        });
    step.workspace = copy.bytes;
    return;
  }
  const GemmCopy copy = GemmCopy::of(*kernel, n, k, ldx, 1);
  std::vector<Operand> operands = {read(x), read_whole(b), write(y)};
  if (has_bias) operands.push_back(read_whole(bias));
  Step& step = l.rows(l.def().name.c_str(), s.lead, std::move(operands), macs, [=](const Call& c) {
    const int64_t m = c.count() * per_lead;
    T* out = c.at<T>(2);
    gemm_blocked(*kernel, m, n, k, c.at<T>(0), ldx, 1, matrix(c.at<T>(1)), out, ldy, false,
                 has_bias ? c.at<T>(3) : nullptr, epilogue.relu, copy, c.workspace);
    epilogue.apply_rows(out, m, n, ldy);
  });
  step.workspace = copy.bytes;
  if (k * n > kHeavyWeights)
    step.preferred_rows = ceil_div(4 * kernel->mr, std::max<int64_t>(1, per_lead));
}

void lower(Lowering& l) {
  const DenseShape s = dense_shape(l.x_shape(0), l.x_shape(1));
  const TensorId bias = l.count() == 3 ? l.x(2) : kNoTensor;
  if (is_cut_in_columns(l)) return lower_dense_columns(l, l.x(0), l.x(1), bias, l.y(), s);
  lower_dense_product(l, l.x(0), l.x(1), bias, l.y(), s);
}

void gradient(GradientContext& g) {
  if (g.needs(0)) g.set(0, g.op("dense_grad_input", {g.dy(), g.x(1)}));
  if (g.needs(1)) g.set(1, g.op("dense_grad_kernel", {g.x(0), g.dy()}));
  if (g.count() == 3 && g.needs(2)) g.set(2, g.op("bias_grad", {g.dy()}));
}

// -- dx = dy w^T

std::vector<TensorSpec> infer_grad_input(const OpContext& c) {
  TensorSpec out = c.inputs[0];
  out.shape.back() = c.shape(1)[0];
  return {out};
}

int64_t work_grad_input(const OpContext& c) { return element_count(c.shape(0)) * c.shape(1)[0]; }

void lower_grad_input(Lowering& l) {
  const Shape w = l.x_shape(1);
  const DenseShape s = dense_shape(l.x_shape(0), {w[1], w[0]});
  if (is_cut_in_columns(l)) return lower_dense_grad_input_columns(l, l.x(0), l.x(1), l.y(), s);
  lower_dense_grad_input(l, l.x(0), l.x(1), l.y(), s);
}

// -- dw = x^T dy

std::vector<TensorSpec> infer_grad_kernel(const OpContext& c) {
  return {{{c.shape(0).back(), c.shape(1).back()}, c.inputs[0].dtype}};
}

int64_t work_grad_kernel(const OpContext& c) {
  return element_count(c.shape(0)) * c.shape(1).back();
}

// Rows of x and dy that the product of a lane takes at a time: so many that they stay near, for
// wide tiles, which ask less of the caches, somewhat more.
template <typename T>
int64_t gradient_block(const KernelTable<T>& kernel, int64_t ldx, int64_t ldy) {
  constexpr int64_t kBytes = 160 * 1024;
  return std::clamp(kBytes / ((ldx + ldy) * static_cast<int64_t>(sizeof(T))), 8 * kernel.nr,
                    kGemmBothBlockK);
}

// Whether a lane's product packs its operands: where rows of x share few sets of the L1 cache, and
// for narrow tiles where rows lie far apart.
template <typename T>
bool packs_gradient(const KernelTable<T>& kernel, const DenseShape& s, int64_t ldx, int64_t ldy) {
  constexpr int64_t kRows = 64, kNarrow = 64, kFar = 2048;
  const auto size = static_cast<int64_t>(sizeof(T));
  return s.per_lead >= kRows &&
         (ldx * size % kFar == 0 || (kernel.nr * size <= kNarrow && (ldx + ldy) * size >= kFar));
}

template <typename T>
void lower_grad_kernel_of(Lowering& l, TensorId x, TensorId dy, TensorId result,
                          const DenseShape& s) {
  const KernelTable<T>* kernel = &kernels<T>();
  const int64_t k = s.k, n = s.n, per_lead = s.per_lead, nr = kernel->nr;
  const int64_t ldx = l.pitch(x), ldy = l.pitch(dy);
  const int64_t macs = s.rows() * k * n;
  if (s.rows() == 0) return lower_zero(l, result, k * n);
  const int64_t lanes = l.lanes(s.lead);
  const char* name = l.def().name.c_str();
  const bool lane_sums = s.rows() >= lanes * kLaneRows &&
                         lanes * k * n * static_cast<int64_t>(sizeof(T)) <= kLaneBytes;
  if (!l.few_rows(s.lead, macs) && (lanes == 1 || lane_sums)) {
    const TensorId dw = lanes == 1 ? result : l.lane_temp({{k, n}, l.dtype()}, s.lead);
    if (packs_gradient<T>(*kernel, s, ldx, ldy)) {
      const GradientTile<T> tile(kernel, per_lead, k, n, ldx, ldy);
      l.rows(name, s.lead, {read(x), read(dy), write_lane(dw)}, macs, [=](const Call& c) {
         const RowMap map = RowMap::plain(c.count() * per_lead);
         for (int64_t t = 0; t < tile.tiles(); ++t)
           tile.run(c.at<T>(0), c.at<T>(1), map, 1, t, c.at<T>(2), !c.first_in_lane,
                    reinterpret_cast<T*>(c.workspace));
       }).workspace = tile.workspace();
    } else {
      const int64_t block = gradient_block<T>(*kernel, ldx, ldy);
      l.rows(name, s.lead, {read(x), read(dy), write_lane(dw)}, macs, [=](const Call& c) {
        gemm_blocked(*kernel, k, n, c.count() * per_lead, c.at<T>(0), 1, ldx,
                     GemmB<T>::plain(c.at<T>(1), ldy, nr), c.at<T>(2), n, !c.first_in_lane, nullptr,
                     false, {}, nullptr, block);
      });
    }
    if (lanes > 1) lower_lane_sum(l, dw, lanes, k * n, result);
    return;
  }
  // Tiles of dw: disjoint, so nothing has to be summed afterwards.
  const GradientTile<T> tile(kernel, s.rows(), k, n, ldx, ldy);
  l.tasks(name, tile.tiles(), {read_whole(x), read_whole(dy), write_whole(result)}, macs,
          [=, rows = s.rows()](const Call& c) {
            for (int64_t t = c.begin; t < c.end; ++t)
              tile.run(c.at<T>(0), c.at<T>(1), rows, t, c.at<T>(2),
                       reinterpret_cast<T*>(c.workspace));
          })
      .workspace = tile.workspace();
}

void lower_grad_kernel(Lowering& l) {
  const DenseShape s = dense_shape(l.x_shape(0), l.y_shape());
  if (is_cut_in_columns(l)) return lower_dense_grad_kernel_columns(l, l.x(0), l.x(1), l.y(), s);
  lower_dense_grad_kernel(l, l.x(0), l.x(1), l.y(), s);
}

// -- db = sum of dy over all but the last axis

std::vector<TensorSpec> infer_bias_grad(const OpContext& c) {
  return {{{c.shape(0).back()}, c.inputs[0].dtype}};
}

void lower_bias_grad(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* kernel = &kernels<T>();
    const Shape dy = l.x_shape(0);
    const int64_t rows = dy[0], n = dy.back(), lanes = l.lanes(rows), ld = l.pitch(l.x(0));
    const int64_t per_row = row_size(dy) / std::max<int64_t>(1, n);
    if (element_count(dy) == 0) return lower_zero(l, l.y(), n);
    if (l.cuts_columns()) {
      const TensorId x = l.x(0);
      l.columns("bias_grad", {l.read_own(x), write_columns(l.y())}, element_count(dy),
                [=](const Call& c) {
                  const Range own = column_part(n, c.begin);
                  if (own.size() == 0) return;
                  kernel->column_sum(c.at<T>(0) + own.begin, rows * per_row, own.size(), ld,
                                     c.at<T>(1) + own.begin, false);
                });
      return;
    }
    const TensorId db = lanes == 1 ? l.y() : l.lane_temp({{n}, l.dtype()}, rows);
    l.rows(
        "bias_grad", rows, {read(l.x(0)), write_lane(db)}, element_count(dy), [=](const Call& c) {
          kernel->column_sum(c.at<T>(0), c.count() * per_row, n, ld, c.at<T>(1), !c.first_in_lane);
        });
    if (lanes > 1) lower_lane_sum(l, db, lanes, n, l.y());
  });
}

bool register_all() {
  OpDef def;
  def.name = "dense";
  def.min_inputs = 2;
  def.max_inputs = 3;
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.work = work;
  def.takes_epilogue = true;
  def.column_inputs = def.own_columns = 1;
  def.fits_columns = fits_columns_of_kernel;
  def.folds_channels = true;
  def.pitched_inputs = 1;
  def.pitched_output = true;
  register_op(def);

  OpDef input;
  input.name = "dense_grad_input";
  input.min_inputs = input.max_inputs = 2;
  input.infer = infer_grad_input;
  input.lower = lower_grad_input;
  input.work = work_grad_input;
  input.internal = true;
  input.column_inputs = 1;
  input.fits_columns = fits_columns_of_kernel;
  input.pitched_inputs = 1;
  input.pitched_output = true;
  register_op(input);

  OpDef kernel;
  kernel.name = "dense_grad_kernel";
  kernel.min_inputs = kernel.max_inputs = 2;
  kernel.infer = infer_grad_kernel;
  kernel.lower = lower_grad_kernel;
  kernel.work = work_grad_kernel;
  kernel.internal = true;
  kernel.column_inputs = 3;
  kernel.own_columns = 1;
  kernel.fits_columns = fits_columns_of_gradient;
  kernel.pitched_inputs = 3;
  register_op(kernel);

  OpDef bias;
  bias.name = "bias_grad";
  bias.infer = infer_bias_grad;
  bias.lower = lower_bias_grad;
  bias.internal = true;
  // Narrower rows that lie apart would be summed in another order.
  bias.column_inputs = 1;
  bias.pitched_inputs = 1;
  bias.can_pitch = [](const OpContext& c) { return c.shape(0).back() >= 16; };
  return register_op(bias);
}

const bool registered = register_all();

}  // namespace

bool streams_weights(const Lowering& l, const DenseShape& s) {
  const int64_t rows_per_lane = ceil_div(s.lead, l.lanes(s.lead)) * s.per_lead;
  return s.k * s.n > kStreamedWeights && rows_per_lane < 4 * kernels<float>().mr;
}

void lower_dense_product(Lowering& l, TensorId x, TensorId w, TensorId bias, TensorId y,
                         const DenseShape& s) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_product<typename decltype(tag)::type>(l, x, w, bias, s, s.n, 1, y);
  });
}

void lower_dense_grad_input(Lowering& l, TensorId dy, TensorId w, TensorId dx,
                            const DenseShape& s) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_product<typename decltype(tag)::type>(l, dy, w, kNoTensor, s, 1, s.k, dx);
  });
}

void lower_dense_grad_kernel(Lowering& l, TensorId x, TensorId dy, TensorId dw,
                             const DenseShape& s) {
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_grad_kernel_of<typename decltype(tag)::type>(l, x, dy, dw, s);
  });
}

}  // namespace pyframe
