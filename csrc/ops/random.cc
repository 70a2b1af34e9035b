// Uniform random numbers in [0, 1), a pure function of (seed, counter, stream, element index).
#include "ops/random.h"

#include "ops/elementwise.h"

namespace pyframe {
namespace {

// Inputs: state, and a tensor that gives shape and dtype. The dimensions in `axes` become 1:
// whatever the numbers are broadcast to shares them along these.
std::vector<TensorSpec> infer(const OpContext& c) {
  require_random_state(c, 0);
  c.require(c.inputs[1].dtype != DType::kI32, "needs a float tensor.");
  TensorSpec out = c.inputs[1];
  for (int64_t axis : c.attrs.ints("axes", {})) {
    c.require(axis >= 0 && axis < c.rank(1), "axis ", axis, " is out of range.");
    out.shape[static_cast<size_t>(axis)] = 1;
  }
  return {out};
}

void lower(Lowering& l) {
  const auto stream = static_cast<uint64_t>(l.attrs().integer("stream", 0));
  const Shape shape = l.y_shape();
  const int64_t row = shape.empty() ? 1 : row_size(shape);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = kernels<T>().random_uniform;
    elementwise(l, {}, {l.x(0)}, l.y(), shape, -1, [=](const Call& c, int64_t offset, int64_t n) {
      const auto first = static_cast<uint64_t>(offset > 0 ? offset : c.begin * row);
      kernel(c.at<T>(1) + offset, n, random_key(c.at<double>(0), stream), first);
    });
  });
}

bool register_all() {
  OpDef def;
  def.name = "random_uniform";
  def.min_inputs = def.max_inputs = 2;
  def.attrs = {"axes", "stream"};
  def.infer = infer;
  def.lower = lower;
  def.shape_only_from = 1;
  def.shape_only_to = 2;
  def.flat = true;
  return register_op(def);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
