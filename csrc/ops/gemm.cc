#include "ops/gemm.h"

#include "common/dispatch_dtype.h"

namespace pyframe {

TensorId lower_pack(Lowering& l, TensorId b, int64_t k, int64_t n, int64_t rs, int64_t cs,
                    int64_t offset, int64_t count) {
  return dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* kernel = &kernels<T>();
    const int64_t nr = kernel->nr, panels = ceil_div(n, nr), size = panels * k * nr;
    const TensorId packed = l.temp({{count * size}, DTypeOf<T>::value});
    // Several panels a task: enough pieces for many threads, long enough runs for the prefetcher.
    const int64_t group =
        std::max(16384 / std::max<int64_t>(1, k * nr), std::clamp<int64_t>(panels / 8, 1, 8));
    const int64_t groups = ceil_div(panels, group);
    l.tasks("pack", count * groups, {read_whole(b), write_whole(packed)}, count * k * n,
            [=](const Call& c) {
              const int64_t matrix = c.begin / groups, first = c.begin % groups * group;
              const int64_t columns = std::min(n, (first + group) * nr) - first * nr;
              kernel->pack_b(c.at<T>(0) + offset + matrix * k * n + first * nr * cs, rs, cs, k,
                             columns, c.at<T>(1) + matrix * size + first * k * nr);
            });
    return packed;
  });
}

}  // namespace pyframe
