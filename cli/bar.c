/* How it works: a bar is drawn over itself with a carriage return where standard error is a
 * terminal; elsewhere a line goes to the log now and then, since a file of carriage returns
 * helps nobody. The time left is the time spent, scaled: fair for work of equal pieces, which
 * is all it is used for. */
#include "cli/bar.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CELLS = 20, BAR_MS = 100, LINE_MS = 30000 };

void bar_text(char out[96], size_t done, size_t total, int64_t spent_ms)
{
    char cells[CELLS + 1] = "";
    const double share = total ? (double)done / (double)total : 1;
    const int64_t left = done ? (int64_t)((double)spent_ms * (1 - share) / share) / 1000 : 0;

    for (int i = 0; i < CELLS; i++)
        cells[i] = i < (int)(share * CELLS) ? '#' : '.';
    snprintf(out, 96, "[%s] %zu of %zu", cells, done, total);
    if (done) /* of nothing done nobody knows how long the rest takes */
        snprintf(out + strlen(out), 96 - strlen(out), ", %02lld:%02lld left",
                 (long long)(left / 60), (long long)(left % 60));
}

void bar_begin(struct bar *bar, const char *what, size_t total, int off, int64_t now_ms)
{
    *bar = (struct bar){.what = what, .total = total, .off = off};
    bar->begun_ms = bar->told_ms = now_ms;
    bar->terminal = isatty(STDERR_FILENO);
}

/* Now and then only: drawing costs more than some of the steps. */
void bar_step(struct bar *bar, size_t done, int64_t now_ms)
{
    char text[96];

    if (bar->off || now_ms - bar->told_ms < (bar->terminal ? BAR_MS : LINE_MS))
        return;
    bar->told_ms = now_ms;
    if (!bar->terminal && done == bar->told)
        return;
    bar->told = done;
    bar_text(text, done, bar->total, now_ms - bar->begun_ms);
    if (bar->terminal) {
        fprintf(stderr, "\r%s %s ", bar->what, text);
        bar->open = 1;
    } else {
        log_info(bar->what, "done=%zu of=%zu", done, bar->total);
    }
}

void bar_end(struct bar *bar)
{
    if (bar->open)
        fputs("\r\033[K", stderr);
    bar->open = 0;
}
