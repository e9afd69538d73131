// CUDA's matrices of a plane (`nvcuda::wmma`), which Burn's matrix products are made of.
//
// Here every unit holds the whole matrix and computes the whole product, so that no unit waits for others.
#pragma once

#include "cuda_runtime.h"

namespace nvcuda::wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
namespace precision {
struct tf32 {};
} // namespace precision
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
    static constexpr int rows = std::is_same<Use, matrix_b>::value ? K : M;
    static constexpr int columns = std::is_same<Use, matrix_a>::value ? K : N;
    static constexpr int num_elements = rows * columns;
    float x[num_elements];
    float &at(int row, int column) { return x[row * columns + column]; }
    float at(int row, int column) const { return x[row * columns + column]; }
};

inline float __float_to_tf32(float number) {
    unsigned bits;
    std::memcpy(&bits, &number, sizeof bits);
    return leading_bits(bits + 0x1000u);
}

template <class F>
inline void fill_fragment(F &matrix, float number) {
    for (float &element : matrix.x) element = number;
}

template <class Use, int M, int N, int K, class T, class Layout>
inline void load_matrix_sync(fragment<Use, M, N, K, T, Layout> &matrix, const float *from, unsigned stride) {
    for (int row = 0; row < matrix.rows; row++)
        for (int column = 0; column < matrix.columns; column++)
            matrix.at(row, column) =
                std::is_same<Layout, col_major>::value ? from[column * stride + row] : from[row * stride + column];
}

template <class Use, int M, int N, int K, class T, class Layout>
inline void store_matrix_sync(float *to, const fragment<Use, M, N, K, T, Layout> &matrix, unsigned stride, layout_t layout) {
    for (int row = 0; row < matrix.rows; row++)
        for (int column = 0; column < matrix.columns; column++)
            (layout == mem_col_major ? to[column * stride + row] : to[row * stride + column]) = matrix.at(row, column);
}

inline float as_tensor_cores_see_it(float number) {
    unsigned bits;
    std::memcpy(&bits, &number, sizeof bits);
    return leading_bits(bits);
}

template <class D, class A, class B, class C>
inline void mma_sync(D &d, const A &a, const B &b, const C &c) {
    D product;
    for (int row = 0; row < a.rows; row++)
        for (int column = 0; column < b.columns; column++) {
            float sum = c.at(row, column);
            for (int k = 0; k < a.columns; k++)
                sum += as_tensor_cores_see_it(a.at(row, k)) * as_tensor_cores_see_it(b.at(k, column));
            product.at(row, column) = sum;
        }
    d = product;
}

} // namespace nvcuda::wmma
