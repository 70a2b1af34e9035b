// Checks, random data and guarded buffers of the kernel tests.
#pragma once

#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>

#if defined(__SANITIZE_ADDRESS__)
#define PF_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PF_TEST_ASAN 1
#endif
#endif

namespace pyframe::test {

// The type in which references are computed: its rounding errors do not matter.
template <typename T>
using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;

template <typename T>
constexpr const char* kTypeName = sizeof(T) == 4 ? "f32" : "f64";
template <typename T>
constexpr T kEpsilon = std::numeric_limits<T>::epsilon();
template <typename T>
constexpr T kSmallest = std::numeric_limits<T>::min();
template <typename T>
constexpr T kInf = std::numeric_limits<T>::infinity();
template <typename T>
constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

// Lengths around every vector width (2 to 16 elements) and some multiples of it.
constexpr int kSizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100};

struct Tally {
  int64_t checks = 0;
  int64_t failures = 0;
  char context[160] = "";
};
inline Tally tally;

// Names the case under test in the messages of the checks that follow.
__attribute__((format(printf, 1, 2))) inline void set_case(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(tally.context, sizeof(tally.context), format, arguments);
  va_end(arguments);
}

inline void fail(const char* what, int64_t i, long double got, long double want) {
  constexpr int64_t kPrinted = 40;
  if (++tally.failures > kPrinted) return;
  std::printf("FAILED %s: %s", tally.context, what);
  if (i >= 0) std::printf(" [%lld]: got %.17Lg, want %.17Lg", static_cast<long long>(i), got, want);
  std::printf("\n");
}

inline void expect(bool ok, const char* what) {
  ++tally.checks;
  if (!ok) fail(what, -1, 0, 0);
}

// The same value, or NaN both.
template <typename T>
void expect_equal(const char* what, int64_t i, T got, T want) {
  ++tally.checks;
  if (!(got == want || (got != got && want != want))) {
    fail(what, i, static_cast<long double>(got), static_cast<long double>(want));
  }
}

// |got - want| <= k epsilon scale, where `scale` bounds the terms that were added up and k counts
// roundings. Results that are not normal numbers may be flushed to zero.
template <typename T>
void expect_near(const char* what, int64_t i, T got, Wide<T> want, Wide<T> scale, double k) {
  ++tally.checks;
  if (got == static_cast<T>(want) || (std::isnan(got) && std::isnan(want))) return;
  const Wide<T> tolerance = static_cast<Wide<T>>(k) * kEpsilon<T> * scale + kSmallest<T>;
  if (!(std::fabs(got - want) <= tolerance)) fail(what, i, got, want);
}

// Error of `got` in units in the last place of `want`.
template <typename T>
double ulps(T got, Wide<T> want) {
  const T rounded = static_cast<T>(want);
  if (got == rounded || (std::isnan(got) && std::isnan(rounded))) {
    if (!std::isfinite(got)) return 0;
  } else if (!std::isfinite(got) || !std::isfinite(rounded)) {
    return std::numeric_limits<double>::infinity();
  }
  int exponent = std::numeric_limits<T>::min_exponent;
  if (std::fabs(rounded) >= kSmallest<T>) std::frexp(rounded, &exponent);
  const Wide<T> unit = std::ldexp(Wide<T>(1), exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::fabs(got - want) / unit);
}

template <typename T>
void expect_same_bits(const char* what, const T* got, const T* want, int64_t n) {
  expect(std::memcmp(got, want, static_cast<size_t>(n) * sizeof(T)) == 0, what);
}

// SplitMix64: the same numbers with every compiler and library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double uniform(double low, double high) {
    return low + (high - low) * std::ldexp(static_cast<double>(next() >> 11), -53);
  }
  // low <= result < high
  int64_t integer(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(next() % static_cast<uint64_t>(high - low));
  }

 private:
  uint64_t state_;
};

// An array of exactly `size` elements and `over` more that may be read. All bits are set at first
// (NaN), so that elements read before or past the end or never written show in the results. The
// address sanitizer finds accesses outside; without it, guards find writes.
template <typename T>
class Buffer {
 public:
  explicit Buffer(int64_t size, int64_t over = 0)
      : size_(size), after_(over + kGuard), storage_(new T[kGuard + size + after_]) {
    std::memset(static_cast<void*>(storage_.get()), 0xff, bytes(kGuard + size + after_));
  }
  Buffer(const Buffer& other) : Buffer(other.size_) {
    std::memcpy(data(), other.data(), bytes(size_));
  }
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    expect(untouched(storage_.get(), kGuard) && untouched(data() + size_, after_),
           "memory outside of an array was written");
  }

  T* data() { return storage_.get() + kGuard; }
  const T* data() const { return storage_.get() + kGuard; }
  T& operator[](int64_t i) { return data()[i]; }
  const T& operator[](int64_t i) const { return data()[i]; }
  int64_t size() const { return size_; }

  Buffer& fill(T value) {
    for (int64_t i = 0; i < size_; ++i) data()[i] = value;
    return *this;
  }
  Buffer& uniform(Random& random, double low = -1, double high = 1) {
    for (int64_t i = 0; i < size_; ++i) data()[i] = static_cast<T>(random.uniform(low, high));
    return *this;
  }
  Buffer& integers(Random& random, int64_t low, int64_t high) {
    for (int64_t i = 0; i < size_; ++i) data()[i] = static_cast<T>(random.integer(low, high));
    return *this;
  }

 private:
#if defined(PF_TEST_ASAN)
  static constexpr int64_t kGuard = 0;
#else
  static constexpr int64_t kGuard = 64 / sizeof(T);
#endif

  static size_t bytes(int64_t n) { return static_cast<size_t>(n) * sizeof(T); }
  static bool untouched(const T* p, int64_t n) {
    const auto* byte = reinterpret_cast<const unsigned char*>(p);
    for (size_t i = 0; i < bytes(n); ++i) {
      if (byte[i] != 0xff) return false;
    }
    return true;
  }

  int64_t size_, after_;
  std::unique_ptr<T[]> storage_;
};

}  // namespace pyframe::test
