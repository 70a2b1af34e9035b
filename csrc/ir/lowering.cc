#include "ir/lowering.h"

#include <algorithm>

namespace pyframe {
namespace {

constexpr int64_t kMaxLanes = 16;
// Below this much work a second lane does not pay for its barrier and its partial sums.
constexpr int64_t kTwoLanes = 2500000;
constexpr int64_t kWorkPerLane = 2000000;

}  // namespace

Place place_of(const std::vector<PlanTensor>& tensors, TensorId id) {
  int64_t begin = 0, width = -1;
  int version = 0;
  for (;;) {
    const PlanTensor& t = tensors[static_cast<size_t>(id)];
    if (t.view_of != kNoTensor) {
      if (width < 0) width = t.spec.shape.back();
      begin += t.view_column;
      version += t.renews ? 1 : 0;
      id = t.view_of;
    } else if (t.alias_of != kNoTensor) {
      id = t.alias_of;
    } else {
      return {id, begin, width < 0 ? INT64_MAX : begin + width, version};
    }
  }
}

int64_t pitch_of(const std::vector<PlanTensor>& tensors, TensorId id) {
  while (tensors[static_cast<size_t>(id)].view_of != kNoTensor)
    id = tensors[static_cast<size_t>(id)].view_of;
  return tensors[static_cast<size_t>(id)].spec.shape.back();
}

int64_t Lowering::lanes(int64_t rows) const {
  if (rows < 2) return 1;
  if (columns_) return kColumnParts;
  if (total_work_ < kTwoLanes) return 1;
  const int64_t limit = std::min({kMaxLanes, total_work_ / kWorkPerLane, rows});
  int64_t lanes = 2;
  while (lanes * 2 <= limit) lanes *= 2;
  return ceil_div(rows, ceil_div(rows, lanes));
}

bool Lowering::few_rows(int64_t rows, int64_t work) const {
  constexpr int64_t kWorthSplitting = 200000;
  return lanes(rows) < 4 && rows < 8 && work > kWorthSplitting;
}

TensorId Lowering::temp(const TensorSpec& spec) {
  tensors_.push_back({spec, TensorKind::kValue, -1, kNoTensor, 1, 1});
  return static_cast<TensorId>(tensors_.size()) - 1;
}

TensorId Lowering::view(TensorId y, int64_t column, const TensorSpec& spec) {
  const TensorId id = temp(spec);
  tensors_[id].view_of = y;
  tensors_[id].view_column = column;
  return id;
}

TensorId Lowering::lane_temp(const TensorSpec& spec, int64_t rows) {
  const TensorId id = temp(spec);
  tensors_[id].copies = lanes(rows);
  return id;
}

TensorId Lowering::part_temp(const TensorSpec& spec) {
  const TensorId id = temp(spec);
  tensors_[id].copies = kColumnParts;
  return id;
}

Step& Lowering::add(const char* name, Partition partition, int64_t extent,
                    std::vector<Operand> operands, int64_t work, std::unique_ptr<Kernel> kernel) {
  for (const Operand& operand : operands)
    check(operand.part == Part::kColumns || tensors_[operand.tensor].part_stride == 0,
          "internal error: ", name, " cannot take parts in planes of their own");
  Step step;
  step.name = name;
  step.kernel = std::move(kernel);
  step.operands = std::move(operands);
  step.partition = partition;
  step.extent = extent;
  step.work = work;
  step.effect = node_ != nullptr && node_->def->effect;
  steps_.push_back(std::move(step));
  return steps_.back();
}

void Lowering::lower(const Node& node, const Epilogue* epilogue, const Epilogue* inner_epilogue) {
  node_ = &node;
  epilogue_ = epilogue;
  inner_epilogue_ = inner_epilogue;
  node.def->lower(*this);
  node_ = nullptr;
}

}  // namespace pyframe
