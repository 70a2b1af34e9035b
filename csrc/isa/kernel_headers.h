// Everything that the kernels need from outside, to be included before a target region.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <cstddef>
#include <cstdint>

#include "isa/kernel_list.h"
#include "isa/kernel_table.h"
#include "isa/target.h"
