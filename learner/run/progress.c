/* A bar is drawn only where stderr is a terminal; whoever else reads gets the plain lines.
 * Before a line is printed the bar is wiped, and the next step draws it again below. Called by
 * offline/cycle after each step and line. */
#include "learner/run/progress.h"

#include "base/outlet.h"
#include "base/say.h"
#include "base/strbuf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 30, REDRAW_MS = 100 };

/* `done` steps were made before this process began: the bar starts there, the clock now. */
void progress_begin(struct progress *p, int64_t done, int64_t total, bool off, int64_t now_ms)
{
    *p = (struct progress){.terminal = isatty(STDERR_FILENO) != 0,
                           .off = off,
                           .first = done,
                           .total = total,
                           .begun_ms = now_ms};
}

/* From the pace of this process alone: a resumed run may be on another machine. */
int64_t progress_left_ms(const struct progress *p, int64_t done, int64_t now_ms)
{
    if (done <= p->first)
        return -1;
    return (now_ms - p->begun_ms) * (p->total - done) / (done - p->first);
}

/* Hours only where there are any. */
const char *progress_clock(char out[24], int64_t ms)
{
    const long long s = (long long)(ms < 0 ? 0 : ms) / 1000;

    if (ms < 0)
        snprintf(out, 24, "?");
    else if (s >= 3600)
        snprintf(out, 24, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, 24, "%02lld:%02lld", s / 60, s % 60);
    return out;
}

/* Ten times a second is enough for eyes, and costs nothing beside a step. */
void progress_step(struct progress *p, int64_t done, double loss, int64_t now_ms)
{
    char bar[WIDTH + 1], left[24], words[40] = "";
    const int64_t full = p->total ? done * WIDTH / p->total : WIDTH;

    /* The last step is always drawn, or the bar would stop short of its end. */
    if (!p->terminal || p->off || (now_ms - p->shown_ms < REDRAW_MS && done < p->total))
        return;
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = 0;
    progress_clock(left, progress_left_ms(p, done, now_ms));
    if (!isnan(loss))
        snprintf(words, sizeof words, "loss %.4f  ", loss);
    fprintf(stderr, "\r[%s] %lld/%lld  %s%s left\033[K", bar, (long long)done,
            (long long)p->total, words, left);
    fflush(stderr);
    p->shown_ms = now_ms;
    p->open = true;
}

void progress_line(struct progress *p, const char *fmt, ...)
{
    struct strbuf line = {NULL, 0, 0};
    va_list args;

    va_start(args, fmt);
    say_strbuf(&line, false, fmt, &args);
    va_end(args);
    /* A terminal that has gone away must not end the run: outlet turns to the log file. */
    outlet_look();
    fprintf(stderr, "%s%s\n", p->open ? "\r\033[K" : "", line.text ? line.text : "");
    free(line.text);
    p->open = false;
}

void progress_end(struct progress *p)
{
    if (p->open)
        fputc('\n', stderr);
    p->open = false;
}
