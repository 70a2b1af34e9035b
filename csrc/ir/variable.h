// Storage that outlives plan runs: weights, optimizer slots, counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "common/memory.h"
#include "common/types.h"

namespace pyframe {

class Variable {
 public:
  Variable(Shape shape, DType dtype, std::string name)
      : spec_{std::move(shape), dtype},
        name_(std::move(name)),
        buffer_(static_cast<size_t>(element_count(spec_.shape)) * dtype_size(dtype)) {}

  const TensorSpec& spec() const { return spec_; }
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  char* data() const { return buffer_.data(); }  // never moves
  size_t bytes() const { return buffer_.size(); }

  // Grows with every change of the value; caches of derived data compare it.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // Held by the one run that is changing the value.
  bool acquire() { return !changing_.exchange(true, std::memory_order_acquire); }
  void release() { changing_.store(false, std::memory_order_release); }
  void touch() { version_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  TensorSpec spec_;
  std::string name_;
  Buffer buffer_;
  std::atomic<uint64_t> version_{0};
  std::atomic<bool> changing_{false};
};

}  // namespace pyframe
