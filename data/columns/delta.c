/* How it works: the head names sizes and the first number; then blocks: the smallest difference
 * of the block, a width for each miniblock, the miniblocks' differences above the smallest, bits
 * packed from the lowest up. Numbers are made as they are asked for. delta_end goes from
 * miniblock to miniblock without looking at the numbers, so that its time is that of the bytes,
 * not of a count that somebody claims. */
#include "data/columns/delta.h"

static uint64_t varint(struct delta *d)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64 && d->at < d->end; shift += 7) {
        value |= (uint64_t)(*d->at & 127) << shift;
        if (*d->at++ < 128)
            return value;
    }
    d->bad = true;
    return 0;
}

static uint64_t zigzag(struct delta *d)
{
    const uint64_t value = varint(d);

    return (value >> 1) ^ -(value & 1);
}

/* Sizes are the writer's choice; the format asks for 32 numbers a miniblock or a multiple. */
void delta_begin(struct delta *d, const uint8_t *at, size_t n)
{
    *d = (struct delta){.at = at, .end = at + n};
    d->block = varint(d);
    d->minis = varint(d);
    d->left = varint(d);
    d->value = zigzag(d);
    /* A multiple of 32 a miniblock: its bits end with a byte. */
    if (d->bad || !d->minis || d->minis > d->block || d->block > 1u << 30 ||
        d->block % d->minis || d->block / d->minis % 32 || d->left > INT32_MAX)
        d->bad = true;
    d->mini = d->minis; /* no block is open */
}

/* Opens the next miniblock, and the next block before it. */
static void open_mini(struct delta *d)
{
    if (d->mini < d->minis)
        d->mini++;
    if (d->mini == d->minis) {
        d->least = zigzag(d);
        if (d->bad || d->minis > (size_t)(d->end - d->at)) {
            d->bad = true;
            return;
        }
        d->width = d->at;
        d->at += d->minis;
        d->mini = 0;
    }
    d->in_mini = d->block / d->minis;
    d->bit = 0;
    if (d->width[d->mini] > 64)
        d->bad = true;
}

/* Byte by byte: a miniblock may end anywhere, and nothing beyond it is touched. */
static uint64_t unpack(struct delta *d, int width)
{
    uint64_t value = 0;
    int have = 0;

    while (have < width) {
        const int take = 8 - d->bit < width - have ? 8 - d->bit : width - have;
        if (d->at == d->end) {
            d->bad = true;
            return 0;
        }
        value |= (uint64_t)(*d->at >> d->bit & ((1 << take) - 1)) << have;
        have += take;
        d->bit += take;
        d->at += d->bit == 8;
        d->bit &= 7;
    }
    return value;
}

/* Arithmetic wraps, as the format wants: 32-bit columns take the low half. */
uint64_t delta_next(struct delta *d)
{
    const uint64_t value = d->value;

    if (d->bad || !d->left) {
        d->bad = true;
        return 0;
    }
    if (--d->left) { /* the difference to the one behind */
        if (!d->in_mini)
            open_mini(d);
        if (!d->bad) {
            d->in_mini--;
            d->value += d->least + unpack(d, d->width[d->mini]);
        }
    }
    return value;
}

/* Texts lie behind their lengths, so where those end must be known before the first is read. */
const uint8_t *delta_end(const struct delta *d)
{
    struct delta copy = *d;
    uint64_t left = copy.left ? copy.left - 1 : 0; /* the first stands in the head */

    while (left && !copy.bad) {
        uint64_t bytes;
        open_mini(&copy);
        if (copy.bad)
            break;
        bytes = copy.in_mini / 8 * copy.width[copy.mini];
        if (left <= copy.in_mini) {
            /* The last block: of the miniblocks behind the last number nothing is there. */
            left = 0;
        } else {
            left -= copy.in_mini;
        }
        if (bytes > (size_t)(copy.end - copy.at))
            return NULL;
        copy.at += bytes;
        copy.in_mini = 0;
    }
    return copy.bad ? NULL : copy.at;
}
