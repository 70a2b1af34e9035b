// The fully recurrent layer (Elman 1990): h = activation(x W + h U + b).
#include "ops/recurrent_walk.h"

namespace pyframe {
namespace {

constexpr CellSizes kSizes{1, 1, 1};

template <typename T>
class SimpleCell {
 public:
  SimpleCell(Lowering& l, Operands& operands, const Recurrence& r, TensorId u, TensorId,
             bool gradient)
      : kernel_(&kernels<T>()),
        units_(r.units),
        activation_(l.attrs().text("activation", "tanh")),
        product_(l, operands, u, r, 0, 1, gradient) {}

  size_t scratch_bytes(int64_t rows) const { return 2 * Workspace<T>::bytes(rows, units_); }

  void forward(const TimeStep<T>& s) const {
    Workspace<T> space(reinterpret_cast<char*>(s.scratch));
    const RowsOf<T> sums = space.take(s.rows, units_);
    product_.forward(s, s.state[0], sums, nullptr, space.take(s.rows, units_));
    for (int64_t row = 0; row < s.rows; ++row) {
      T* h = s.next[0][row];
      add(*kernel_, s.projected[row], static_cast<const T*>(sums[row]), h, units_);
      activation_.apply(h, units_);
      std::copy_n(h, units_, s.saved[row]);
    }
  }

  void backward(const TimeStep<T>& s) const {
    Workspace<T> space(reinterpret_cast<char*>(s.scratch));
    const RowsOf<T> slopes = space.take(s.rows, units_);
    for (int64_t row = 0; row < s.rows; ++row) {
      std::copy_n(s.state[0][row], units_, slopes[row]);
      activation_.apply_gradient(slopes[row], s.saved[row], units_);
      std::fill_n(s.next[0][row], units_, T(0));
    }
    for (int64_t row = 0; row < s.rows; ++row) std::copy_n(slopes[row], units_, s.dprojected[row]);
    product_.backward(s, slopes, s.next[0], space.take(s.rows, units_));
  }

 private:
  const KernelTable<T>* kernel_;
  int64_t units_;
  Activation<T> activation_;
  GateProduct<T> product_;
};

bool register_all() {
  OpDef def, grad;
  def.infer = [](const OpContext& c) { return infer_recurrent(c, kSizes); };
  def.lower = [](Lowering& l) { lower_recurrent<SimpleCell>(l, kSizes); };
  def.gradient = [](GradientContext& g) { recurrent_gradient(g, kSizes, {{kNoTensor, 0, 1}}, 0); };
  grad.infer = [](const OpContext& c) { return infer_recurrent_grad(c, kSizes, false); };
  grad.lower = [](Lowering& l) { lower_recurrent_grad<SimpleCell>(l, kSizes, false); };
  grad.work = [](const OpContext& c) { return recurrent_grad_work(c, kSizes); };
  return register_recurrent("simple_rnn", kSizes, {}, def, grad);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
