// AArch64, where 128-bit vectors with FMA are the baseline: 32 registers.
#include "isa/kernel_headers.h"

#if defined(__aarch64__)
#define PF_VBYTES 16
#define PF_MAX_ROWS 8
#define PF_TILE_VECTORS 3
#define PF_ACCUMULATORS 24
#define PF_VEC_HEADER "kernels/vec_128.inl.h"

namespace pyframe::neon {
#include "kernels/all.inl.h"
}
#endif
