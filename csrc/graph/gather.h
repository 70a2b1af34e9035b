// Batch gather: rows of a dataset array, cast to the element type of a graph input.
#pragma once

#include <cstdint>

#include "common/types.h"
#include "ir/lowering.h"

namespace pyframe {

// Element types that an input array may have.
enum class SourceType : int { kF32, kF64, kI32, kI64, kU8, kBool };

// to[i, :] = cast(from[row(first + i), :]) for i < count; row(r) is index[r], or r without index.
void gather_rows(SourceType type, const char* from, int64_t row_elements, const int64_t* index,
                 int64_t first, int64_t count, DType dtype, char* to);

// to[i * pitch + j] = the same for the columns j of a range; other columns are left alone.
void gather_columns(SourceType type, const char* from, int64_t row_elements, Range columns,
                    const int64_t* index, int64_t first, int64_t count, DType dtype, char* to,
                    int64_t pitch);

}  // namespace pyframe
