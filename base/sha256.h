/* sha256: SHA-256's compression by the processor's own instructions, for hash_sha256_add. */

#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BLOCK = 64 };

/* Whether this processor has them (x86: SHA and SSE4.1). */
bool sha256_here(void);

/* The state after n blocks more (FIPS 180-4, 6.2.2), `bytes` of any alignment. sha256_here() holds. */
void sha256_blocks(uint32_t state[8], const uint8_t *bytes, size_t n);

#endif
