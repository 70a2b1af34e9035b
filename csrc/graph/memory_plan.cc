// Gives every tensor of a plan its address.
//
// A tensor that lives only inside one row segment needs room for one chunk of rows in each thread's
// own memory. All others share one arena: two tensors may overlap there if no segment uses both.
// Placement is greedy by size (Pisarchyk and Lee 2020, arXiv:2001.03288).
#include <algorithm>
#include <numeric>
#include <set>

#include "graph/builder.h"

namespace pyframe {
namespace {

constexpr int64_t kAlign = 64;
// Chunk memory should leave room for weights in a 512 KiB L2 cache.
constexpr int64_t kChunkBytes = 256 * 1024;

struct Block {
  TensorId tensor;
  int64_t bytes;
  int first, last;  // inclusive interval in which it must keep its contents
  int64_t offset = 0;
};

// Places blocks so that those with overlapping intervals do not overlap; returns the extent.
int64_t place(std::vector<Block>& blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  int64_t extent = 0;
  std::vector<size_t> placed;  // by offset
  for (size_t b : order) {
    Block& block = blocks[b];
    int64_t at = 0;
    for (size_t p : placed) {
      const Block& other = blocks[p];
      if (other.last < block.first || other.first > block.last) continue;
      if (other.offset >= at + block.bytes) break;
      at = std::max(at, other.offset + other.bytes);
    }
    block.offset = at;
    extent = std::max(extent, at + block.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), b,
                         [&](size_t x, size_t y) { return blocks[x].offset < blocks[y].offset; }),
        b);
  }
  return extent;
}

// Where a tensor's storage is used: positions count steps in the order of execution.
struct Use {
  int first_segment = -1, last_segment = -1;
  int first_step = -1, last_step = -1;
  bool rows_only = true;  // every access is by rows
};

}  // namespace

void PlanBuilder::place_memory() {
  std::vector<PlanTensor>& tensors = plan_.tensors_;
  std::vector<Step>& steps = plan_.steps_;
  const auto bytes_of = [&](TensorId id) {
    const PlanTensor& t = tensors[static_cast<size_t>(id)];
    return element_count(t.spec.shape) * static_cast<int64_t>(dtype_size(t.spec.dtype)) * t.copies;
  };
  const auto uses = [&] {
    std::vector<Use> result(tensors.size());
    int position = 0;
    for (size_t g = 0; g < plan_.segments_.size(); ++g)
      for (int s : plan_.segments_[g].steps) {
        for (const Operand& operand : steps[static_cast<size_t>(s)].operands) {
          Use& use = result[static_cast<size_t>(root(operand.tensor))];
          if (use.first_step < 0) {
            use.first_step = position;
            use.first_segment = static_cast<int>(g);
          }
          use.last_step = position;
          use.last_segment = static_cast<int>(g);
          use.rows_only = use.rows_only && operand.part == Part::kRows;
        }
        ++position;
      }
    return result;
  };
  std::vector<bool> packed(tensors.size(), false);   // results of the prologue
  std::vector<bool> lasting(tensors.size(), false);  // read by later steps
  for (size_t s = 0; s < steps.size(); ++s)
    for (const Operand& operand : steps[s].operands) {
      const auto id = static_cast<size_t>(root(operand.tensor));
      if (!constant_[s]) lasting[id] = true;
      if (!constant_[s]) continue;
      if (operand.access != Access::kRead) packed[id] = true;
      if (tensors[id].kind == TensorKind::kVariable)
        plan_.prologue_variables_.push_back(tensors[id].source);
    }
  const auto is_arena = [&](TensorId id) {
    const TensorKind kind = tensors[static_cast<size_t>(id)].kind;
    return kind == TensorKind::kValue || kind == TensorKind::kInput;
  };

  std::vector<Use> use = uses();
  // In place: the result takes over an operand that nobody reads afterwards.
  int position = 0;
  for (size_t g = 0; g < plan_.segments_.size(); ++g)
    for (int s : plan_.segments_[g].steps) {
      const Step& step = steps[static_cast<size_t>(s)];
      const int at = position++;
      if (step.in_place_from < 0) continue;
      const TensorId from = root(step.operands[static_cast<size_t>(step.in_place_from)].tensor);
      const TensorId to = root(step.operands[static_cast<size_t>(step.in_place_to)].tensor);
      Use& kept = use[static_cast<size_t>(from)];
      // A view's neighbours must keep their columns.
      const auto is_view = [&](int operand) {
        const TensorId id = step.operands[static_cast<size_t>(operand)].tensor;
        return tensors[static_cast<size_t>(id)].view_of != kNoTensor;
      };
      if (is_view(step.in_place_from) || is_view(step.in_place_to)) continue;
      if (from == to || !is_arena(from) || packed[static_cast<size_t>(from)] ||
          tensors[static_cast<size_t>(from)].copies != 1 || bytes_of(from) != bytes_of(to) ||
          kept.last_step != at)
        continue;
      // Within a segment tasks, lanes and chunks overlap in time: only steps that see the very
      // same rows may share them.
      bool shared = false;
      for (int other : plan_.segments_[g].steps)
        for (const Operand& operand : steps[static_cast<size_t>(other)].operands)
          shared = shared || (other != s && root(operand.tensor) == from &&
                              (step.partition == Partition::kTasks || operand.part != Part::kRows));
      if (shared) continue;
      tensors[static_cast<size_t>(to)].alias_of = from;
      const Use& taken = use[static_cast<size_t>(to)];
      kept.last_step = taken.last_step;
      kept.last_segment = taken.last_segment;
      kept.rows_only = kept.rows_only && taken.rows_only;
    }

  std::vector<Block> global, fixed, staged;
  std::vector<std::vector<Block>> local(plan_.segments_.size());
  std::vector<int64_t> local_offset(tensors.size(), -1);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto id = static_cast<TensorId>(i);
    if (root(id) != id || !is_arena(id) || use[i].first_step < 0) continue;
    const auto segment = static_cast<size_t>(use[i].first_segment);
    if (use[i].rows_only && use[i].first_segment == use[i].last_segment &&
        plan_.segments_[segment].rows > 0) {
      const int64_t row_bytes = bytes_of(id) / plan_.segments_[segment].rows;
      local[segment].push_back({id, row_bytes, use[i].first_step, use[i].last_step});
    } else if (packed[i] && !lasting[i]) {
      staged.push_back({id, std::max<int64_t>(1, round_up(bytes_of(id), kAlign)),
                        use[i].first_segment, use[i].last_segment});
    } else if (packed[i]) {
      fixed.push_back({id, std::max<int64_t>(1, round_up(bytes_of(id), kAlign)), 0, 0});
    } else {
      global.push_back({id, std::max<int64_t>(1, round_up(bytes_of(id), kAlign)),
                        use[i].first_segment, use[i].last_segment});
    }
  }

  plan_.packed_bytes_ = static_cast<size_t>(place(fixed));
  plan_.packed_offset_.assign(tensors.size(), -1);
  for (const Block& block : fixed)
    plan_.packed_offset_[static_cast<size_t>(block.tensor)] = block.offset;
  plan_.staged_bytes_ = static_cast<size_t>(place(staged));
  plan_.staged_offset_.assign(tensors.size(), -1);
  for (const Block& block : staged)
    plan_.staged_offset_[static_cast<size_t>(block.tensor)] = block.offset;
  plan_.arena_bytes_ = static_cast<size_t>(place(global));
  plan_.offset_.assign(tensors.size(), -1);
  for (const Block& block : global) plan_.offset_[static_cast<size_t>(block.tensor)] = block.offset;

  for (size_t g = 0; g < plan_.segments_.size(); ++g) {
    Segment& segment = plan_.segments_[g];
    if (segment.partition != Partition::kRows || segment.rows == 0) continue;
    std::vector<Block> per_row = local[g];
    const int64_t row_bytes = std::max<int64_t>(1, place(per_row));
    int64_t chunk = std::max<int64_t>(1, kChunkBytes / row_bytes);
    for (int s : segment.steps)
      chunk = std::max(chunk, steps[static_cast<size_t>(s)].preferred_rows);
    chunk = std::min(chunk, segment.lane_rows);
    segment.chunk_rows = ceil_div(segment.lane_rows, ceil_div(segment.lane_rows, chunk));
    for (Block& block : local[g])
      block.bytes = round_up(std::max<int64_t>(1, block.bytes * segment.chunk_rows), kAlign);
    segment.local_bytes = static_cast<size_t>(place(local[g]));
    plan_.local_bytes_ = std::max(plan_.local_bytes_, segment.local_bytes);
    for (const Block& block : local[g])
      local_offset[static_cast<size_t>(block.tensor)] = block.offset;
  }

  std::set<int> updated;
  for (Step& step : steps) {
    plan_.workspace_bytes_ = std::max(plan_.workspace_bytes_, step.workspace);
    for (Operand& operand : step.operands) {
      const TensorId own = operand.tensor;
      const bool is_view = tensors[static_cast<size_t>(own)].view_of != kNoTensor;
      const Place place = place_of(tensors, own);
      const int64_t local_at = local_offset[static_cast<size_t>(place.root)];
      operand.local = local_at >= 0;
      if (operand.local) operand.offset = local_at;
      if (is_view) {
        const DType dtype = tensors[static_cast<size_t>(own)].spec.dtype;
        operand.offset += place.begin * static_cast<int64_t>(dtype_size(dtype));
        plan_.offset_[static_cast<size_t>(own)] = plan_.offset_[static_cast<size_t>(place.root)];
      } else {
        operand.tensor = place.root;
      }
      if (!operand.local && operand.part == Part::kRows && step.extent > 0) {
        operand.row_stride = bytes_of(is_view ? place.root : own) / step.extent;
      } else if (!operand.local && operand.part == Part::kLane) {
        const int64_t copies = tensors[static_cast<size_t>(operand.tensor)].copies;
        operand.lane_stride = copies == 1 ? 0 : bytes_of(operand.tensor) / copies;
      }
      if (operand.access == Access::kUpdate &&
          tensors[static_cast<size_t>(operand.tensor)].kind == TensorKind::kVariable)
        updated.insert(tensors[static_cast<size_t>(operand.tensor)].source);
    }
  }
  plan_.updated_.assign(updated.begin(), updated.end());
}

}  // namespace pyframe
