/* A loop for each instruction: twelve sums that depend on nothing but themselves, so that what limits is
 * how often the processor takes the instruction. Memory is read by vectors, in order, as weights are. */

#include "lm/kernel/peak.h"

#include "base/clock.h"

#include <omp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>

enum { SUMS = 12, TIMES = 10000 };

/* `step` of each sum by x, TIMES times; the sums are kept in registers, and something comes of them. */
#define LOOP(name, isa, type, zero, step) \
    __attribute__((target(isa), noinline)) static void name(void) \
    { \
        type x = zero, a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, \
             k = x, l = x; \
        for (int t = 0; t < TIMES; t++) { \
            a = step(a), b = step(b), c = step(c), d = step(d), e = step(e), f = step(f); \
            g = step(g), h = step(h), i = step(i), j = step(j), k = step(k), l = step(l); \
            __asm__ volatile("" \
                             : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f), "+v"(x)); \
            __asm__ volatile("" : "+v"(g), "+v"(h), "+v"(i), "+v"(j), "+v"(k), "+v"(l)); \
        } \
    }
#define FMA2(s) _mm256_fmadd_ps(x, x, s)
#define FMA5(s) _mm512_fmadd_ps(x, x, s)
#define WHOLE2(s) _mm256_add_epi32(s, _mm256_madd_epi16(x, s))
#define WHOLE5(s) _mm512_add_epi32(s, _mm512_madd_epi16(x, s))
#define VNNI(s) _mm512_dpbusd_epi32(s, x, x)
#define BF16(s) (__m512i) _mm512_dpbf16_ps((__m512)s, (__m512bh)x, (__m512bh)x)
LOOP(float_avx2, "avx2,fma", __m256, _mm256_setzero_ps(), FMA2)
LOOP(float_avx512, "avx512f", __m512, _mm512_setzero_ps(), FMA5)
LOOP(whole_avx2, "avx2", __m256i, _mm256_setzero_si256(), WHOLE2)
LOOP(whole_avx512, "avx512f,avx512bw", __m512i, _mm512_setzero_si512(), WHOLE5)
LOOP(whole_vnni, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(), VNNI)
LOOP(bf16_avx512, "avx512f,avx512bf16", __m512i, _mm512_setzero_si512(), BF16)

struct peak {
    const char *isa;
    enum peak_kind kind;
    void (*loop)(void);
    int products; /* of an instruction */
};

static const struct peak peaks[] = {
    {"avx2", PEAK_FLOAT, float_avx2, 8},          {"avx2", PEAK_BF16, float_avx2, 8},
    {"avx2", PEAK_INT8, whole_avx2, 16},          {"avx512", PEAK_FLOAT, float_avx512, 16},
    {"avx512", PEAK_BF16, float_avx512, 16},      {"avx512", PEAK_INT8, whole_avx512, 32},
    {"avx512vnni", PEAK_FLOAT, float_avx512, 16}, {"avx512vnni", PEAK_BF16, float_avx512, 16},
    {"avx512vnni", PEAK_INT8, whole_vnni, 64},    {"avx512bf16", PEAK_FLOAT, float_avx512, 16},
    {"avx512bf16", PEAK_BF16, bf16_avx512, 32},   {"avx512bf16", PEAK_INT8, whole_vnni, 64},
};

__attribute__((target("avx2"), noinline)) static int64_t read_part(const char *from, size_t n)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    int64_t sum[4];

    for (size_t i = 0; i + 128 <= n; i += 128) {
        const __m256i *p = (const void *)(from + i);

        a = _mm256_xor_si256(a, _mm256_loadu_si256(p));
        b = _mm256_xor_si256(b, _mm256_loadu_si256(p + 1));
        c = _mm256_xor_si256(c, _mm256_loadu_si256(p + 2));
        d = _mm256_xor_si256(d, _mm256_loadu_si256(p + 3));
        _mm_prefetch(from + i + 4096, _MM_HINT_T0);
        _mm_prefetch(from + i + 4160, _MM_HINT_T0);
    }
    a = _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(c, d));
    memcpy(sum, &a, sizeof sum);
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}
#else
struct peak {
    const char *isa;
    enum peak_kind kind;
    void (*loop)(void);
    int products;
};
enum { SUMS = 1, TIMES = 1 };
static const struct peak peaks[1] = {{.isa = ""}};

static int64_t read_part(const char *from, size_t n)
{
    int64_t sum = 0, word;

    for (size_t i = 0; i + 8 <= n; i += 8) {
        memcpy(&word, from + i, 8);
        sum ^= word;
    }
    return sum;
}
#endif

double peak_products(enum peak_kind kind, const char *isa, double seconds)
{
    const struct peak *peak = NULL;
    const int64_t start = clock_mono_ns();
    long done = 0;

    for (size_t i = 0; i < sizeof peaks / sizeof peaks[0]; i++)
        if (strcmp(peaks[i].isa, isa) == 0 && peaks[i].kind == kind)
            peak = &peaks[i];
    if (!peak)
        return 0;
#pragma omp parallel reduction(+ : done)
    do { /* once at least: a thread may come late */
        peak->loop();
        done++;
    } while ((double)(clock_mono_ns() - start) < seconds * 1e9);
    return 2.0 * peak->products * SUMS * TIMES * (double)done /
           (double)(clock_mono_ns() - start) * 1e9;
}

double peak_bytes(const void *block, size_t bytes, size_t piece, double seconds)
{
    const int64_t start = clock_mono_ns();
    const size_t pieces = bytes / piece;
    size_t read = 0;
    int64_t sum = 0;

    for (size_t at = 0; !at || (double)(clock_mono_ns() - start) < seconds * 1e9; at++) {
        const char *from = (const char *)block + at % pieces * piece;

#pragma omp parallel reduction(^ : sum)
        {
            const size_t n = (size_t)omp_get_num_threads(), i = (size_t)omp_get_thread_num();

            sum ^= read_part(from + piece * i / n, piece * (i + 1) / n - piece * i / n);
        }
        read += piece;
    }
    __asm__ volatile("" : : "r"(sum)); /* or nothing need be read */
    return (double)read / (double)(clock_mono_ns() - start) * 1e9;
}
