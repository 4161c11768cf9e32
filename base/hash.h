/* hash: names for bytes, and checks of them.
 *
 * hash_of     BLAKE2b-256 over the BLAKE2b-256 digests of 1 MiB chunks: the name of an artifact
 *             (docs/PROTOCOL.md §1). A chunk can be checked before the rest has arrived.
 * hash_sha256 the weights hash that people compare: of all weights in f32.
 * hash_crc32c Castagnoli, for frames and journal records; not against an attacker. */

#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32, HASH_CHUNK = 1 << 20, HASH_TEXT = 2 * HASH_BYTES + 1 };

struct hash {
    uint8_t byte[HASH_BYTES];
};

/* Digest of one chunk (at most HASH_CHUNK bytes). */
struct hash hash_chunk(const void *bytes, size_t n);

/* Name of an artifact from the digests of its chunks, in order. */
struct hash hash_join(const struct hash *chunk, size_t n);

/* Name of an artifact in memory. */
struct hash hash_of(const void *bytes, size_t n);

bool hash_same(const struct hash *a, const struct hash *b);

/* Lower-case hexadecimal; `out` holds HASH_TEXT bytes. Returns out. */
char *hash_text(char out[HASH_TEXT], const struct hash *hash);

/* Errors: ERR_PARSE unless `text` is 64 hexadecimal digits. */
enum err hash_parse(struct hash *out, const char *text) MUST_CHECK;

/* SHA-256, in pieces. */
struct hash_sha256 {
    uint64_t opaque[16];
};
void hash_sha256_init(struct hash_sha256 *state);
void hash_sha256_add(struct hash_sha256 *state, const void *bytes, size_t n);
struct hash hash_sha256_end(struct hash_sha256 *state);

/* CRC-32C of `bytes`, continuing from `crc` (0 at the start). */
uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
