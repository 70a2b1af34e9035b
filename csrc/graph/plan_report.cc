// What a plan tells about itself: the time of its steps, and what they are.
#include <algorithm>

#include "graph/plan.h"

namespace pyframe {

std::vector<StepTime> Plan::profile(const std::vector<InputArray>& inputs,
                                    const std::vector<void*>& outputs, int64_t runs) {
  check(runs >= 1, "runs must be positive. Received: ", runs);
  std::vector<double> least, spent;
  for (int64_t r = 0; r < runs; ++r) {
    run(inputs, outputs, nullptr, 0, 0, 1, false, &spent);
    if (r == 0) least = spent;
    for (size_t s = 0; s < spent.size(); ++s) least[s] = std::min(least[s], spent[s]);
  }
  std::vector<StepTime> times;
  for (size_t g = prologue_; g < segments_.size(); ++g)
    for (int s : segments_[g].steps) {
      const Step& step = steps_[static_cast<size_t>(s)];
      StepTime time{step.name, {}, step.work, least[static_cast<size_t>(s)]};
      for (const Operand& operand : step.operands)
        if (operand.access != Access::kRead || time.shape.empty())
          time.shape = tensors_[static_cast<size_t>(operand.tensor)].spec.shape;
      times.push_back(std::move(time));
    }
  return times;
}

std::string Plan::describe() const {
  std::string text = cat("work ", work_, ", arena ", arena_bytes_, " bytes, per thread ",
                         local_bytes_, " + ", workspace_bytes_, " bytes\n");
  for (const Segment& segment : segments_) {
    if (segment.partition == Partition::kRows)
      text += cat("rows ", segment.rows, " in ", segment.tasks, " lanes of ", segment.lane_rows,
                  ", chunks of ", segment.chunk_rows, ", ", segment.local_bytes, " local bytes\n");
    else if (segment.partition == Partition::kColumns)
      text += cat(segment.effects ? "effects, columns in " : "columns in ", segment.tasks, "\n");
    else
      text += cat(segment.effects    ? "effects, tasks "
                  : segment.prologue ? "prologue, tasks "
                                     : "tasks ",
                  segment.tasks, "\n");
    for (int s : segment.steps) {
      const Step& step = steps_[static_cast<size_t>(s)];
      text += cat("  ", step.name, " work ", step.work);
      for (const Operand& operand : step.operands) {
        const PlanTensor& t = tensors_[static_cast<size_t>(operand.tensor)];
        text += cat(operand.access == Access::kRead ? " <" : " >", "%", operand.tensor,
                    operand.local ? "l" : "", operand.part == Part::kWhole ? "w" : "",
                    operand.part == Part::kLane      ? "p"
                    : operand.part == Part::kColumns ? "c"
                                                     : "",
                    to_string(t.spec.shape));
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace pyframe
