// Every x86-64 (SSE2), or any machine at all: 128-bit vectors, 16 registers.
#include "isa/kernel_headers.h"

#if !defined(__aarch64__)
#define PF_VBYTES 16
#define PF_MAX_ROWS 4
#define PF_TILE_VECTORS 2
#define PF_ACCUMULATORS 8
#define PF_VEC_HEADER "kernels/vec_128.inl.h"

namespace pyframe::baseline {
#include "kernels/all.inl.h"
}
#endif
