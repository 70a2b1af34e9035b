// Weight penalties: l1 = factor * sum |w|, l2 = factor * sum w^2 (Keras: no factor 1/2).
#include "common/dispatch_dtype.h"
#include "ops/elementwise.h"

namespace pyframe {
namespace {

enum PenaltyOp { kL1, kL2 };

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float tensor.");
  return {{{}, c.inputs[0].dtype}};
}

void lower(Lowering& l) {
  constexpr int64_t kBlock = 65536;
  const int64_t size = element_count(l.x_shape(0));
  const int64_t blocks = std::max<int64_t>(1, ceil_div(size, kBlock));
  const double factor = l.attrs().number("factor", 0);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    const auto kernel = l.def().id == kL1 ? k->sum_absolute : k->sum_square;
    const T scale = static_cast<T>(factor);
    const TensorId partial = blocks == 1 ? l.y() : l.temp({{blocks}, l.dtype()});
    const T first_scale = blocks == 1 ? scale : T(1);
    l.tasks(
        "penalty", blocks, {read_whole(l.x(0)), write_whole(partial)}, size, [=](const Call& c) {
          for (int64_t b = c.begin; b < c.end; ++b)
            c.at<T>(1)[b] =
                first_scale * kernel(c.at<T>(0) + b * kBlock, std::min(kBlock, size - b * kBlock));
        });
    if (blocks > 1)
      l.tasks("penalty_sum", 1, {read_whole(partial), write_whole(l.y())}, blocks,
              [=](const Call& c) { *c.at<T>(1) = scale * k->sum(c.at<T>(0), blocks); });
  });
}

void gradient(GradientContext& g) {
  const TensorId w = g.x(0);
  const double factor = g.attrs().number("factor", 0);
  const bool l1 = g.name() == "l1_penalty";
  const TensorId slope = g.scalar_like(w, l1 ? factor : 2 * factor);
  const TensorId direction = l1 ? g.op("sign", {w}) : w;
  g.set(0, g.op("multiply", {direction, g.op("multiply", {g.dy(), slope})}));
}

bool register_all() {
  for (int op : {kL1, kL2}) {
    OpDef def;
    def.name = op == kL1 ? "l1_penalty" : "l2_penalty";
    def.attrs = {"factor"};
    def.infer = infer;
    def.lower = lower;
    def.gradient = gradient;
    def.work = [](const OpContext& c) { return element_count(c.shape(0)); };
    def.id = op;
    register_op(def);
  }
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
