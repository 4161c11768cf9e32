/* patch: what turns one image into another of the same size, exactly: the XOR of both, as planes
 * of bytes, or the words that changed, packed by zstd (Collet and Kucherawy, RFC 8878).
 *
 * Weights that an optimiser moved a little share sign, exponent and high bits with what they were:
 * of four bytes of a float32 the upper one or two are zero in the XOR. The lower ones are noise. Of
 * weights in bfloat16 most are what they were: there the changed words are said (patch_words.h).
 *
 *   8 bytes "drvpatch", u64 bytes of the image, u32 [blocks][4] bytes of each packed plane, planes
 *
 * little-endian. A block is 1 MiB of the image, as a chunk of an artifact; plane k of it is bytes
 * k, k+4, k+8, … A plane of 0 bytes is zero, one of as many bytes as it has is not packed. Where bit
 * 31 of a block's first number is set its numbers are bytes of the packed streams of its words, the
 * fourth is 0; a stream of 0 bytes is empty. */

#ifndef PROTO_PATCH_H
#define PROTO_PATCH_H

#include "base/hash.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* The patch by which `n` bytes at `base` become those at `of`; *out is the caller's, free().
 * `stop` (may be NULL): set, it gives up between two blocks. Touches nothing else: for any thread.
 * Errors: ERR_RANGE (it would save less than an eighth of n), ERR_STATE (stopped), ERR_NOMEM. */
enum err patch_make(uint8_t **out, size_t *n_out, const void *base, const void *of, size_t n,
                    const atomic_bool *stop) MUST_CHECK;

/* A patch as it came, from whomever: borrowed bytes, and where each block lies in them. */
struct patch {
    const uint8_t *bytes;
    size_t n, of_bytes, blocks;
    uint64_t *at; /* [blocks + 1] */
};

/* Reads the table alone; nothing is unpacked, and what is kept is 8 bytes a block. `of_bytes`: of
 * the image, which its owner knows. Errors: ERR_PARSE (no patch, or not of such an image). */
enum err patch_open(struct patch *out, const void *bytes, size_t n, size_t of_bytes) MUST_CHECK;
void patch_close(struct patch *patch);

/* Block i of the image, from the same block of its base, both given whole; its digest is that of
 * the artifact's chunk. For several threads at once. Errors: ERR_PARSE (damaged), ERR_NOMEM. */
enum err patch_block(const struct patch *patch, size_t i, const void *base, void *of,
                     struct hash *digest) MUST_CHECK;

#endif
