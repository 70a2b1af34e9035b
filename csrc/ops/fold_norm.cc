// What is computed from the parameters of a normalisation alone, and what a plan puts in the place
// of the kernel and the bias in front of one (csrc/graph/fold.cc).
#include <algorithm>
#include <cmath>

#include "common/dispatch_dtype.h"
#include "ops/norm_params.h"

namespace pyframe {

TensorId lower_norm_scale(Lowering& l, TensorId gamma, TensorId variance, double epsilon) {
  const int64_t columns = l.spec(gamma).shape[0];
  const TensorId scale = l.temp(l.spec(gamma));
  dispatch_float(l.spec(gamma).dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    l.tasks("batch_norm_scale", 1, {read_whole(gamma), read_whole(variance), write_whole(scale)},
            columns, [=](const Call& c) {
              for (int64_t j = 0; j < columns; ++j)
                c.at<T>(2)[j] = norm_scale(c.at<T>(0)[j], c.at<T>(1)[j], epsilon);
            });
  });
  return scale;
}

namespace {

enum FoldOp { kFoldKernel, kFoldBias };

// Inputs gamma, variance, kernel; or gamma, beta, mean, variance[, bias].

std::vector<TensorSpec> infer_fold(const OpContext& c) {
  return {c.def.id == kFoldKernel ? c.inputs[2] : c.inputs[0]};
}

void lower_fold_kernel(Lowering& l) {
  const TensorId scale = lower_norm_scale(l, l.x(0), l.x(1), l.attrs().number("epsilon", 1e-3));
  const int64_t columns = l.x_shape(0)[0], size = element_count(l.y_shape());
  const int64_t rows = size / std::max<int64_t>(1, columns);
  const int64_t block = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, columns));
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    l.tasks("fold_kernel", ceil_div(rows, block),
            {read_whole(l.x(2)), read_whole(scale), write_whole(l.y())}, size, [=](const Call& c) {
              const int64_t begin = c.begin * block, offset = begin * columns;
              k->column_scale(c.at<T>(0) + offset, std::min(rows, c.end * block) - begin, columns,
                              c.at<T>(1), c.at<T>(2) + offset);
            });
  });
}

void lower_fold_bias(Lowering& l) {
  const double epsilon = l.attrs().number("epsilon", 1e-3);
  const int64_t columns = l.x_shape(0)[0];
  const bool bias = l.count() == 5;
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::vector<Operand> operands;
    for (size_t i = 0; i < l.count(); ++i) operands.push_back(read_whole(l.x(i)));
    operands.push_back(write_whole(l.y()));
    l.tasks("fold_bias", 1, std::move(operands), columns, [=](const Call& c) {
      for (int64_t j = 0; j < columns; ++j) {
        const auto at = [&](int i) { return static_cast<double>(c.at<T>(i)[j]); };
        const double scale = at(0) / std::sqrt(at(3) + epsilon);
        c.at<T>(bias ? 5 : 4)[j] =
            static_cast<T>((bias ? at(4) : 0) * scale + at(1) - at(2) * scale);
      }
    });
  });
}

void lower_fold(Lowering& l) {
  l.def().id == kFoldKernel ? lower_fold_kernel(l) : lower_fold_bias(l);
}

bool register_all() {
  for (int op : {kFoldKernel, kFoldBias}) {
    OpDef def;
    def.name = op == kFoldKernel ? "fold_kernel" : "fold_bias";
    def.min_inputs = op == kFoldKernel ? 3 : 4;
    def.max_inputs = op == kFoldKernel ? 3 : 5;
    def.attrs = {"epsilon"};
    def.infer = infer_fold;
    def.lower = lower_fold;
    def.work = [](const OpContext&) { return int64_t{0}; };  // once for each set of weights
    def.internal = true;
    def.id = op;
    register_op(def);
  }
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
