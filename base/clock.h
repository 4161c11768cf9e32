/* clock: the only place that reads the time.
 *
 * State machines take now_ms as an argument; main loops read it here. */

#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* since some fixed moment; never goes back */
int64_t clock_mono_ns(void);
int64_t clock_wall_ms(void); /* since 1970, for people; may jump */

#endif
