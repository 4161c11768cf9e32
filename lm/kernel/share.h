/* share: whether work is worth spreading over threads. Waking a thread costs some microseconds,
 * and much more when other processes want the same core; small models live below that. */

#ifndef LM_KERNEL_SHARE_H
#define LM_KERNEL_SHARE_H

#include <stdbool.h>
#include <stddef.h>

/* For a region of about this many multiply-adds (or a few times fewer exponentials). */
bool share_worth(size_t work);

/* The least work that is shared; 0 shares everything (tests). */
void share_least(size_t work);

#endif
