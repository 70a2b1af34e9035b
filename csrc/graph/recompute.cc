// Computes cheap activations again in the backward pass instead of keeping them for it.
//
// The gradients of a network read most of what its forward pass computed. A tensor whose operator
// is cheap (a normalisation, an elementwise function; at higher levels a convolution) need not wait
// for them: a copy of its operator in front of its first reader in the backward pass makes it
// again from tensors that are kept for other readers, or are themselves made again. Chen et al.
// 2016 (arXiv:1604.06174) and Jain et al. 2020 (arXiv:1910.02653) are of this family; here one pass
// in the order of the forward pass decides, so that it is quick for thousands of operators.
//
// The copy computes what the operator computed, bit by bit: the plan's results do not depend on it.
#include <algorithm>
#include <climits>
#include <cmath>

#include "graph/builder.h"
#include "ir/op.h"

namespace pyframe {
namespace {

// Smaller tensors are kept.
constexpr int64_t kWorthIt = 64 * 1024;
// Multiply-adds for one element of the result up to which an operator is cheap, by level.
constexpr int64_t kCheap[kRecomputeLevels] = {0, 4, 64, 256, 1024, INT64_MAX};
// An operator needs operands made again, whose operators need others; stops there.
constexpr int kMaxDepth = 24;

// What the backward pass wants of a tensor of the forward pass; positions are nodes.
struct Life {
  int first = INT_MAX, last = -1;  // its readers there
  int made = INT_MAX;              // the node before which it is made again, INT_MAX: it is kept
};

class Recompute {
 public:
  Recompute(std::vector<PlanTensor>& tensors, std::vector<Node>& nodes, std::vector<bool>& kept,
            const std::vector<TensorId>& outputs, int level)
      : tensors_(tensors), nodes_(nodes), kept_(kept), limit_(kCheap[level]) {
    while (begin_ < count() && !node(begin_).backward) ++begin_;
    producer_.assign(tensors_.size(), -1);
    life_.assign(tensors_.size(), {});
    is_output_.assign(tensors_.size(), false);
    for (TensorId id : outputs) is_output_[static_cast<size_t>(id)] = true;
    for (int n = 0; n < count(); ++n) {
      if (!kept_[static_cast<size_t>(n)]) continue;
      for (TensorId id : node(n).outputs) producer_[static_cast<size_t>(id)] = n;
      if (n < begin_) continue;
      for (size_t i = 0; i < node(n).inputs.size(); ++i) {
        if (!node(n).def->reads(i)) continue;
        Life& life = life_[static_cast<size_t>(node(n).inputs[i])];
        life.first = std::min(life.first, n);
        life.last = n;
      }
    }
    // How much longer than for its own readers a tensor may live for another's sake: long enough
    // that chains of sums need not keep each member, short enough that only some live at once.
    reach_ = static_cast<int>(2 * std::sqrt(std::max(0, count() - begin_)));
  }

  // Whether anything changed.
  bool run() {
    for (int n = 0; n < begin_; ++n) {
      if (!kept_[static_cast<size_t>(n)] || node(n).outputs.empty()) continue;
      const TensorId y = node(n).outputs[0];
      const Life& own = life(y);
      if (own.last < 0 || bytes(y) < kWorthIt || trigger(own.first) == kNoTensor) continue;
      changes_.clear();
      if (!make_at(y, own.first, 0)) undo(0);
    }
    return emit();
  }

 private:
  int count() const { return static_cast<int>(nodes_.size()); }
  const Node& node(int n) const { return nodes_[static_cast<size_t>(n)]; }
  const Life& life(TensorId id) const { return life_[static_cast<size_t>(id)]; }
  Life& change(TensorId id) {
    changes_.push_back({id, life(id)});
    return life_[static_cast<size_t>(id)];
  }
  void undo(size_t size) {
    for (; changes_.size() > size; changes_.pop_back())
      life_[static_cast<size_t>(changes_.back().first)] = changes_.back().second;
  }
  int producer(TensorId id) const { return producer_[static_cast<size_t>(id)]; }
  bool is_again(TensorId id) const { return life_[static_cast<size_t>(id)].made != INT_MAX; }

  int64_t bytes(TensorId id) const {
    const TensorSpec& spec = tensors_[static_cast<size_t>(id)].spec;
    return element_count(spec.shape) * static_cast<int64_t>(dtype_size(spec.dtype));
  }

  bool is_cheap(int n) const {
    const Node& from = node(n);
    if (!from.def->recomputable || is_output_[static_cast<size_t>(from.outputs[0])]) return false;
    if (from.def->work == nullptr) return true;
    std::vector<TensorSpec> specs;
    for (TensorId id : from.inputs) specs.push_back(tensors_[static_cast<size_t>(id)].spec);
    const int64_t size = element_count(tensors_[static_cast<size_t>(from.outputs[0])].spec.shape);
    return from.def->work({*from.def, from.attrs, specs}) / std::max<int64_t>(1, size) <= limit_;
  }

  // What node n of the backward pass waits for: the operand that the backward pass computes last.
  TensorId trigger(int n) const {
    TensorId best = kNoTensor;
    for (size_t i = 0; i < node(n).inputs.size(); ++i) {
      const TensorId id = node(n).inputs[i];
      if (!node(n).def->reads(i) || producer(id) < begin_) continue;
      if (best == kNoTensor || producer(id) > producer(best)) best = id;
    }
    return best;
  }

  // Has the operator of y run again before node `at`, if its operands can be there.
  bool make_at(TensorId y, int at, int depth) {
    const int n = producer(y);
    if (depth > kMaxDepth || n < 0 || n >= begin_ || !is_cheap(n)) return false;
    if (node(n).outputs[0] != y) return false;
    if (life(y).made <= at) return true;
    Life& own = change(y);
    own.made = at;
    own.first = own.last < 0 ? at : own.first;
    own.last = std::max(own.last, at);
    for (size_t i = 0; i < node(n).inputs.size(); ++i)
      if (node(n).def->reads(i) && !have_at(node(n).inputs[i], at, bytes(y), depth)) return false;
    return true;
  }

  // Whether x can be there at node `at`, for the sake of a tensor of that many bytes.
  bool have_at(TensorId x, int at, int64_t for_bytes, int depth) {
    const TensorKind kind = tensors_[static_cast<size_t>(x)].kind;
    if (kind == TensorKind::kVariable || kind == TensorKind::kConstant || bytes(x) < kWorthIt)
      return true;
    const Life& own = life(x);
    if (is_again(x)) {
      if (own.made <= at) {  // it is there already, perhaps not any more
        if (at - own.last > reach_) return false;
        change(x).last = std::max(own.last, at);
        return true;
      }
      return own.first - at <= reach_ && make_at(x, at, depth + 1);
    }
    if (own.last >= at) return true;
    if (own.last < 0) {  // the backward pass does not read it: may it be made again as well?
      const size_t before = changes_.size();
      if (make_at(x, at, depth + 1)) return true;
      undo(before);
    }
    // Kept instead of the result only if that saves memory.
    if (2 * bytes(x) > for_bytes) return false;
    change(x).last = at;
    return true;
  }

  bool emit() {
    std::vector<std::vector<Node>> before(nodes_.size());
    std::vector<TensorId> copy(tensors_.size(), kNoTensor);
    const auto renamed = [&](TensorId id) {
      const TensorId other = copy[static_cast<size_t>(id)];
      return other == kNoTensor ? id : other;
    };
    bool any = false;
    for (int n = 0; n < begin_; ++n) {
      if (!kept_[static_cast<size_t>(n)] || node(n).outputs.empty()) continue;
      const TensorId y = node(n).outputs[0];
      if (!is_again(y)) continue;
      any = true;
      Node again;
      again.def = node(n).def;
      again.attrs = node(n).attrs;
      for (TensorId id : node(n).inputs) again.inputs.push_back(renamed(id));
      if (!again.def->recompute_as.empty()) {
        again.def = &find_op(again.def->recompute_as);
        for (size_t i = 1; i < node(n).outputs.size(); ++i)
          again.inputs.push_back(node(n).outputs[i]);
      }
      const auto id = static_cast<TensorId>(tensors_.size());
      tensors_.push_back({tensors_[static_cast<size_t>(y)].spec});
      again.outputs = {id};
      again.backward = true;
      const int at = life(y).made;
      again.after = trigger(at);
      before[static_cast<size_t>(at)].push_back(std::move(again));
      copy[static_cast<size_t>(y)] = id;
    }
    if (!any) return false;
    std::vector<Node> nodes;
    std::vector<bool> kept;
    for (int n = 0; n < count(); ++n) {
      for (Node& again : before[static_cast<size_t>(n)]) {
        nodes.push_back(std::move(again));
        kept.push_back(true);
      }
      nodes.push_back(std::move(nodes_[static_cast<size_t>(n)]));
      kept.push_back(kept_[static_cast<size_t>(n)]);
      if (n < begin_) continue;
      for (size_t i = 0; i < nodes.back().inputs.size(); ++i)
        if (nodes.back().def->reads(i)) nodes.back().inputs[i] = renamed(nodes.back().inputs[i]);
    }
    nodes_ = std::move(nodes);
    kept_ = std::move(kept);
    return true;
  }

  std::vector<PlanTensor>& tensors_;
  std::vector<Node>& nodes_;
  std::vector<bool>& kept_;
  const int64_t limit_;
  int begin_ = 0;  // first node of the backward pass
  int reach_ = 0;
  std::vector<int> producer_;
  std::vector<Life> life_;
  std::vector<std::pair<TensorId, Life>> changes_;  // of the decision at hand, old values
  std::vector<bool> is_output_;
};

}  // namespace

void PlanBuilder::recompute() {
  if (recompute_level_ == 0) return;
  if (Recompute(plan_.tensors_, nodes_, kept_, outputs_, recompute_level_).run()) count_readers();
}

}  // namespace pyframe
