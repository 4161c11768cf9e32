/* How it works: a few lines that say how the run goes, then the table of who is there (top_table.c),
 * as much of it as the terminal has lines for, then the keys. What stands above takes at most half
 * of the lines, the worst first: what holds the run up, what stands still, who died; what is merely
 * worth knowing last.
 *
 * Names and words in it were written by other machines: each line is made printable. */
#include "cli/top_screen.h"

#include "base/strbuf.h"
#include "cli/top_table.h"
#include "proto/role.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_MIN = 3, NEWS_MS = 60000, WAIT_MS = 1000 };

/* ---- above the table */

/* A run whose learner is away is a run that stands still, whatever the others do. */
static const char *state_of(const struct msg_stats *s, enum top_colour *colour)
{
    *colour = TOP_WARN;
    if (s->done)
        return "done";
    if (!s->run)
        return "no run";
    for (uint32_t i = 0; i < s->n_peer; i++)
        if (s->peer[i].role == ROLE_LEARNER) {
            *colour = TOP_GOOD;
            return "running";
        }
    *colour = TOP_BAD;
    return "stands still: no learner";
}

/* The same three lines always: eyes find them without reading. */
static void put_run(struct top_lines *out, const struct msg_stats *s)
{
    enum top_colour colour;
    const char *state = state_of(s, &colour);
    char of[32] = "", left[32] = "";

    if (s->steps_total)
        snprintf(of, sizeof of, " of %llu", (unsigned long long)s->steps_total);
    if (s->left_ms)
        snprintf(left, sizeof left, "  left %llu:%02llu h",
                 (unsigned long long)(s->left_ms / 3600000),
                 (unsigned long long)(s->left_ms / 60000 % 60));
    top_lines_put(out, colour, "%s  iteration %llu%s  version %llu%s", state,
                  (unsigned long long)s->step, of, (unsigned long long)s->newest.number, left);
    top_lines_put(
        out, TOP_PLAIN,
        "samples  waiting %llu  leased %llu  scoring %llu  unsettled %llu  trained %llu",
        (unsigned long long)s->waiting, (unsigned long long)s->leased,
        (unsigned long long)s->scoring, (unsigned long long)s->unsettled,
        (unsigned long long)s->trained);
    top_lines_put(
        out, TOP_PLAIN,
        "rates    %.0f tokens/s  %.2f samples/s  busy: actors %.0f%% rewarders %.0f%% learner "
        "%.0f%%",
        s->tokens_s, s->samples_s, 100 * s->actor_busy, 100 * s->rewarder_busy,
        100 * s->learner_busy);
}

static const char *text_of(const char *text)
{
    return text ? text : "";
}

/* What has stood for less than a second may be gone before it is read. */
static void put_waits(struct top_lines *out, const struct msg_stats *s, uint32_t most)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n_wait; i++) {
        const char *advice = text_of(s->wait[i].advice);

        if (s->wait[i].age_ms < WAIT_MS)
            continue;
        if (n++ >= most)
            continue;
        if (!strcmp(advice, text_of(s->advice))) /* it stands above */
            advice = "";
        top_lines_put(out, TOP_WARN, "waits    %s for %.0f s%s%s", s->wait[i].name,
                      s->wait[i].age_ms / 1e3, *advice ? ": " : "", advice);
    }
    if (n > most)
        top_lines_put(out, TOP_WARN, "         and %u more: drover status lists them",
                      n - most);
}

/* Deaths of the last minute, the latest first. */
static void put_deaths(struct top_lines *out, const struct msg_stats *s, uint32_t most)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n_event; i++) {
        const struct msg_stats_event *e = &s->event[i];
        char cause[256];

        if (!e->died || e->age_ms >= NEWS_MS || n++ >= most)
            continue;
        top_lines_put(out, TOP_BAD, "died     %s %s at %s %.0f s ago: %s", role_name(e->role),
                      e->name, e->host, e->age_ms / 1e3,
                      top_table_cause(s, e, cause, sizeof cause) ? cause : e->cause);
    }
    if (n > most)
        top_lines_put(out, TOP_BAD, "         and %u more within a minute", n - most);
}

/* How old what was trained on was, and what keys were refused. */
static void put_counts(struct top_lines *out, const struct msg_stats *s)
{
    struct strbuf text = {NULL, 0, 0};

    for (uint32_t i = 0; i < s->n_staleness_minute; i++)
        if (s->staleness_minute[i])
            strbuf_print(&text, "  %u late: %llu", i,
                         (unsigned long long)s->staleness_minute[i]);
    if (text.n)
        top_lines_put(out, TOP_PLAIN, "stale    last minute%s", text.text);
    for (uint32_t i = 0; i < s->n_refusal; i++)
        top_lines_put(out, TOP_WARN, "%s %llu times: %s", i ? "        " : "refused ",
                      (unsigned long long)s->refusal[i].count, s->refusal[i].reason);
    free(text.text);
}

/* Not by top_lines_put, which counts bytes: a block is three of them and one column. */
static void put_curves(struct top_lines *out, const struct top_view *view)
{
    struct top_line *line = &out->line[out->n];

    if (!view->curves || out->n >= out->most ||
        !curves_line(view->curves, line->text, sizeof line->text, out->width, view->ascii))
        return;
    line->colour = TOP_PLAIN;
    out->n++;
}

/* What is wrong, as far as there is room for it. */
static void put_trouble(struct top_lines *out, const struct msg_stats *s)
{
    const uint32_t room = (uint32_t)(out->most > out->n ? out->most - out->n : 0);

    if (s->bottleneck && *s->bottleneck)
        top_lines_put(out, TOP_WARN, "holds    %s", s->bottleneck);
    if (*text_of(s->advice))
        top_lines_put(out, TOP_WARN, "advice   %s", s->advice);
    put_waits(out, s, room > 8 ? room / 2 - 1 : 2);
    if (s->n_queue)
        top_lines_put(out, TOP_PLAIN,
                      "queue    %s is next, for %.0f s, of %u run%s that wait%s",
                      s->queue->name, (double)s->queue->wait_ms / 1e3, s->n_queue,
                      s->n_queue > 1 ? "s" : "", s->n_queue > 1 ? "" : "s");
    if (*text_of(s->builds))
        top_lines_put(out, TOP_PLAIN, "builds   %s", s->builds);
    put_deaths(out, s, room > 8 ? room / 4 : 1);
}

/* ---- the keys */

static int put_help(struct top_lines *out, struct top_view *view, int height)
{
    static const char *const help[] = {
        "Arrows, PgUp, PgDn, Home, End   scroll",
        "f   fold: a row a machine, with its processes that died or are down, and why",
        "h   sort by host, then role and name",
        "r   by role: learner, actors, rewarders, supervisors",
        "t   by tokens/s        b   by busy share",
        "m   by memory          w   by how long it waits (folded: for its weights)",
        "?   these keys, or back        q   quit: nothing is changed by it",
        "",
        "Red: dead, silent or down. Yellow: slow (on probation), in trouble, waiting.",
        "busy: share of its time with work; of roles the last 10 s, of a process since",
        "its start. WIRE MB: weights that came to it. From 120 columns on there is more.",
        "drover status prints all of it as lines; drover logs HOST/NAME shows a log.",
    };

    out->most = height - 1;
    for (size_t i = 0; i < sizeof help / sizeof *help; i++)
        top_lines_put(out, TOP_PLAIN, "%s", help[i]);
    out->most = height;
    top_lines_put(out, TOP_TITLE, "q quits  ? back");
    view->rows = view->shown = 0;
    return out->n;
}

int top_screen(const struct msg_stats *s, struct top_view *view,
               struct top_line line[TOP_SCREEN_LINES])
{
    const int height = view->height < TOP_SCREEN_LINES ? view->height : TOP_SCREEN_LINES;
    struct top_lines out = {line, 0, height / 2 > TABLE_MIN ? height / 2 - 1 : height,
                            view->width};

    if (view->help)
        return put_help(&out, view, height);
    put_run(&out, s);
    put_curves(&out, view);
    put_trouble(&out, s);
    put_counts(&out, s);
    out.most = height - 1; /* the last line is the keys' */
    top_table_put(&out, s, view);
    out.most = height;
    top_lines_put(&out, TOP_TITLE,
                  "q quits  ? keys  rows %d-%d of %d  sort: h r t b m w (%c)  f %s",
                  view->rows ? view->first + 1 : 0, view->first + view->shown, view->rows,
                  view->sort ? view->sort : 'h', view->fold ? "unfolds" : "folds by host");
    return out.n;
}

bool top_screen_key(struct top_view *view, int key)
{
    const int page = view->shown > 1 ? view->shown - 1 : 1;

    switch (key) {
    case TOP_UP:
        view->first--;
        break;
    case TOP_DOWN:
        view->first++;
        break;
    case TOP_PAGE_UP:
        view->first -= page;
        break;
    case TOP_PAGE_DOWN:
        view->first += page;
        break;
    case TOP_HOME:
        view->first = 0;
        break;
    case TOP_END:
        view->first = view->rows;
        break;
    case '?':
        view->help = !view->help;
        break;
    case 'f':
        view->fold = !view->fold;
        view->first = 0;
        break;
    default:
        if (key < 'a' || key > 'z' || !strchr("hrtbmw", key))
            return false;
        view->sort = (char)key;
        view->first = 0;
    }
    return true;
}
