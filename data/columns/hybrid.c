/* How it works: a run's head is a varint: even, half of it is how often the value behind it
 * comes; odd, half of it is how many groups of eight numbers follow, their bits packed from the
 * lowest up. Numbers are made as they are asked for, so that a run of a billion takes no memory.
 * The last group may be cut off behind the last number that counts. */
#include "data/columns/hybrid.h"

void hybrid_begin(struct hybrid *h, const uint8_t *at, size_t n, int width)
{
    *h = (struct hybrid){.at = at, .end = at + n, .width = width, .bad = width > 32};
}

/* A head, and the value of a run; false when there is none. */
static bool head(struct hybrid *h)
{
    uint64_t n = 0;
    int shift = 0;

    for (;; shift += 7) {
        if (h->at == h->end || shift > 35)
            return false;
        n |= (uint64_t)(*h->at & 127) << shift;
        if (*h->at++ < 128)
            break;
    }
    if (n & 1) {
        h->packed = (n >> 1) * 8;
        h->bit = 0;
        return true;
    }
    h->run = n >> 1;
    h->value = 0;
    for (int i = 0; i < (h->width + 7) / 8; i++) {
        if (h->at == h->end)
            return false;
        h->value |= (uint32_t)*h->at++ << 8 * i;
    }
    return true;
}

/* A number may lie across bytes; at most 32 bits, so that 64 hold it while it is put
 * together. */
static uint32_t unpack(struct hybrid *h)
{
    uint64_t value = 0;
    int have = 0;

    while (have < h->width) {
        const int take = 8 - h->bit < h->width - have ? 8 - h->bit : h->width - have;
        if (h->at == h->end) {
            h->bad = true;
            return 0;
        }
        value |= (uint64_t)(*h->at >> h->bit & ((1 << take) - 1)) << have;
        have += take;
        h->bit += take;
        h->at += h->bit == 8;
        h->bit &= 7;
    }
    return (uint32_t)value;
}

uint32_t hybrid_next(struct hybrid *h)
{
    /* An empty run is legal and says nothing; each takes bytes, so the loop ends. */
    while (!h->bad && !h->run && !h->packed)
        h->bad = !head(h);
    if (h->bad)
        return 0;
    if (h->run) {
        h->run--;
        return h->value;
    }
    h->packed--;
    return unpack(h);
}
