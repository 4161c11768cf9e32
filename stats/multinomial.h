/* multinomial: how often each of many outcomes comes up when all of them are drawn again.
 *
 * For the bootstrap of rows that fall into few kinds: a draw costs as much as there are kinds, not
 * rows. A pure function of (seed, number). */

#ifndef STATS_MULTINOMIAL_H
#define STATS_MULTINOMIAL_H

#include <stddef.h>
#include <stdint.h>

/* seen [kinds]: how often each came up, n in all; drawn [kinds] out: the same of n draws with
 * chances seen/n. */
void multinomial_draw(uint32_t *drawn, const uint32_t *seen, size_t kinds, uint64_t seed,
                      uint32_t number);

#endif
