#include "common/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/check.h"
#include "common/types.h"

namespace pyframe {
namespace {
// From this size on a buffer is a mapping of its own on huge-page boundaries: the TLB of
// current cores does not cover a cache's worth of 4 KiB pages.
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kMapFrom = 2 * kHugePage;
}  // namespace

Buffer::Buffer(size_t bytes) : size_(bytes) {
  const size_t total = bytes + kSlack;
  if (total >= kMapFrom) {
    mapped_ = static_cast<size_t>(round_up(static_cast<int64_t>(total), kHugePage)) + kHugePage;
    void* base = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(base != MAP_FAILED, "out of memory: could not allocate ", bytes,
          " bytes. Use a smaller batch or model");
    const uintptr_t start = reinterpret_cast<uintptr_t>(base);
    const uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
    // Give back what lies before the boundary, so that data_ alone names the mapping.
    if (aligned > start) munmap(base, aligned - start);
    mapped_ -= aligned - start;
    data_ = reinterpret_cast<char*>(aligned);
#ifdef MADV_HUGEPAGE
    madvise(data_, mapped_, MADV_HUGEPAGE);
#endif
    return;
  }
  void* memory = nullptr;
  check(posix_memalign(&memory, kAlignment, total) == 0, "out of memory: could not allocate ",
        bytes, " bytes");
  std::memset(memory, 0, total);
  data_ = static_cast<char*>(memory);
}

Buffer::~Buffer() {
  if (mapped_ > 0)
    munmap(data_, mapped_);
  else
    std::free(data_);
}

Buffer::Buffer(Buffer&& other) noexcept { *this = std::move(other); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

}  // namespace pyframe
