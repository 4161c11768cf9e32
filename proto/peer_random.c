/* Who a process is: drawn at its start, unless who started it must know it beforehand. */

#include "proto/peer.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void peer_random(struct id *id, uint64_t *incarnation)
{
    const char *given = getenv(PEER_ID);
    size_t n = 0;

    randombytes_buf(incarnation, sizeof *incarnation);
    if (!given ||
        sodium_hex2bin(id->byte, sizeof id->byte, given, strlen(given), NULL, &n, NULL) ||
        n != sizeof id->byte)
        randombytes_buf(id->byte, sizeof id->byte);
}
