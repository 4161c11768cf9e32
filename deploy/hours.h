/* hours: from when to when a machine works for us, as "18:00-08:00". */

#ifndef DEPLOY_HOURS_H
#define DEPLOY_HOURS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct hours {
    int from, to; /* minutes of the day, [from, to); equal: always */
};

/* "" or NULL: always. Errors: ERR_PARSE. */
enum err hours_read(struct hours *out, const char *text) MUST_CHECK;
/* `minute` of the day, by the clock of the machine. */
bool hours_open(const struct hours *hours, int minute);
/* The minute of the day at that moment (milliseconds since 1970), as this machine's clock shows. */
int hours_minute(int64_t wall_ms);

#endif
