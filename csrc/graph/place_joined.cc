// Concatenation without copies.
//
// An input of a concatenation along the last axis becomes a view: columns of the result, which its
// producer writes and its readers read in rows that lie apart. Concatenations of concatenations (a
// dense block) are one tensor in the end. It is done where all who touch the input can; what
// remains is copied by the concatenation.
//
// In the backward pass the pieces of the result's gradient are views of it in the same way, and a
// sum of such a piece and another gradient is added up in its place, once all others have read it.
#include <climits>

#include "graph/builder.h"
#include "ir/op.h"

namespace pyframe {
namespace {

class Joiner {
 public:
  Joiner(std::vector<PlanTensor>& tensors, const std::vector<Node>& nodes,
         const std::vector<bool>& kept)
      : tensors_(tensors),
        nodes_(nodes),
        kept_(kept),
        readers_(tensors.size()),
        producer_(tensors.size(), -1),
        fits_(tensors.size(), false),
        pitched_(tensors.size(), true),
        steady_(tensors.size(), false),
        takes_part_(nodes.size(), false),
        residual_(nodes.size(), kNoTensor) {
    for (size_t i = 0; i < tensors.size(); ++i)
      steady_[i] = tensors[i].fixed && tensors[i].kind != TensorKind::kValue;
  }

  // All nodes in order, each with the residual of its epilogue (kNoTensor: none).
  void look_at(size_t n, TensorId residual) {
    const Node& node = nodes_[n];
    takes_part_[n] = can_pitch(node);
    bool steady = true;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!node.def->reads(i)) continue;
      steady = steady && steady_[at(node.inputs[i])];
      add_reader(node.inputs[i], static_cast<int>(n), takes_part_[n] && node.def->reads_pitched(i));
    }
    if (residual != kNoTensor)
      add_reader(residual, static_cast<int>(n), node.def->pitched_residual);
    residual_[n] = residual;
    if (node.after != kNoTensor) add_reader(node.after, static_cast<int>(n), true);
    for (TensorId id : node.outputs) {
      producer_[at(id)] = static_cast<int>(n);
      steady_[at(id)] = steady;
    }
    if (writes_pitched(n) && !steady && (residual == kNoTensor || node.def->pitched_residual))
      fits_[at(node.outputs[0])] = element_count(tensor(node.outputs[0]).spec.shape) > 0;
  }
  void add_reader(TensorId id, int n, bool pitched) {
    readers_[at(id)].push_back(n);
    if (!pitched) fits_[at(id)] = pitched_[at(id)] = false;
  }

  void run() {
    for (size_t n = 0; n < nodes_.size(); ++n) {
      if (!kept_[n] || !takes_part_[n]) continue;
      if (nodes_[n].def->joins) join(nodes_[n]);
      if (nodes_[n].def->splits) split(nodes_[n]);
      if (nodes_[n].def->is_sum) add_up(static_cast<int>(n), nodes_[n].inputs);
      if (residual_[n] != kNoTensor) add_up(static_cast<int>(n), {residual_[n]});
    }
    widen();
  }

 private:
  static size_t at(TensorId id) { return static_cast<size_t>(id); }
  PlanTensor& tensor(TensorId id) { return tensors_[at(id)]; }
  bool writes_pitched(size_t n) const {
    return takes_part_[n] && nodes_[n].def->pitched_output && !nodes_[n].outputs.empty();
  }

  // Whether an operator takes part at all, for its shapes.
  bool can_pitch(const Node& node) {
    if (node.def->can_pitch == nullptr) return true;
    std::vector<TensorSpec> specs;
    for (TensorId id : node.inputs) specs.push_back(tensor(id).spec);
    return node.def->can_pitch({*node.def, node.attrs, specs});
  }

  void join(const Node& node) {
    const TensorId y = node.outputs[0];
    if (steady_[at(y)]) return;
    int64_t column = 0;
    for (TensorId id : node.inputs) {
      PlanTensor& x = tensor(id);
      if (fits_[at(id)] && x.view_of == kNoTensor) {
        x.view_of = y;
        x.view_column = column;
      }
      column += x.spec.shape.back();
    }
  }

  void split(const Node& node) {
    const TensorId whole = node.inputs[0];
    PlanTensor& y = tensor(node.outputs[0]);
    if (!fits_[at(node.outputs[0])] || tensor(whole).kind != TensorKind::kValue) return;
    y.view_of = whole;
    for (int64_t i = 0; i < node.attrs.integer("piece", 0); ++i)
      y.view_column += tensor(node.inputs[at(static_cast<TensorId>(i)) + 1]).spec.shape.back();
  }

  bool is_piece(TensorId id) const {
    const int n = producer_[at(id)];
    return n >= 0 && nodes_[at(n)].def->splits && tensors_[at(id)].view_of != kNoTensor;
  }

  // Node n adds something to one of the terms.
  void add_up(int n, const std::vector<TensorId>& terms) {
    const TensorId sum = nodes_[at(n)].outputs[0];
    PlanTensor& y = tensor(sum);
    if (!fits_[at(sum)] || y.view_of != kNoTensor) return;
    for (TensorId piece : terms) {
      if (!is_piece(piece) || readers_[at(piece)].size() != 1 || !is_last(piece, n)) continue;
      y.view_of = piece;
      y.renews = true;
      return;
    }
  }

  // Whether node n, a reader of the piece, may overwrite it: whatever else reads these columns does
  // so before.
  bool is_last(TensorId piece, int n) {
    const Place own = place_of(tensors_, piece);
    for (TensorId id = piece;;) {
      const TensorId whole = tensor(id).view_of;
      if (tensor(id).renews) {  // nobody but its producer reads what it renewed
        id = whole;
        continue;
      }
      if (!pitched_[at(whole)]) return false;  // a reader might rename it
      for (int reader : readers_[at(whole)]) {
        if (reader == INT_MAX) return false;
        const Node& other = nodes_[at(reader)];
        const bool view = other.def->splits && is_piece(other.outputs[0]);
        if (view && other.outputs[0] == id) continue;
        if (view ? place_of(tensors_, other.outputs[0]).overlaps(own) : reader >= n) return false;
      }
      if (is_piece(whole) || tensor(whole).renews) {
        id = whole;
        continue;
      }
      const int from = producer_[at(whole)];
      return tensor(whole).view_of == kNoTensor && from >= 0 && writes_pitched(at(from)) &&
             !nodes_[at(from)].def->joins && !steady_[at(whole)] &&
             nodes_[at(from)].outputs[0] == whole;
    }
  }

  // Rows whose distance is a multiple of 512 bytes share few sets of the caches: where nobody
  // minds, they lie a cache line further apart.
  void widen() {
    const size_t count = tensors_.size();
    for (size_t i = 0; i < count; ++i) {
      if (tensors_[i].view_of == kNoTensor) continue;
      const TensorId y = place_of(tensors_, static_cast<TensorId>(i)).root;
      TensorSpec wide = tensor(y).spec;
      const auto size = static_cast<int64_t>(dtype_size(wide.dtype));
      if (at(y) >= count || !fits_[at(y)] || wide.shape.back() * size % 512 != 0) continue;
      wide.shape.back() += 64 / size;
      tensor(y).view_of = static_cast<TensorId>(tensors_.size());
      tensors_.push_back({wide});
    }
  }

  std::vector<PlanTensor>& tensors_;
  const std::vector<Node>& nodes_;
  const std::vector<bool>& kept_;
  std::vector<std::vector<int>> readers_;  // nodes, INT_MAX: the user
  std::vector<int> producer_;
  std::vector<bool> fits_;     // producer and readers can do with a view
  std::vector<bool> pitched_;  // the readers can
  std::vector<bool> steady_;   // the same in every run: the storage lasts
  std::vector<bool> takes_part_;
  std::vector<TensorId> residual_;  // by node
};

}  // namespace

void PlanBuilder::place_joined() {
  if (!join_in_place_) return;
  Joiner joiner(plan_.tensors_, nodes_, kept_);
  for (size_t n = 0; n < nodes_.size(); ++n)
    if (kept_[n])
      joiner.look_at(n, epilogue_of_[n] < 0
                            ? kNoTensor
                            : epilogues_[static_cast<size_t>(epilogue_of_[n])].residual);
  for (TensorId id : outputs_) joiner.add_reader(id, INT_MAX, false);
  joiner.run();
}

}  // namespace pyframe
