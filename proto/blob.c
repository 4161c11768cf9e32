/* An artifact's name is the hash of the hashes of its chunks: a chunk can be checked by itself
 * when it comes, from whomever, once the list of digests has been checked against the name. */

#include "proto/blob.h"

#include "base/mem.h"

#include <stdlib.h>

size_t blob_chunks(uint64_t bytes)
{
    return (size_t)((bytes + HASH_CHUNK - 1) / HASH_CHUNK);
}

size_t blob_pieces(uint64_t bytes)
{
    return (size_t)((bytes + PIECE - 1) / PIECE);
}

size_t blob_bits(size_t chunks)
{
    return (chunks + 7) / 8;
}

bool blob_bit(const uint8_t *bits, size_t bytes, size_t chunk)
{
    return chunk / 8 < bytes && (bits[chunk / 8] >> chunk % 8 & 1);
}

struct hash blob_digest(struct hash *digest, const void *bytes, size_t n)
{
    const size_t chunks = blob_chunks(n);

    for (size_t i = 0; i < chunks; i++) {
        const size_t left = n - i * HASH_CHUNK;
        digest[i] = hash_chunk((const uint8_t *)bytes + i * HASH_CHUNK,
                               left < HASH_CHUNK ? left : (size_t)HASH_CHUNK);
    }
    return hash_join(digest, chunks);
}
