// Dropout with a counter-based mask.
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

struct DropoutKey {
  uint32_t first, second;

  PF_INLINE DropoutKey(uint64_t key, uint64_t index) {
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
void dropout_run(const T* x, T* y, int64_t n, uint32_t threshold, T scale, DropoutKey key,
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

template <typename T>
void dropout(const T* x, T* y, int64_t n, uint32_t threshold, T scale, uint64_t key,
             uint64_t offset) {
  while (n > 0) {
    const uint32_t low = static_cast<uint32_t>(offset);
    const int64_t left = (int64_t(1) << 32) - low;
    const int64_t count = n < left ? n : left;
    dropout_run<T>(x, y, count, threshold, scale, DropoutKey(key, offset), low);
    x += count;
    y += count;
    n -= count;
    offset += static_cast<uint64_t>(count);
  }
}
