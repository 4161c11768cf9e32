/* turn: rows become columns. */

#ifndef LM_KERNEL_TURN_H
#define LM_KERNEL_TURN_H

#include <stddef.h>

/* dst [columns][rows] = src [rows][columns] turned: words of 32 bits, floats or others, rows of dst and
 * src `to` and `from` words apart. They do not overlap. Serial. */
void turn_words(void *dst, size_t to, const void *src, size_t from, int rows, int columns);

#endif
