/* How: BLAKE2b is libsodium's, SHA-256 nettle's, which knows the processor's instructions for it. An artifact's
 * name is a tree of two levels: a digest for each chunk of 1 MiB, and the digest of these; whoever has the list
 * can check a chunk alone. CRC-32C goes four bytes at a time through four tables (slicing by four); they are made
 * before main, so that no thread needs to ask whether they are there; where the processor has an instruction for
 * it (SSE4.2: the same polynomial) eight bytes at a time by that. */

#include "base/hash.h"

#include "base/mem.h"

#include <assert.h>
#include <nettle/sha2.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct hash hash_chunk(const void *bytes, size_t n)
{
    struct hash out;

    crypto_generichash_blake2b(out.byte, sizeof out.byte, bytes, n, NULL, 0);
    return out;
}

struct hash hash_join(const struct hash *chunk, size_t n)
{
    return hash_chunk(chunk, n * sizeof *chunk);
}

/* The list of digests of 32 GiB is 1 MiB: it fits memory where the bytes did. */
struct hash hash_of(const void *bytes, size_t n)
{
    const size_t chunks = (n + HASH_CHUNK - 1) / HASH_CHUNK;
    struct hash *digest = mem_new(chunks, sizeof *digest);
    struct hash out;

    for (size_t i = 0; i < chunks; i++) {
        const size_t left = n - i * HASH_CHUNK;
        digest[i] = hash_chunk((const uint8_t *)bytes + i * HASH_CHUNK,
                               left < HASH_CHUNK ? left : (size_t)HASH_CHUNK);
    }
    out = hash_join(digest, chunks);
    free(digest);
    return out;
}

bool hash_same(const struct hash *a, const struct hash *b)
{
    return !memcmp(a->byte, b->byte, sizeof a->byte);
}

char *hash_text(char out[HASH_TEXT], const struct hash *hash)
{
    return sodium_bin2hex(out, HASH_TEXT, hash->byte, sizeof hash->byte);
}

/* sodium_hex2bin would take fewer digits and say how many: all 64 are wanted. */
enum err hash_parse(struct hash *out, const char *text)
{
    size_t n = 0;

    if (strlen(text) != HASH_TEXT - 1 ||
        sodium_hex2bin(out->byte, sizeof out->byte, text, HASH_TEXT - 1, NULL, &n, NULL) ||
        n != sizeof out->byte)
        return err_set(ERR_PARSE, "'%.70s' is not a hash of 64 hexadecimal digits", text);
    return OK;
}

static_assert(sizeof(struct hash_sha256) >= sizeof(struct sha256_ctx), "opaque is too small");

void hash_sha256_init(struct hash_sha256 *state)
{
    sha256_init((void *)state->opaque);
}

void hash_sha256_add(struct hash_sha256 *state, const void *bytes, size_t n)
{
    sha256_update((void *)state->opaque, n, bytes);
}

struct hash hash_sha256_end(struct hash_sha256 *state)
{
    struct hash out;

    sha256_digest((void *)state->opaque, sizeof out.byte, out.byte);
    return out;
}

/* Slicing by four; the table is made at the first call (same values in every thread). */
static uint32_t table[4][256];

/* table[0] is the usual byte table of the reflected polynomial; table[k] moves a byte on by k
 * more. */
static void fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0x82F63B78u : c >> 1;
        table[0][i] = c;
    }
    for (int i = 0; i < 256; i++)
        for (int k = 1; k < 4; k++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

static uint32_t by_table(uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n >= 4; n -= 4, p += 4) {
        uint32_t word;
        memcpy(&word, p, 4);
        crc ^= word; /* little-endian, as every machine we know */
        crc = table[3][crc & 255] ^ table[2][crc >> 8 & 255] ^ table[1][crc >> 16 & 255] ^
              table[0][crc >> 24];
    }
    for (; n; n--, p++)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
    return crc;
}

#if defined(__x86_64__)
static bool has_instruction;

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *p,
                                                                 size_t n)
{
    uint64_t wide = crc;

    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    return by_table((uint32_t)wide, p, n);
}
#endif

__attribute__((constructor)) static void prepare(void)
{
    fill();
#if defined(__x86_64__)
    __builtin_cpu_init();
    has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t n)
{
#if defined(__x86_64__)
    if (has_instruction)
        return ~by_instruction(~crc, bytes, n);
#endif
    return ~by_table(~crc, bytes, n);
}
