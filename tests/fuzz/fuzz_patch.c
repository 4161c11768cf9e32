/* Patches that a stranger could send.
 *
 * Input: a byte of how, u24 bytes of the image (at most 2 MiB + some). How even: the rest is the
 * patch. Odd: an honest patch of such an image (bit 1: most of its words as they were), then changes
 * as (u24 offset, xor), so that table, planes and streams are reached. Base, image and patch lie in blocks of just their size: a step beyond one
 * is seen by the sanitizer. */

#include "base/mem.h"
#include "proto/patch.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static size_t get24(const uint8_t *from)
{
    return from[0] | (size_t)from[1] << 8 | (size_t)from[2] << 16;
}

/* Weights, and beside them the same with `mask` over some of the bits; bit 1 of it: of few. */
static uint8_t *image(size_t n, uint8_t mask)
{
    uint8_t *const to = mem_new(n ? n : 1, 1);

    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)((i * 2654435761U >> 13) ^
                          (i % (mask & 2 ? 64 : 4) < 2 ? mask & (i >> 3) : 0));
    return to;
}

static void take(const void *patch, size_t n, const uint8_t *base, size_t of_bytes)
{
    struct patch p;
    struct hash digest;
    uint8_t *of;

    if (patch_open(&p, patch, n, of_bytes))
        return;
    of = mem_new(of_bytes ? of_bytes : 1, 1);
    for (size_t i = 0; i < p.blocks; i++)
        if (!patch_block(&p, i, base, of, &digest) &&
            p.blocks != (of_bytes + HASH_CHUNK - 1) / HASH_CHUNK)
            abort();
    patch_close(&p);
    free(of);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const size_t of_bytes = n < 4 ? 0 : get24(bytes + 1) % (2 * HASH_CHUNK + 4097);
    uint8_t *base, *of, *patch = NULL;
    size_t size = 0;

    if (n < 4)
        return 0;
    base = image(of_bytes, 0);
    if (bytes[0] & 1) {
        of = image(of_bytes, bytes[0]);
        if (!patch_make(&patch, &size, base, of, of_bytes, NULL))
            for (size_t at = 4; at + 4 <= n; at += 4)
                patch[get24(bytes + at) % size] ^= bytes[at + 3];
        free(of);
    } else {
        size = n - 4;
        patch = mem_new(size ? size : 1, 1);
        memcpy(patch, bytes + 4, size);
    }
    if (patch)
        take(patch, size, base, of_bytes);
    free(patch);
    free(base);
    return 0;
}
