#include "ops/broadcast.h"

#include <algorithm>

#include "common/check.h"

namespace pyframe {

bool broadcast_shapes(const Shape& a, const Shape& b, Shape* out) {
  const size_t rank = std::max(a.size(), b.size());
  out->assign(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (da != db && da != 1 && db != 1) return false;
    (*out)[rank - 1 - i] = da == 1 ? db : da;
  }
  return true;
}

StridedLoop::StridedLoop(const Shape& out, const Shape& a, const Shape& b, size_t skip) {
  const size_t rank = out.size();
  std::vector<Dim> dims;
  int64_t stride_a = 1, stride_b = 1;
  for (size_t i = 0; i < rank - skip; ++i) {  // from the innermost dimension
    const int64_t size = out[rank - 1 - i];
    const int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
    const Dim dim{size, da == 1 ? 0 : stride_a, db == 1 ? 0 : stride_b};
    stride_a *= da;
    stride_b *= db;
    if (size == 1) continue;
    // Merge with the dimension inside it when both operands step evenly across the two.
    if (!dims.empty() && dim.a == dims.back().a * dims.back().size &&
        dim.b == dims.back().b * dims.back().size) {
      dims.back().size *= size;
    } else {
      dims.push_back(dim);
    }
  }
  if (!dims.empty()) {
    run = dims[0].size;
    a_inc = dims[0].a;
    b_inc = dims[0].b;
    outer.assign(dims.rbegin(), dims.rend() - 1);
  }
  check(outer.size() <= 8, "tensors of more than 8 dimensions are not supported");
  for (const Dim& dim : outer) outer_count *= dim.size;
}

}  // namespace pyframe
