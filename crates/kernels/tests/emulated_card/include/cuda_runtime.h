// What kernels in CUDA C++ expect of their language, in the C++ of the processor: see `../driver.cpp`.
//
// Only what our kernels and Burn's use is here. A name that is missing fails to compile, and the test that needed it fails.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __shared__
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

struct uint3 {
    unsigned x, y, z;
};
struct float2 {
    float x, y;
};
struct float4 {
    float x, y, z, w;
};

inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }

// Where the unit that runs now is, and what it needs others for. A kernel is a library of its own that is given this.
struct Unit {
    uint3 thread, block, block_size, grid_size;
    // Waits for the workgroup.
    void (*wait_for_block)();
    // d = a b + c, of a plane's [16, 8], [8, 8] and [16, 8]: the numbers that this unit holds of each.
    void (*multiply)(const unsigned *a, const unsigned *b, const float *c, float *d);
};
extern "C" Unit *unit;
extern "C" unsigned char *shared_memory_of_block;

#define threadIdx (unit->thread)
#define blockIdx (unit->block)
#define blockDim (unit->block_size)
#define gridDim (unit->grid_size)

inline void __syncthreads() { unit->wait_for_block(); }

using std::abs;
using std::ceil;
using std::cos;
using std::erf;
using std::exp;
using std::floor;
using std::fma;
using std::isinf;
using std::isnan;
using std::log;
using std::log1p;
using std::pow;
using std::rint;
using std::round;
using std::sin;
using std::sqrt;
using std::tanh;
using std::trunc;

// Of a number and one that is none, the number: as on a card.
template <class A, class B>
inline auto min(A a, B b) -> typename std::common_type<A, B>::type {
    using C = typename std::common_type<A, B>::type;
    if constexpr (std::is_floating_point<C>::value) {
        return std::fmin(C(a), C(b));
    } else {
        return C(b) < C(a) ? C(b) : C(a);
    }
}
template <class A, class B>
inline auto max(A a, B b) -> typename std::common_type<A, B>::type {
    using C = typename std::common_type<A, B>::type;
    if constexpr (std::is_floating_point<C>::value) {
        return std::fmax(C(a), C(b));
    } else {
        return C(a) < C(b) ? C(b) : C(a);
    }
}

inline float rsqrt(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __sinf(float x) { return std::sin(x); }
inline float __cosf(float x) { return std::cos(x); }
inline float __powf(float a, float b) { return std::pow(a, b); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __frsqrt_rn(float x) { return 1.0f / std::sqrt(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((uint64_t(a) * b) >> 32); }

// Units take turns: nobody comes between.
template <class T>
inline T atomicAdd(T *place, T term) {
    T before = *place;
    *place = before + term;
    return before;
}
inline float2 atomicAdd(float2 *place, float2 term) {
    float2 before = *place;
    *place = {before.x + term.x, before.y + term.y};
    return before;
}
inline float4 atomicAdd(float4 *place, float4 term) {
    float4 before = *place;
    *place = {before.x + term.x, before.y + term.y, before.z + term.z, before.w + term.w};
    return before;
}

// The bits of a float that a tensor core looks at.
inline float leading_bits(unsigned bits) {
    bits &= 0xffffe000u;
    float number;
    std::memcpy(&number, &bits, sizeof number);
    return number;
}

inline void __mma_m16n8k8_float_float_float(
    unsigned const &a0, unsigned const &a1, unsigned const &a2, unsigned const &a3, unsigned const &b0, unsigned const &b1,
    float const &c0, float const &c1, float const &c2, float const &c3, float &d0, float &d1, float &d2, float &d3) {
    unsigned a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
    float c[4] = {c0, c1, c2, c3}, d[4];
    unit->multiply(a, b, c, d);
    d0 = d[0];
    d1 = d[1];
    d2 = d[2];
    d3 = d[3];
}

// Calls a kernel with what `arguments` point to.
template <class... A, std::size_t... I>
inline void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<std::remove_reference_t<A>> *>(arguments[I])...);
}
template <class... A>
inline void call(void (*kernel)(A...), void **arguments) {
    call(kernel, arguments, std::index_sequence_for<A...>());
}
