// Gated recurrent unit (Cho et al. 2014), with the gates in the order z, r, candidate:
//   z, r = recurrent_activation(x W + h U + b), h = z h + (1 - z) candidate
//   candidate = activation(x W + r (h U + bias)) with `reset_after`, else activation(x W + (r h) U)
#include <optional>

#include "ops/recurrent_walk.h"

namespace pyframe {
namespace {

// Kept for the gradient: z, r, the candidate, and h U + bias of the candidate or r h.
constexpr CellSizes kSizes{3, 4, 1};

template <typename T>
class GruCell {
 public:
  GruCell(Lowering& l, Operands& operands, const Recurrence& r, TensorId u, TensorId bias,
          bool gradient)
      : kernel_(&kernels<T>()),
        units_(r.units),
        after_(l.attrs().flag("reset_after", true)),
        dropped_(r.dropped),
        activation_(l.attrs().text("activation", "tanh")),
        recurrent_(l.attrs().text("recurrent_activation", "sigmoid")),
        gates_(l, operands, u, r, 0, after_ ? 3 : 2, gradient) {
    if (!after_) candidate_.emplace(l, operands, u, r, 2, 1, gradient);
    if (bias != kNoTensor) bias_ = operands.read(bias);
  }

  size_t scratch_bytes(int64_t rows) const {
    return Workspace<T>::bytes(rows, 3 * units_) + 3 * Workspace<T>::bytes(rows, units_);
  }

  void forward(const TimeStep<T>& s) const {
    const int64_t n = units_;
    Workspace<T> space(reinterpret_cast<char*>(s.scratch));
    const RowsOf<T> sums = space.take(s.rows, 3 * n), scratch = space.take(s.rows, n);
    const RowsOf<T> reset = space.take(s.rows, n);
    gates_.forward(s, s.state[0], sums, bias_ < 0 ? nullptr : s.call->template at<T>(bias_),
                   scratch);
    for (int64_t row = 0; row < s.rows; ++row) {
      T* saved = s.saved[row];
      add(*kernel_, s.projected[row], static_cast<const T*>(sums[row]), saved, 2 * n);
      recurrent_.apply(saved, 2 * n);
      if (after_) {
        std::copy_n(sums[row] + 2 * n, n, saved + 3 * n);
      } else {
        multiply(*kernel_, static_cast<const T*>(s.state[0][row]), static_cast<const T*>(saved + n),
                 reset[row], n);
      }
    }
    if (!after_) candidate_->forward(s, reset, {sums.data + 2 * n, sums.pitch}, nullptr, scratch);
    for (int64_t row = 0; row < s.rows; ++row) {
      T* saved = s.saved[row];
      const T *x = s.projected[row] + 2 * n, *product = sums[row] + 2 * n;
      if (after_) {
        kernel_->multiply_add(x, saved + n, product, saved + 2 * n, n);
      } else {
        add(*kernel_, x, product, saved + 2 * n, n);
        // What was multiplied with U, for its gradient.
        std::copy_n(reset[row], n, saved + 3 * n);
        if (dropped_)
          multiply(*kernel_, static_cast<const T*>(reset[row]), s.dropout[row] + 2 * n,
                   saved + 3 * n, n);
      }
      activation_.apply(saved + 2 * n, n);
      kernel_->gru_mix(saved, s.state[0][row], saved + 2 * n, s.next[0][row], n);
    }
  }

  void backward(const TimeStep<T>& s) const {
    const int64_t n = units_;
    Workspace<T> space(reinterpret_cast<char*>(s.scratch));
    const RowsOf<T> slopes = space.take(s.rows, 3 * n), scratch = space.take(s.rows, n);
    const RowsOf<T> dreset = space.take(s.rows, n);
    for (int64_t row = 0; row < s.rows; ++row) {
      const T *saved = s.saved[row], *h = s.before[0][row];
      T* d = slopes[row];
      kernel_->gru_mix_grad(saved, h, saved + 2 * n, s.state[0][row], d, s.next[0][row], d + 2 * n,
                            n);
      activation_.apply_gradient(d + 2 * n, saved + 2 * n, n);
      std::fill_n(dreset[row], n, T(0));
    }
    if (!after_) candidate_->backward(s, {slopes.data + 2 * n, slopes.pitch}, dreset, scratch);
    for (int64_t row = 0; row < s.rows; ++row) {
      const T *saved = s.saved[row], *h = s.before[0][row];
      T* d = slopes[row];
      if (after_) {
        multiply(*kernel_, static_cast<const T*>(d + 2 * n), saved + 3 * n, d + n, n);
      } else {
        multiply(*kernel_, static_cast<const T*>(dreset[row]), h, d + n, n);
        kernel_->multiply_add(s.next[0][row], dreset[row], saved + n, s.next[0][row], n);
      }
      recurrent_.apply_gradient(d, saved, 2 * n);
      std::copy_n(d, 3 * n, s.dprojected[row]);
      if (after_) multiply(*kernel_, static_cast<const T*>(d + 2 * n), saved + n, d + 2 * n, n);
      if (s.dproducts.data != nullptr) std::copy_n(d, 3 * n, s.dproducts[row]);
    }
    gates_.backward(s, slopes, s.next[0], scratch);
  }

 private:
  const KernelTable<T>* kernel_;
  int64_t units_;
  bool after_, dropped_;
  Activation<T> activation_, recurrent_;
  GateProduct<T> gates_;
  std::optional<GateProduct<T>> candidate_;
  int bias_ = -1;
};

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.attrs.flag("reset_after", true) || !c.attrs.flag("biased", false),
            "a recurrent bias needs reset_after.");
  return infer_recurrent(c, kSizes);
}

void gradient(GradientContext& g) {
  constexpr int kProducts = 2;
  if (g.attrs().flag("reset_after", true))
    return recurrent_gradient(g, kSizes, {{kNoTensor, 0, 3}}, kProducts);
  const TensorId saved = g.y(Recurrence(kSizes, g.attrs()).saved());
  const int64_t units = g.spec(g.x(1)).shape[0];
  const TensorId reset =
      g.op("pad", {saved}, {{"before", Ints{0, 0, -3 * units}}, {"after", Ints{0, 0, 0}}});
  recurrent_gradient(g, kSizes, {{kNoTensor, 0, 2}, {reset, 2, 1}}, kProducts);
}

bool register_all() {
  OpDef def, grad;
  def.infer = infer;
  def.lower = [](Lowering& l) { lower_recurrent<GruCell>(l, kSizes); };
  def.gradient = gradient;
  grad.infer = [](const OpContext& c) { return infer_recurrent_grad(c, kSizes, true); };
  grad.lower = [](Lowering& l) { lower_recurrent_grad<GruCell>(l, kSizes, true); };
  grad.work = [](const OpContext& c) { return recurrent_grad_work(c, kSizes); };
  return register_recurrent("gru", kSizes, {"recurrent_activation", "reset_after", "biased"}, def,
                            grad);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
