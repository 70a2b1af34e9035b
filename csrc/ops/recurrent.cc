#include "ops/recurrent.h"

#include "common/stand_in.h"

namespace pyframe {
namespace {

const char* const kFlags[] = {"initial",   "masked",     "dropped",
                              "backwards", "time_order", "zero_output"};

// Gates [first, first + count) of a tensor whose last axis has `width` units.
TensorId gates_of(GradientContext& g, TensorId x, int64_t first, int64_t count, int64_t width,
                  int64_t units) {
  if (count == width) return x;
  const size_t rank = g.spec(x).shape.size();
  Ints before(rank, 0), after(rank, 0);
  before.back() = -first * units;
  after.back() = -(width - first - count) * units;
  return g.op("pad", {x}, {{"before", before}, {"after", after}});
}

int64_t recurrent_work(const OpContext& c) { return element_count(c.shape(0)) * c.shape(1)[0]; }

}  // namespace

Recurrence::Recurrence(const CellSizes& sizes, const Attrs& attrs)
    : cell(sizes),
      biased(attrs.flag("biased", false)),
      initial(attrs.flag("initial", false)),
      masked(attrs.flag("masked", false)),
      dropped(attrs.flag("dropped", false)),
      backwards(attrs.flag("backwards", false)),
      time_order(attrs.flag("time_order", false)),
      zero_output(attrs.flag("zero_output", false)) {}

void Recurrence::set_shape(const Shape& sequences, const Shape& kernel) {
  batch = sequences[0];
  steps = sequences[1];
  units = kernel[0];
}

std::vector<TensorSpec> infer_recurrent(const OpContext& c, const CellSizes& cell) {
  const Recurrence r(cell, c.attrs);
  c.require(c.count() == r.inputs(), "needs ", r.inputs(), " inputs for these attributes.");
  for (const TensorSpec& input : c.inputs)
    c.require(input.dtype != DType::kI32 && input.dtype == c.inputs[0].dtype,
              "needs float tensors of one dtype.");
  c.require(c.rank(0) == 3 && c.rank(1) == 2,
            "needs projected inputs (batch, steps, gates * units) and a recurrent kernel (units, "
            "gates * units).");
  const int64_t batch = c.shape(0)[0], steps = c.shape(0)[1], units = c.shape(1)[0];
  const int64_t width = cell.gates * units;
  c.require(units >= 1 && c.shape(1)[1] == width && c.shape(0)[2] == width, "a kernel of ", units,
            " units and inputs must have ", width, " columns.");
  const auto expect = [&](size_t i, const Shape& shape, const char* what) {
    c.require(may_be_equal(c.shape(i), shape), what, " must have the shape ", to_string(shape),
              ".");
  };
  if (r.biased) expect(2, {width}, "the recurrent bias");
  for (size_t i = 0; r.initial && i < cell.states; ++i)
    expect(r.state(i), {batch, units},
           "an initial state (stateful layers need batches of one size)");
  if (r.masked) expect(r.mask(), {batch, steps}, "the mask");
  if (r.dropped) expect(r.dropout(), {batch, width}, "the factors of the state");
  Epilogue function;
  for (const char* name : {"activation", "recurrent_activation"}) {
    const std::string value = c.attrs.text(name, "tanh");
    c.require(find_function_of_result(value, function), name, " '", value, "' is not supported.");
  }
  const DType dtype = c.inputs[0].dtype;
  const TensorSpec sequence{{batch, steps, units}, dtype}, state{{batch, units}, dtype};
  std::vector<TensorSpec> result = {sequence, state};
  result.insert(result.end(), cell.states, state);
  result.push_back({{batch, steps, cell.saved * units}, dtype});
  result.insert(result.end(), cell.states, sequence);
  return result;
}

std::vector<TensorSpec> infer_recurrent_grad(const OpContext& c, const CellSizes& cell,
                                             bool products) {
  const DType dtype = c.inputs[0].dtype;
  const Shape& before = c.shape(1);
  const TensorSpec projected{{before[0], before[1], cell.gates * before[2]}, dtype};
  std::vector<TensorSpec> result = {projected};
  result.insert(result.end(), cell.states, {{before[0], before[2]}, dtype});
  if (products) result.push_back(projected);
  return result;
}

int64_t recurrent_grad_work(const OpContext& c, const CellSizes& cell) {
  return element_count(c.shape(1)) * c.shape(1)[2] * cell.gates;
}

bool register_recurrent(const std::string& name, const CellSizes& cell,
                        const std::vector<std::string>& own_attrs, OpDef def, OpDef grad) {
  const auto states = static_cast<int>(cell.states);
  def.name = name;
  def.min_inputs = 2;
  def.max_inputs = 2 + 1 + states + 2;
  def.attrs.assign(std::begin(kFlags), std::end(kFlags));
  def.attrs.push_back("activation");
  def.attrs.insert(def.attrs.end(), own_attrs.begin(), own_attrs.end());
  def.work = recurrent_work;
  register_op(def);
  grad.name = name + "_grad";
  grad.min_inputs = 2 + states + 1;
  grad.max_inputs = 2 + states + 2 + 2 + states;
  grad.attrs = def.attrs;
  grad.attrs.push_back("given");
  grad.internal = true;
  return register_op(grad);
}

void recurrent_gradient(GradientContext& g, const CellSizes& cell,
                        const std::vector<ProductPart>& parts, int products) {
  const Recurrence r(cell, g.attrs());
  std::vector<TensorId> inputs = {g.y(r.saved())};
  for (size_t i = 0; i < cell.states; ++i) inputs.push_back(g.y(r.before(i)));
  inputs.push_back(g.x(1));
  if (r.masked) inputs.push_back(g.x(r.mask()));
  if (r.dropped) inputs.push_back(g.x(r.dropout()));
  int64_t given = 0;
  const auto give = [&](size_t output) {
    if (g.dy(output) == kNoTensor) return;
    given |= int64_t{1} << output;
    inputs.push_back(g.dy(output));
  };
  for (size_t i = 0; i < 2 + cell.states; ++i) give(i);
  if (given == 0) return;
  Attrs attrs = g.attrs();
  attrs.set("given", given);
  const std::vector<TensorId> found = g.ops(g.name() + "_grad", inputs, attrs);
  g.set(0, found[0]);
  for (size_t i = 0; r.initial && i < cell.states; ++i) g.set(r.state(i), found[1 + i]);
  const TensorId slopes = found[static_cast<size_t>(products)];
  if (r.biased && g.needs(2)) g.set(2, g.op("bias_grad", {slopes}));
  if (!g.needs(1)) return;
  const int64_t units = g.spec(g.x(1)).shape[0], width = cell.gates;
  std::vector<TensorId> pieces;
  for (const ProductPart& part : parts) {
    const bool own = part.input != kNoTensor;
    const int64_t count = r.dropped && !own ? 1 : part.gates;
    for (int64_t first = part.first; first < part.first + part.gates; first += count) {
      TensorId x = own ? part.input : g.y(r.before(0));
      if (r.dropped && !own) {
        const TensorId factors = gates_of(g, g.x(r.dropout()), first, 1, width, units);
        x = g.op("multiply", {x, g.op("expand_dims", {factors}, {{"axis", int64_t{1}}})});
      }
      const TensorId slope = gates_of(g, slopes, first, count, width, units);
      pieces.push_back(g.op("dense_grad_kernel", {x, slope}));
    }
  }
  g.set(1, pieces.size() == 1 ? pieces[0] : g.op("concat", pieces, {{"axis", int64_t{1}}}));
}

}  // namespace pyframe
