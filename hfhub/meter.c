/* Ten times a second on a terminal, twice a minute in a log. The rate is of what this process has
 * fetched: bytes that lay there already took no time. */
#include "hfhub/meter.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 20, TERMINAL_MS = 100, LOG_MS = 30000 };

char *meter_text(char out[METER_TEXT], int64_t done, int64_t total, int64_t fresh,
                 int64_t spent_ms)
{
    const double rate = spent_ms > 0 ? (double)fresh / (double)spent_ms * 1e3 : 0;
    const double share = total > 0 ? (double)done / (double)total : 0;
    const int full = (int)((share < 1 ? share : 1) * BAR);
    const double left = rate > 0 && total > done ? (double)(total - done) / rate : 0;
    char bar[BAR + 1];

    for (int i = 0; i < BAR; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR] = 0;
    if (total > 0)
        snprintf(out, METER_TEXT, "[%s] %.1f of %.1f MB, %.1f MB/s, %02.0f:%02d left", bar,
                 (double)done / 1e6, (double)total / 1e6, rate / 1e6,
                 (double)(int64_t)(left / 60), (int)((int64_t)left % 60));
    else
        snprintf(out, METER_TEXT, "%.1f MB, %.1f MB/s", (double)done / 1e6, rate / 1e6);
    return out;
}

void meter_begin(struct meter *meter, int64_t total, bool quiet, int64_t now_ms)
{
    *meter = (struct meter){.total = total,
                            .quiet = quiet,
                            .terminal = isatty(STDERR_FILENO) == 1,
                            .begun_ms = now_ms,
                            .told_ms = now_ms,
                            .begun_at = -1};
}

void meter_at(struct meter *meter, int64_t done, int64_t now_ms)
{
    char text[METER_TEXT];

    done += meter->before;
    if (meter->begun_at < 0)
        meter->begun_at = done;
    if (meter->quiet || now_ms - meter->told_ms < (meter->terminal ? TERMINAL_MS : LOG_MS))
        return;
    meter->told_ms = now_ms;
    meter_text(text, done, meter->total, done - meter->begun_at, now_ms - meter->begun_ms);
    fprintf(stderr, meter->terminal ? "\r  %-78s" : "hub: %s\n", text);
    meter->open = meter->terminal;
}

void meter_end(struct meter *meter)
{
    if (meter->open)
        fputc('\n', stderr);
    meter->open = false;
}
