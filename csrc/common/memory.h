// Aligned, zero-initialised memory that vector kernels may over-read.
#pragma once

#include <cstddef>

namespace pyframe {

class Buffer {
 public:
  static constexpr size_t kAlignment = 64;
  // Readable bytes behind the end: more than one vector of any ISA, and one GEMM tile row.
  static constexpr size_t kSlack = 512;

  Buffer() = default;
  explicit Buffer(size_t bytes);  // throws Error when memory is short
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t mapped_ = 0;  // bytes mapped when the buffer is a mapping of its own
};

}  // namespace pyframe
