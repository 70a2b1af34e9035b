// Weighted sums of slices of a tensor: one axis of an image resize (or of its gradient).

// y[o][j] = sum over t in [first[o], first[o + 1]) of weight[t] * x[index[t]][j], j < inner.
template <typename T>
void resample(const T* x, T* y, int64_t outputs, int64_t inner, const int64_t* first,
              const int64_t* index, const T* weight) {
  for (int64_t o = 0; o < outputs; ++o, y += inner) {
    const int64_t begin = first[o], end = first[o + 1];
    int64_t j = 0;
    for (; j + kLanes<T> <= inner; j += kLanes<T>) {
      Vec<T> sum{};
      for (int64_t t = begin; t < end; ++t) {
        const Vec<T> term = weight[t] * load<T>(x + index[t] * inner + j);
        sum = t == begin ? term : sum + term;
      }
      store<T>(y + j, sum);
    }
    for (; j < inner; ++j) {
      T sum = 0;
      for (int64_t t = begin; t < end; ++t) {
        const T term = weight[t] * x[index[t] * inner + j];
        sum = t == begin ? term : sum + term;
      }
      y[j] = sum;
    }
  }
}
