/* How it works: an interval of minutes on a clock that goes round: one that ends before it begins
 * goes over midnight. */
#include "deploy/hours.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY = 24 * 60 };

enum err hours_read(struct hours *out, const char *text)
{
    int from[2], to[2], end = 0;

    *out = (struct hours){0, 0};
    if (!text || !*text)
        return OK;
    if (sscanf(text, "%2d:%2d-%2d:%2d%n", &from[0], &from[1], &to[0], &to[1], &end) != 4 ||
        text[end] || from[0] < 0 || to[0] < 0 || from[0] > 23 || to[0] > 24 || from[1] < 0 ||
        to[1] < 0 || from[1] > 59 || to[1] > 59)
        return err_set(ERR_PARSE, "hours: '%.40s' is none: as 18:00-08:00", text);
    *out = (struct hours){from[0] * 60 + from[1], (to[0] * 60 + to[1]) % DAY};
    return OK;
}

bool hours_open(const struct hours *h, int minute)
{
    if (h->from == h->to)
        return true;
    return h->from < h->to ? minute >= h->from && minute < h->to
                           : minute >= h->from || minute < h->to;
}

int hours_minute(int64_t wall_ms)
{
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;

    return localtime_r(&seconds, &local) ? local.tm_hour * 60 + local.tm_min : 0;
}
