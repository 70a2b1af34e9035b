// Batch normalisation over the last axis (Ioffe and Szegedy 2015, arXiv:1502.03167), with the
// statistics of the batch or with given ones, and its gradients.
//
// Sums over the batch are taken per lane (or per piece of a small batch), in double from blocks
// of rows summed around one of their values, and joined in the order of the lanes.
#include <algorithm>
#include <cmath>

#include "common/dispatch_dtype.h"
#include "ops/gemm.h"
#include "ops/norm_params.h"
#include "ops/reduce.h"

namespace pyframe {
namespace {

enum NormOp { kBatch, kGiven };

constexpr int64_t kJoined = 128;  // columns whose sums one task joins

// x as a matrix: `lead` rows of the plan, each of per_lead rows of c columns.
struct NormShape {
  int64_t lead, per_lead, c;
  int64_t count() const { return lead * per_lead; }
  int64_t size() const { return count() * c; }
};

NormShape norm_shape(const Shape& x) {
  const int64_t c = x.back();
  return {x[0], c == 0 ? 0 : row_size(x) / c, c};
}

void require_params(const OpContext& c, size_t first, size_t last) {
  for (size_t i = first; i < last; ++i)
    c.require(c.rank(i) == 1 && c.shape(i)[0] == c.shape(0).back() &&
                  c.inputs[i].dtype == c.inputs[0].dtype,
              "scale, offset, mean and variance must have the shape (", c.shape(0).back(),
              ",) and the dtype of x.");
}

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs float tensors.");
  c.require(c.rank(0) >= 2, "needs x (N, ..., C).");
  c.require(c.attrs.number("epsilon", 1e-3) >= 0, "epsilon must not be negative.");
  require_params(c, 1, c.count());
  if (c.def.id == kGiven) return {c.inputs[0]};
  return {c.inputs[0], c.inputs[1], c.inputs[1]};
}

// How the sums over the batch are cut.
struct Pieces {
  bool rows;      // row steps with one state a lane, or tasks with one a piece
  int64_t count;  // states
  Pieces(const Lowering& l, const NormShape& s) {
    rows = !l.few_rows(s.lead, s.size());
    constexpr int64_t kPieces = 8;
    count = rows ? l.lanes(s.lead) : std::clamp<int64_t>(s.count(), 1, kPieces);
  }
};

// Adds the step that sums over the batch into states of `state` doubles: f(call, first operand
// offset in matrix rows, rows, state pointer) adds to a state that starts as zero.
template <typename F>
TensorId lower_states(Lowering& l, const char* name, const NormShape& s, const Pieces& pieces,
                      int64_t state, std::vector<TensorId> in, std::vector<TensorId> whole, F f) {
  const auto operands = [&](Operand (*by)(TensorId), Operand out) {
    std::vector<Operand> result;
    for (TensorId id : in) result.push_back(by(id));
    for (TensorId id : whole) result.push_back(read_whole(id));
    result.push_back(out);
    return result;
  };
  const auto last = static_cast<int>(in.size() + whole.size());
  if (pieces.rows) {
    const TensorId states = l.lane_temp({{state}, DType::kF64}, s.lead);
    const int64_t per_lead = s.per_lead;
    l.rows(name, s.lead, operands(read, write_lane(states)), 2 * s.size(), [=](const Call& c) {
      double* to = c.at<double>(last);
      if (c.first_in_lane) std::fill(to, to + state, 0.0);
      f(c, int64_t{0}, c.count() * per_lead, to);
    });
    return states;
  }
  const int64_t count = pieces.count, rows = s.count();
  const TensorId states = l.temp({{count * state}, DType::kF64});
  l.tasks(name, count, operands(read_whole, write_whole(states)), 2 * s.size(), [=](const Call& c) {
    for (int64_t t = c.begin; t < c.end; ++t) {
      const int64_t begin = t * rows / count, end = (t + 1) * rows / count;
      double* to = c.at<double>(last) + t * state;
      std::fill(to, to + state, 0.0);
      f(c, begin, end - begin, to);
    }
  });
  return states;
}

// Adds an elementwise step over matrix rows: f(call, first row, rows).
template <typename F>
Step& lower_columns(Lowering& l, const char* name, const NormShape& s,
                    const std::vector<TensorId>& in, const std::vector<TensorId>& whole, TensorId y,
                    int in_place, F f) {
  const bool split = l.few_rows(s.lead, s.size());
  std::vector<Operand> operands;
  for (TensorId id : in) operands.push_back(split ? read_whole(id) : read(id));
  for (TensorId id : whole) operands.push_back(read_whole(id));
  operands.push_back(split ? write_whole(y) : write(y));
  const auto last = static_cast<int>(operands.size()) - 1;
  Step* step;
  if (split) {
    const int64_t block = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, s.c));
    const int64_t rows = s.count();
    step = &l.tasks(name, ceil_div(rows, block), std::move(operands), s.size(), [=](const Call& c) {
      const int64_t begin = c.begin * block;
      f(c, begin, std::min(rows, c.end * block) - begin);
    });
  } else {
    const int64_t per_lead = s.per_lead;
    step = &l.rows(name, s.lead, std::move(operands), s.size(),
                   [=](const Call& c) { f(c, int64_t{0}, c.count() * per_lead); });
  }
  step->in_place_from = in_place;
  step->in_place_to = last;
  return *step;
}

// y = epilogue((x - mean) * scale + beta)
template <typename T>
void lower_affine(Lowering& l, const NormShape& s, TensorId mean, TensorId scale, TensorId beta) {
  const KernelTable<T>* k = &kernels<T>();
  const RowEpilogue<T> epilogue(l.epilogue());
  const int64_t columns = s.c, ldx = l.pitch(l.x(0)), ldy = l.pitch(l.y());
  lower_columns(l, l.def().name.c_str(), s, {l.x(0)}, {mean, scale, beta}, l.y(), 0,
                [=](const Call& c, int64_t first, int64_t rows) {
                  T* y = c.at<T>(4) + first * ldy;
                  k->column_affine(c.at<T>(0) + first * ldx, ldx, rows, columns, c.at<T>(1),
                                   c.at<T>(2), c.at<T>(3), y, ldy, epilogue.relu);
                  epilogue.apply_rows(y, rows, columns, ldy);
                });
}

template <typename T>
void lower_batch(Lowering& l) {
  const KernelTable<T>* k = &kernels<T>();
  const NormShape s = norm_shape(l.x_shape(0));
  const double epsilon = l.attrs().number("epsilon", 1e-3);
  const int64_t columns = s.c, state = 2 * s.c + 1, ldx = l.pitch(l.x(0));
  const Pieces pieces(l, s);
  const TensorId states =
      lower_states(l, "batch_norm_moments", s, pieces, state, {l.x(0)}, {},
                   [=](const Call& c, int64_t begin, int64_t rows, double* to) {
                     k->column_moments(c.at<T>(0) + begin * ldx, ldx, rows, columns, to);
                   });
  const TensorId scale = l.temp({{columns}, l.dtype()});
  const int64_t count = pieces.count;
  l.tasks("batch_norm_scale", ceil_div(columns, kJoined),
          {read_whole(states), read_whole(l.x(1)), write_whole(l.y(1)), write_whole(l.y(2)),
           write_whole(scale)},
          columns * count, [=](const Call& c) {
            for (int64_t first = c.begin * kJoined; first < std::min(columns, c.end * kJoined);
                 first += kJoined) {
              const int64_t size = std::min(kJoined, columns - first);
              double n = 0, mean[kJoined] = {}, deviation[kJoined] = {};
              for (int64_t p = 0; p < count; ++p) {
                const double* from = c.at<double>(0) + p * state;
                const double own = from[2 * columns];
                if (own == 0) continue;
                const double share = own / (n + own), weight = n * own / (n + own);
                for (int64_t j = 0; j < size; ++j) {
                  const double delta = from[first + j] - mean[j];
                  mean[j] += delta * share;
                  deviation[j] += from[columns + first + j] + delta * delta * weight;
                }
                n += own;
              }
              for (int64_t j = 0; j < size; ++j) {
                const auto variance = static_cast<T>(n == 0 ? 0 : deviation[j] / n);
                c.at<T>(2)[first + j] = static_cast<T>(mean[j]);
                c.at<T>(3)[first + j] = variance;
                c.at<T>(4)[first + j] = norm_scale(c.at<T>(1)[first + j], variance, epsilon);
              }
            }
          });
  lower_affine<T>(l, s, l.y(1), scale, l.x(2));
}

template <typename T>
void lower_given(Lowering& l) {
  const TensorId scale = lower_norm_scale(l, l.x(1), l.x(4), l.attrs().number("epsilon", 1e-3));
  lower_affine<T>(l, norm_shape(l.x_shape(0)), l.x(3), scale, l.x(2));
}

void lower(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    l.def().id == kBatch ? lower_batch<T>(l) : lower_given<T>(l);
  });
}

// -- batch_norm_again: either operator once more, from the same inputs, mean and variance. The
// scale is computed in each call, so that no step, and no barrier, is needed in front.

std::vector<TensorSpec> infer_again(const OpContext& c) { return {c.inputs[0]}; }

void lower_again(Lowering& l) {
  const NormShape s = norm_shape(l.x_shape(0));
  const double epsilon = l.attrs().number("epsilon", 1e-3);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    const RowEpilogue<T> epilogue(l.epilogue());
    const int64_t columns = s.c, ldx = l.pitch(l.x(0)), ldy = l.pitch(l.y());
    Step& step =
        lower_columns(l, l.def().name.c_str(), s, {l.x(0)}, {l.x(1), l.x(2), l.x(3), l.x(4)}, l.y(),
                      0, [=](const Call& c, int64_t first, int64_t rows) {
                        T* scale = reinterpret_cast<T*>(c.workspace);
                        for (int64_t j = 0; j < columns; ++j)
                          scale[j] = norm_scale(c.at<T>(1)[j], c.at<T>(4)[j], epsilon);
                        T* y = c.at<T>(5) + first * ldy;
                        k->column_affine(c.at<T>(0) + first * ldx, ldx, rows, columns, c.at<T>(3),
                                         scale, c.at<T>(2), y, ldy, epilogue.relu);
                        epilogue.apply_rows(y, rows, columns, ldy);
                      });
    step.workspace = static_cast<size_t>(columns) * sizeof(T);
  });
}

// -- gradients: inputs dy, x, gamma, mean, variance; outputs dx (of batch_norm), dgamma, dbeta,
// dmean, dvariance (of batch_norm_inference). No gradient flows through the mean and variance that
// batch_norm returns for the moving averages.

void gradient_batch(GradientContext& g) {
  if (g.dy() == kNoTensor) return;
  const std::vector<TensorId> grads =
      g.ops("batch_norm_grad", {g.dy(), g.x(0), g.x(1), g.y(1), g.y(2)}, g.attrs());
  for (size_t i = 0; i < 3; ++i) g.set(i, grads[i]);
}

void gradient_given(GradientContext& g) {
  // Apart from the others, so that a frozen layer does not keep x.
  if (g.needs(0))
    g.set(0, g.op("batch_norm_inference_grad_input", {g.dy(), g.x(1), g.x(4)}, g.attrs()));
  if (!(g.needs(1) || g.needs(2) || g.needs(3) || g.needs(4))) return;
  const std::vector<TensorId> grads =
      g.ops("batch_norm_inference_grad", {g.dy(), g.x(0), g.x(1), g.x(3), g.x(4)}, g.attrs());
  for (size_t i = 1; i < 5; ++i) g.set(i, grads[i - 1]);
}

std::vector<TensorSpec> infer_grad(const OpContext& c) {
  if (c.def.id == kGiven) return std::vector<TensorSpec>(4, c.inputs[2]);
  return {c.inputs[1], c.inputs[2], c.inputs[2]};
}

// Adds the sums of dy and dy (x - mean) by channel: states of 2 c doubles.
template <typename T>
TensorId lower_products(Lowering& l, const NormShape& s, const Pieces& pieces) {
  const KernelTable<T>* k = &kernels<T>();
  const int64_t columns = s.c, ldy = l.pitch(l.x(0)), ldx = l.pitch(l.x(1));
  return lower_states(l, "batch_norm_products", s, pieces, 2 * columns, {l.x(0), l.x(1)}, {l.x(3)},
                      [=](const Call& c, int64_t begin, int64_t rows, double* to) {
                        k->column_products(c.at<T>(1) + begin * ldx, ldx, c.at<T>(0) + begin * ldy,
                                           ldy, rows, columns, c.at<T>(2), to);
                      });
}

// Calls f(column, sum, product) for the columns of tasks [begin, end), with their sums over the
// states.
template <typename F>
void join_products(const double* states, int64_t count, int64_t columns, int64_t begin, int64_t end,
                   F f) {
  for (int64_t first = begin * kJoined; first < std::min(columns, end * kJoined);
       first += kJoined) {
    const int64_t size = std::min(kJoined, columns - first);
    double sums[kJoined] = {}, products[kJoined] = {};
    for (int64_t p = 0; p < count; ++p) {
      const double* from = states + p * 2 * columns + first;
      for (int64_t j = 0; j < size; ++j) {
        sums[j] += from[j];
        products[j] += from[columns + j];
      }
    }
    for (int64_t j = 0; j < size; ++j) f(first + j, sums[j], products[j]);
  }
}

template <typename T>
void lower_batch_grad(Lowering& l) {
  const KernelTable<T>* k = &kernels<T>();
  const NormShape s = norm_shape(l.x_shape(1));
  const double epsilon = l.attrs().number("epsilon", 1e-3);
  const int64_t columns = s.c;
  const Pieces pieces(l, s);
  const TensorId states = lower_products<T>(l, s, pieces);
  // mean of dy, factor of dy, factor of x - mean
  const TensorId mean_dy = l.temp({{columns}, l.dtype()});
  const TensorId scale = l.temp({{columns}, l.dtype()});
  const TensorId slope = l.temp({{columns}, l.dtype()});
  const int64_t count = pieces.count;
  const auto n = static_cast<double>(std::max<int64_t>(1, s.count()));
  l.tasks("batch_norm_grad_sums", ceil_div(columns, kJoined),
          {read_whole(states), read_whole(l.x(2)), read_whole(l.x(4)), write_whole(l.y(1)),
           write_whole(l.y(2)), write_whole(mean_dy), write_whole(scale), write_whole(slope)},
          columns * count, [=](const Call& c) {
            const auto finish = [&](int64_t j, double sum, double product) {
              const double inverse = 1 / std::sqrt(static_cast<double>(c.at<T>(2)[j]) + epsilon);
              const double factor = static_cast<double>(c.at<T>(1)[j]) * inverse;
              c.at<T>(3)[j] = static_cast<T>(product * inverse);
              c.at<T>(4)[j] = static_cast<T>(sum);
              c.at<T>(5)[j] = static_cast<T>(sum / n);
              c.at<T>(6)[j] = static_cast<T>(factor);
              c.at<T>(7)[j] = static_cast<T>(-factor * inverse * inverse * product / n);
            };
            join_products(c.at<double>(0), count, columns, c.begin, c.end, finish);
          });
  if (!l.is_read(l.y(0))) return;
  const int64_t ldy = l.pitch(l.x(0)), ldx = l.pitch(l.x(1)), lddx = l.pitch(l.y(0));
  std::vector<TensorId> in = {l.x(0), l.x(1)};
  const bool adds = l.epilogue() != nullptr && l.epilogue()->residual != kNoTensor;
  if (adds) in.push_back(l.epilogue()->residual);
  const int64_t ldm = adds ? l.pitch(in[2]) : 0;
  const int at = static_cast<int>(in.size());
  lower_columns(l, "batch_norm_grad", s, in, {l.x(3), mean_dy, scale, slope}, l.y(), 0,
                [=](const Call& c, int64_t first, int64_t rows) {
                  k->column_norm_grad(c.at<T>(1) + first * ldx, ldx, c.at<T>(0) + first * ldy, ldy,
                                      rows, columns, c.at<T>(at), c.at<T>(at + 1), c.at<T>(at + 2),
                                      c.at<T>(at + 3), adds ? c.at<T>(2) + first * ldm : nullptr,
                                      ldm, c.at<T>(at + 4) + first * lddx, lddx);
                });
}

template <typename T>
void lower_given_grad(Lowering& l) {
  const NormShape s = norm_shape(l.x_shape(1));
  const double epsilon = l.attrs().number("epsilon", 1e-3);
  const Pieces pieces(l, s);
  const int64_t columns = s.c, count = pieces.count;
  l.tasks("batch_norm_grad_sums", ceil_div(columns, kJoined),
          {read_whole(lower_products<T>(l, s, pieces)), read_whole(l.x(2)), read_whole(l.x(4)),
           write_whole(l.y(0)), write_whole(l.y(1)), write_whole(l.y(2)), write_whole(l.y(3))},
          columns * count, [=](const Call& c) {
            const auto finish = [&](int64_t j, double sum, double product) {
              const double inverse = 1 / std::sqrt(static_cast<double>(c.at<T>(2)[j]) + epsilon);
              const double factor = static_cast<double>(c.at<T>(1)[j]) * inverse;
              c.at<T>(3)[j] = static_cast<T>(product * inverse);
              c.at<T>(4)[j] = static_cast<T>(sum);
              c.at<T>(5)[j] = static_cast<T>(-factor * sum);
              c.at<T>(6)[j] = static_cast<T>(-0.5 * factor * inverse * inverse * product);
            };
            join_products(c.at<double>(0), count, columns, c.begin, c.end, finish);
          });
}

void lower_grad(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    l.def().id == kBatch ? lower_batch_grad<T>(l) : lower_given_grad<T>(l);
  });
}

// -- dx of batch_norm_inference: inputs dy, gamma, variance

std::vector<TensorSpec> infer_grad_input(const OpContext& c) { return {c.inputs[0]}; }

void lower_grad_input(Lowering& l) {
  const NormShape s = norm_shape(l.x_shape(0));
  const TensorId scale = lower_norm_scale(l, l.x(1), l.x(2), l.attrs().number("epsilon", 1e-3));
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    const int64_t columns = s.c;
    lower_columns(l, l.def().name.c_str(), s, {l.x(0)}, {scale}, l.y(), 0,
                  [=](const Call& c, int64_t first, int64_t rows) {
                    k->column_scale(c.at<T>(0) + first * columns, rows, columns, c.at<T>(1),
                                    c.at<T>(2) + first * columns);
                  });
  });
}

bool register_all() {
  OpDef again;
  again.name = "batch_norm_again";
  again.min_inputs = again.max_inputs = 5;
  again.attrs = {"epsilon"};
  again.infer = infer_again;
  again.lower = lower_again;
  again.takes_epilogue = true;
  again.internal = true;
  again.pitched_inputs = 1;
  again.pitched_output = true;
  register_op(again);
  OpDef input;
  input.name = "batch_norm_inference_grad_input";
  input.min_inputs = input.max_inputs = 3;
  input.attrs = {"epsilon"};
  input.infer = infer_grad_input;
  input.lower = lower_grad_input;
  input.internal = true;
  register_op(input);
  for (int op : {kBatch, kGiven}) {
    OpDef def;
    def.name = op == kBatch ? "batch_norm" : "batch_norm_inference";
    def.min_inputs = def.max_inputs = op == kBatch ? 3 : 5;
    def.attrs = {"epsilon"};
    def.infer = infer;
    def.lower = lower;
    def.gradient = op == kBatch ? gradient_batch : gradient_given;
    def.recomputable = true;
    def.recompute_as = "batch_norm_again";
    def.work = [](const OpContext& c) { return 3 * element_count(c.shape(0)); };
    def.takes_epilogue = true;
    def.normalises_channels = op == kGiven;
    def.pitched_inputs = 1;
    def.pitched_output = true;
    def.id = op;
    register_op(def);
    def.name += "_grad";
    def.min_inputs = def.max_inputs = 5;
    def.infer = infer_grad;
    def.lower = lower_grad;
    def.gradient = nullptr;
    def.pitched_inputs = 3;
    def.pitched_output = def.takes_residual = def.pitched_residual = op == kBatch;
    def.takes_epilogue = def.normalises_channels = def.recomputable = false;
    def.internal = true;
    register_op(def);
  }
  return true;
}

const bool registered = register_all();

}  // namespace

}  // namespace pyframe
