// What recurrent operators share: operands, shapes, and the walk through the time steps.
//
// Samples are independent: a task takes a few of them through all time steps, and nobody waits for
// anybody in between. The projection of the inputs, x W + b for all time steps, is a product of its
// own in front of the operator; so are the gradients of W, b and U behind its gradient.
//
// Inputs: projected (batch, steps, gates units), recurrent kernel U, then those that the attributes
// announce: recurrent bias (`biased`), initial states (batch, units) each (`initial`), mask (batch,
// steps), a step counts where it is not zero (`masked`), factors (batch, gates units) of the state
// in front of U, one for each gate (`dropped`).
// Outputs: outputs (batch, steps, units), the last of them (batch, units), states (batch, units)
// each, and what the gradient needs: the gates, and all states before each step.
//
// A masked step keeps the states and repeats the output before it, zero if there is none (or if
// `zero_output`). `backwards`: from the last step to the first; the outputs are in the order in
// which they were made, or, if `time_order`, in that of the inputs.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/dispatch_dtype.h"
#include "ops/gemm.h"
#include "ops/unary.h"

namespace pyframe {

// How many gates a cell has, how many numbers of a unit it keeps for its gradient, its states.
struct CellSizes {
  int64_t gates, saved;
  size_t states;
};

struct Recurrence {
  CellSizes cell;
  int64_t batch = 0, steps = 0, units = 0;
  bool biased, initial, masked, dropped;
  bool backwards, time_order, zero_output;

  Recurrence(const CellSizes& sizes, const Attrs& attrs);
  void set_shape(const Shape& sequences, const Shape& kernel);

  // Positions among the inputs.
  size_t state(size_t i) const { return (biased ? 3 : 2) + i; }
  size_t mask() const { return state(initial ? cell.states : 0); }
  size_t dropout() const { return mask() + (masked ? 1 : 0); }
  size_t inputs() const { return dropout() + (dropped ? 1 : 0); }
  // Positions among the outputs: 0 outputs, 1 the last one.
  size_t final_state(size_t i) const { return 2 + i; }
  size_t saved() const { return 2 + cell.states; }
  size_t before(size_t i) const { return saved() + 1 + i; }

  int64_t work() const { return batch * steps * units * units * cell.gates; }
  int64_t step_of(int64_t number) const { return backwards ? steps - 1 - number : number; }
  // Samples of a task: several, because they share the reading of U, but enough tasks for threads.
  int64_t block() const { return std::clamp<int64_t>(ceil_div(batch, 4), 4, kMaxRows); }

  static constexpr int64_t kMaxRows = 32;
};

std::vector<TensorSpec> infer_recurrent(const OpContext& c, const CellSizes& cell);

// Gradient rule. U is multiplied with parts[i].input (kNoTensor: the states before each step, with
// their dropout) for parts[i].gates gates; the gradients of these products are the result
// `products` of the operator "<name>_grad".
struct ProductPart {
  TensorId input;
  int64_t first, gates;
};
void recurrent_gradient(GradientContext& g, const CellSizes& cell,
                        const std::vector<ProductPart>& parts, int products);

// The shape rule of "<name>_grad": gradients of the projected inputs, of the initial states, and,
// if `products`, those of the products with U. Its inputs: saved, states before, U, [mask],
// [dropout], and the given gradients of outputs, last output and states (bits of `given`).
std::vector<TensorSpec> infer_recurrent_grad(const OpContext& c, const CellSizes& cell,
                                             bool products);
int64_t recurrent_grad_work(const OpContext& c, const CellSizes& cell);

// Registers an operator and its gradient, whose rules are set already.
bool register_recurrent(const std::string& name, const CellSizes& cell,
                        const std::vector<std::string>& own_attrs, OpDef def, OpDef grad);

// The operands of a step, numbered as they are added.
class Operands {
 public:
  int add(const Operand& operand) {
    list_.push_back(operand);
    return static_cast<int>(list_.size()) - 1;
  }
  int read(TensorId id) { return add(read_whole(id)); }
  int write(TensorId id) { return add(write_whole(id)); }
  std::vector<Operand> take() { return std::move(list_); }

 private:
  std::vector<Operand> list_;
};

// An activation whose derivative follows from its result.
template <typename T>
class Activation {
 public:
  explicit Activation(const std::string& name) {
    Epilogue function;
    check(find_function_of_result(name, function), "no activation ", name);
    if (!function.has_function()) return;
    const auto number = static_cast<int>(function.function);
    value_ = kernels<T>().unary[number];
    gradient_ = kernels<T>().unary_grad[number];
    attrs_[0] = static_cast<T>(function.attrs[0]);
    attrs_[1] = static_cast<T>(function.attrs[1]);
  }
  void apply(T* x, int64_t n) const {
    if (value_ != nullptr) value_(x, x, n, attrs_);
  }
  void apply_gradient(T* dy, const T* y, int64_t n) const {
    if (gradient_ != nullptr) gradient_(dy, y, dy, n, attrs_);
  }

 private:
  void (*value_)(const T*, T*, int64_t, const T*) = nullptr;
  void (*gradient_)(const T*, const T*, T*, int64_t, const T*) = nullptr;
  T attrs_[2] = {0, 0};
};

template <typename T>
void multiply(const KernelTable<T>& kernel, const T* a, const T* b, T* y, int64_t n) {
  kernel.binary[static_cast<int>(Binary::k_multiply)](a, b, y, n, 1, 1);
}
template <typename T>
void add(const KernelTable<T>& kernel, const T* a, const T* b, T* y, int64_t n) {
  kernel.binary[static_cast<int>(Binary::k_add)](a, b, y, n, 1, 1);
}

// Rows of a matrix.
template <typename T>
struct RowsOf {
  T* data = nullptr;
  int64_t pitch = 0;
  T* operator[](int64_t row) const { return data + row * pitch; }
};

// One time step of a few samples. Forward: projected, state -> next, saved. Gradient: saved,
// before (states), slope (gradients of the states after it) -> next (those before it), dprojected,
// and, if dproducts is there, that.
template <typename T>
struct TimeStep {
  const Call* call;
  int64_t rows;
  RowsOf<const T> projected, dropout;
  RowsOf<T> saved;
  RowsOf<const T> before[2];
  RowsOf<T> state[2], next[2];
  RowsOf<T> dprojected, dproducts;
  T* scratch;
};

// The product of states with some gates of U, in parts of their own if each has its dropout.
template <typename T>
class GateProduct {
 public:
  GateProduct(Lowering& l, Operands& operands, TensorId u, const Recurrence& r, int64_t first,
              int64_t gates, bool transposed)
      : kernel_(&kernels<T>()), units_(r.units), first_(first), gates_(gates), split_(r.dropped) {
    const int64_t width = r.cell.gates * units_;
    for (int64_t g = 0; g < gates; g += part()) {
      const int64_t offset = (first + g) * units_, size = part() * units_;
      const TensorId packed = transposed ? lower_pack(l, u, size, units_, 1, width, offset)
                                         : lower_pack(l, u, units_, size, width, 1, offset);
      const int place = operands.read(packed);
      if (g == 0) operand_ = place;
    }
  }

  // out = h U (+ bias); scratch: a row of units for each row if there is dropout.
  void forward(const TimeStep<T>& s, const RowsOf<T>& h, const RowsOf<T>& out, const T* bias,
               const RowsOf<T>& scratch) const {
    for (int64_t g = 0; g < gates_; g += part()) {
      const RowsOf<T> x = split_ ? scratch : h;
      if (split_)
        for (int64_t i = 0; i < s.rows; ++i)
          multiply(*kernel_, h[i], factors(s, i, g), scratch[i], units_);
      gemm_blocked(*kernel_, s.rows, part() * units_, units_, x.data, x.pitch, 1,
                   matrix(s, g, units_), out.data + g * units_, out.pitch, false,
                   bias == nullptr ? nullptr : bias + (first_ + g) * units_, false);
    }
  }

  // dh += d U^T
  void backward(const TimeStep<T>& s, const RowsOf<T>& d, const RowsOf<T>& dh,
                const RowsOf<T>& scratch) const {
    for (int64_t g = 0; g < gates_; g += part()) {
      const RowsOf<T> out = split_ ? scratch : dh;
      const int64_t depth = part() * units_;
      gemm_blocked(*kernel_, s.rows, units_, depth, d.data + g * units_, d.pitch, 1,
                   matrix(s, g, depth), out.data, out.pitch, !split_, nullptr, false);
      if (split_)
        for (int64_t i = 0; i < s.rows; ++i)
          kernel_->multiply_add(dh[i], scratch[i], factors(s, i, g), dh[i], units_);
    }
  }

 private:
  int64_t part() const { return split_ ? 1 : gates_; }
  const T* factors(const TimeStep<T>& s, int64_t row, int64_t g) const {
    return s.dropout[row] + (first_ + g) * units_;
  }
  GemmB<T> matrix(const TimeStep<T>& s, int64_t g, int64_t depth) const {
    return GemmB<T>::packed(s.call->template at<T>(operand_ + static_cast<int>(g / part())), depth,
                            kernel_->nr);
  }

  const KernelTable<T>* kernel_;
  int64_t units_, first_, gates_;
  bool split_;
  int operand_ = -1;
};

// Memory of one task. Rows are a cache line apart more than they need, so that they do not share
// sets of the cache.
template <typename T>
class Workspace {
 public:
  explicit Workspace(char* memory) : next_(reinterpret_cast<T*>(memory)) {}
  static int64_t pitch(int64_t width) {
    const int64_t line = 64 / static_cast<int64_t>(sizeof(T));
    return round_up(width, line) + line;
  }
  static size_t bytes(int64_t rows, int64_t width) {
    return static_cast<size_t>(rows * pitch(width)) * sizeof(T);
  }
  RowsOf<T> take(int64_t rows, int64_t width) {
    const RowsOf<T> result{next_, pitch(width)};
    next_ += rows * result.pitch;
    return result;
  }
  T* rest() const { return next_; }

 private:
  T* next_;
};

}  // namespace pyframe
