/* FIPS 180-4, section 6.1: blocks of 64 bytes as they come, the rest waits in `block`. The
 * cryptographic library at hand has no SHA-1, and rightly so; git's names are made of it. */
#include "hfhub/gitsha.h"

#include <stdio.h>
#include <string.h>

static uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

static void compress(uint32_t h[5], const uint8_t *block)
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        const uint32_t f = i < 20   ? (b & c) | (~b & d)
                           : i < 40 ? b ^ c ^ d
                           : i < 60 ? (b & c) | (b & d) | (c & d)
                                    : b ^ c ^ d;
        const uint32_t k = i < 20   ? 0x5A827999
                           : i < 40 ? 0x6ED9EBA1
                           : i < 60 ? 0x8F1BBCDC
                                    : 0xCA62C1D6;
        const uint32_t next = rotate(a, 5) + f + e + k + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void gitsha_init(struct gitsha *state)
{
    *state = (struct gitsha){.h = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}};
}

void gitsha_add(struct gitsha *state, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;

    while (n) {
        const size_t at = (size_t)(state->n % 64), room = 64 - at, take = n < room ? n : room;
        if (take == 64) { /* whole blocks are read where they are */
            compress(state->h, from);
        } else {
            memcpy(state->block + at, from, take);
            if (at + take == 64)
                compress(state->h, state->block);
        }
        state->n += take;
        from += take;
        n -= take;
    }
}

char *gitsha_end(char out[GITSHA_TEXT], struct gitsha *state)
{
    const uint64_t bits = 8 * state->n;
    uint8_t tail[72] = {0x80};
    const size_t pad = 64 - (size_t)((state->n + 8) % 64);

    for (int i = 0; i < 8; i++)
        tail[pad + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    gitsha_add(state, tail, pad + 8);
    for (int i = 0; i < 5; i++)
        snprintf(out + 8 * i, 9, "%08x", (unsigned)state->h[i]);
    return out;
}

char *gitsha_blob(char out[GITSHA_TEXT], const void *bytes, size_t n)
{
    struct gitsha state;
    char head[32];

    gitsha_init(&state);
    snprintf(head, sizeof head, "blob %zu", n);
    gitsha_add(&state, head, strlen(head) + 1); /* with its zero */
    gitsha_add(&state, bytes, n);
    return gitsha_end(out, &state);
}
