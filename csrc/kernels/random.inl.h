// Counter-based random numbers, and dropout with a mask of them.
//
// hash32(key, i): the low word of i, xored with a word of the key, goes through an integer hash,
// is xored with the other word and hashed again. The hash is "lowbias32" of Chris Wellons (Hash
// Prospector, https://github.com/skeeto/hash-prospector, public domain). The high word of i is
// mixed into the key.

template <typename U>
PF_INLINE U hash_word(U x) {
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

struct RandomKey {
  uint32_t first, second;

  PF_INLINE RandomKey(uint64_t key, uint64_t index) {
    const uint32_t high = hash_word<uint32_t>(static_cast<uint32_t>(index >> 32));
    first = static_cast<uint32_t>(key) ^ high;
    second = static_cast<uint32_t>(key >> 32) + high;
  }

  template <typename U>
  PF_INLINE U hash(U low) const {
    return hash_word<U>(hash_word<U>(low ^ first) ^ second);
  }
};

// The elements of one run in which the high word of the index does not change.
template <typename T>
void dropout_run(const T* x, T* y, int64_t n, uint32_t threshold, T scale, RandomKey key,
                 uint32_t low) {
  using U = UVec<float>;
  constexpr int64_t width = kLanes<float>;
  U counter = (U)iota<float>() + low;
  for (int64_t i = 0; i < n; i += width, counter += static_cast<uint32_t>(width)) {
    const IVec<float> kept = key.hash<U>(counter) >= threshold;
    if constexpr (sizeof(T) == 4) {
      const bool part = n - i < width;
      const Vec<T> v = part ? load_part<T>(x + i, n - i) : load<T>(x + i);
      const Vec<T> out = keep<T>(kept, v * scale);
      if (part) {
        store_part<T>(y + i, out, n - i);
      } else {
        store<T>(y + i, out);
      }
    } else {
      int32_t lanes[width];
      store<float>(reinterpret_cast<float*>(lanes), from_bits<float>(kept));
      const int64_t end = n - i < width ? n - i : width;
      for (int64_t j = 0; j < end; ++j) y[i + j] = lanes[j] != 0 ? x[i + j] * scale : T(0);
    }
  }
}

// y[i] = the upper 24 bits of a hash as a number in [0, 1).
template <typename T>
void uniform_run(T* y, int64_t n, RandomKey key, uint32_t low) {
  using U = UVec<float>;
  constexpr int64_t width = kLanes<float>;
  U counter = (U)iota<float>() + low;
  for (int64_t i = 0; i < n; i += width, counter += static_cast<uint32_t>(width)) {
    const IVec<float> hashes = (IVec<float>)(key.hash<U>(counter) >> 8);
    const Vec<float> values = __builtin_convertvector(hashes, Vec<float>) * 0x1p-24f;
    float lanes[width];
    store<float>(lanes, values);
    const int64_t end = n - i < width ? n - i : width;
    for (int64_t j = 0; j < end; ++j) y[i + j] = static_cast<T>(lanes[j]);
  }
}

// How many of n elements from `offset` on have the same high word of the index.
PF_INLINE int64_t same_high_word(uint64_t offset, int64_t n) {
  const int64_t left = (int64_t(1) << 32) - static_cast<uint32_t>(offset);
  return n < left ? n : left;
}

template <typename T>
void dropout(const T* x, T* y, int64_t n, uint32_t threshold, T scale, uint64_t key,
             uint64_t offset) {
  while (n > 0) {
    const int64_t count = same_high_word(offset, n);
    dropout_run<T>(x, y, count, threshold, scale, RandomKey(key, offset),
                   static_cast<uint32_t>(offset));
    x += count;
    y += count;
    n -= count;
    offset += static_cast<uint64_t>(count);
  }
}

template <typename T>
void random_uniform(T* y, int64_t n, uint64_t key, uint64_t offset) {
  while (n > 0) {
    const int64_t count = same_high_word(offset, n);
    uniform_run<T>(y, count, RandomKey(key, offset), static_cast<uint32_t>(offset));
    y += count;
    n -= count;
    offset += static_cast<uint64_t>(count);
  }
}
