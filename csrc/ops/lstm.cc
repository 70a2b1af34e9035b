// Long short-term memory (Hochreiter and Schmidhuber 1997; with forget gates, Gers et al. 2000):
//   i, f, o = recurrent_activation(x W + h U + b), g = activation(...), in the order i, f, g, o
//   c = f c + i g, h = o activation(c)
#include "ops/recurrent_walk.h"

namespace pyframe {
namespace {

constexpr CellSizes kSizes{4, 4, 2};

template <typename T>
class LstmCell {
 public:
  LstmCell(Lowering& l, Operands& operands, const Recurrence& r, TensorId u, TensorId,
           bool gradient)
      : kernel_(&kernels<T>()),
        units_(r.units),
        activation_(l.attrs().text("activation", "tanh")),
        recurrent_(l.attrs().text("recurrent_activation", "sigmoid")),
        product_(l, operands, u, r, 0, 4, gradient) {}

  size_t scratch_bytes(int64_t rows) const {
    return Workspace<T>::bytes(rows, 4 * units_) + 3 * Workspace<T>::bytes(rows, units_);
  }

  void forward(const TimeStep<T>& s) const {
    const int64_t n = units_;
    Workspace<T> space(reinterpret_cast<char*>(s.scratch));
    const RowsOf<T> sums = space.take(s.rows, 4 * n);
    product_.forward(s, s.state[0], sums, nullptr, space.take(s.rows, n));
    for (int64_t row = 0; row < s.rows; ++row) {
      T* gates = s.saved[row];
      add(*kernel_, s.projected[row], static_cast<const T*>(sums[row]), gates, 4 * n);
      recurrent_.apply(gates, 2 * n);
      activation_.apply(gates + 2 * n, n);
      recurrent_.apply(gates + 3 * n, n);
      T *h = s.next[0][row], *c = s.next[1][row];
      kernel_->lstm_cell(gates, s.state[1][row], c, n);
      std::copy_n(c, n, h);
      activation_.apply(h, n);
      multiply(*kernel_, static_cast<const T*>(h), static_cast<const T*>(gates + 3 * n), h, n);
    }
  }

  void backward(const TimeStep<T>& s) const {
    const int64_t n = units_;
    Workspace<T> space(reinterpret_cast<char*>(s.scratch));
    const RowsOf<T> slopes = space.take(s.rows, 4 * n);
    T* active = space.take(1, n).data;
    T* through = space.take(1, n).data;
    for (int64_t row = 0; row < s.rows; ++row) {
      const T *gates = s.saved[row], *before = s.before[1][row], *dh = s.state[0][row];
      T* d = slopes[row];
      kernel_->lstm_cell(gates, before, active, n);
      activation_.apply(active, n);
      multiply(*kernel_, dh, gates + 3 * n, through, n);
      activation_.apply_gradient(through, active, n);
      kernel_->lstm_cell_grad(gates, before, active, dh, through, s.state[1][row], d,
                              s.next[1][row], n);
      recurrent_.apply_gradient(d, gates, 2 * n);
      activation_.apply_gradient(d + 2 * n, gates + 2 * n, n);
      recurrent_.apply_gradient(d + 3 * n, gates + 3 * n, n);
      std::fill_n(s.next[0][row], n, T(0));
    }
    for (int64_t row = 0; row < s.rows; ++row) std::copy_n(slopes[row], 4 * n, s.dprojected[row]);
    product_.backward(s, slopes, s.next[0], space.take(s.rows, n));
  }

 private:
  const KernelTable<T>* kernel_;
  int64_t units_;
  Activation<T> activation_, recurrent_;
  GateProduct<T> product_;
};

bool register_all() {
  OpDef def, grad;
  def.infer = [](const OpContext& c) { return infer_recurrent(c, kSizes); };
  def.lower = [](Lowering& l) { lower_recurrent<LstmCell>(l, kSizes); };
  def.gradient = [](GradientContext& g) { recurrent_gradient(g, kSizes, {{kNoTensor, 0, 4}}, 0); };
  grad.infer = [](const OpContext& c) { return infer_recurrent_grad(c, kSizes, false); };
  grad.lower = [](Lowering& l) { lower_recurrent_grad<LstmCell>(l, kSizes, false); };
  grad.work = [](const OpContext& c) { return recurrent_grad_work(c, kSizes); };
  return register_recurrent("lstm", kSizes, {"recurrent_activation"}, def, grad);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
