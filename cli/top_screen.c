/* How it works: a few lines that say how the run goes, then the table of who is there, as much of it
 * as the terminal has lines for, then the keys. The lines above are the same few however large the
 * fleet, so that the table has at least half of 24 lines; columns are dropped from the right until
 * those that matter (host, role, state, tokens/s, busy, version, what it waits for) fit 80.
 *
 * Rows are sorted anew each second: by a figure the largest first, by a name from a to z, equal ones
 * by host and name, so that rows do not jump about. Only who is drawn is laid out.
 *
 * Names and words in it were written by other machines: each line is made printable. */
#include "cli/top_screen.h"

#include "base/printable.h"
#include "base/say.h"
#include "base/strbuf.h"
#include "proto/role.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* WIDE: columns from which on there is room for what matters less. HEAD: lines above the table. */
enum { WIDE = 120, SILENT_MS = 3000, TABLE_MIN = 3 };

struct screen {
    struct top_line *line;
    int n, most, width;
};

static void put(struct screen *s, enum top_colour colour, const char *fmt, ...) PRINTF(3, 4);

/* A line more while there is room; the width counts bytes, so that a line of letters that take
 * several is short rather than folded. */
static void put(struct screen *s, enum top_colour colour, const char *fmt, ...)
{
    struct strbuf text = {NULL, 0, 0};
    size_t room = (size_t)s->width + 1;
    va_list args;

    if (s->n >= s->most)
        return;
    if (room > TOP_SCREEN_WIDTH)
        room = TOP_SCREEN_WIDTH;
    va_start(args, fmt);
    say_strbuf(&text, false, fmt, &args);
    va_end(args);
    printable(s->line[s->n].text, room < 8 ? 8 : room, text.text ? text.text : "", text.n,
              PRINTABLE_LINE | PRINTABLE_CUT);
    s->line[s->n++].colour = colour;
    free(text.text);
}

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
static void put_run(struct screen *out, const struct msg_stats *s)
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
    put(out, colour, "%s  iteration %llu%s  version %llu%s", state, (unsigned long long)s->step,
        of, (unsigned long long)s->newest.number, left);
    put(out, TOP_PLAIN,
        "samples  waiting %llu  leased %llu  scoring %llu  unsettled %llu  trained %llu",
        (unsigned long long)s->waiting, (unsigned long long)s->leased,
        (unsigned long long)s->scoring, (unsigned long long)s->unsettled,
        (unsigned long long)s->trained);
    put(out, TOP_PLAIN,
        "rates    %.0f tokens/s  %.2f samples/s  busy: actors %.0f%% rewarders %.0f%% learner "
        "%.0f%%",
        s->tokens_s, s->samples_s, 100 * s->actor_busy, 100 * s->rewarder_busy,
        100 * s->learner_busy);
}

/* What is wrong, as far as there is room for it: what stands still before who went. */
static void put_trouble(struct screen *out, const struct msg_stats *s)
{
    if (s->bottleneck && *s->bottleneck)
        put(out, TOP_WARN, "holds    %s", s->bottleneck);
    if (*s->advice)
        put(out, TOP_WARN, "advice   %s", s->advice);
    for (uint32_t i = 0; i < s->n_wait && i < 2; i++)
        put(out, TOP_WARN, "waits    %s for %.0f s", s->wait[i].name, s->wait[i].age_ms / 1e3);
    if (s->n_wait > 2)
        put(out, TOP_WARN, "         and %u more: drover status lists them", s->n_wait - 2);
    if (s->n_queue)
        put(out, TOP_PLAIN, "queue    %s is next, for %.0f s, of %u run%s that wait%s",
            s->queue->name, (double)s->queue->wait_ms / 1e3, s->n_queue,
            s->n_queue > 1 ? "s" : "", s->n_queue > 1 ? "" : "s");
    if (s->builds && *s->builds)
        put(out, TOP_PLAIN, "builds   %s", s->builds);
    for (uint32_t i = 0; i < s->n_event; i++)
        if (s->event[i].died && s->event[i].age_ms < 60000) {
            put(out, TOP_BAD, "died     %s %s at %s %.0f s ago: %s",
                role_name(s->event[i].role), s->event[i].name, s->event[i].host,
                s->event[i].age_ms / 1e3, s->event[i].cause);
            break;
        }
}

/* ---- the table */

static const struct msg_stats *sorted; /* qsort gives no argument; one thread draws */
static char by;

/* Since its start: of the last seconds only the roles' means are in the snapshot. */
static double busy(const struct msg_stats_peer *p)
{
    const double span = (double)p->busy_ms + (double)p->idle_ms;

    return span > 0 ? (double)p->busy_ms / span : 0;
}

/* Larger comes first; roles in their order, so below zero. By host there is no figure. */
static double figure(const struct msg_stats_peer *p)
{
    switch (by) {
    case 't':
        return p->tokens_s;
    case 'b':
        return busy(p);
    case 'm':
        return (double)p->rss_bytes;
    case 'w':
        return p->note_ms;
    case 'r':
        return -(double)p->role;
    default:
        return 0;
    }
}

static int compare_peers(const void *a, const void *b)
{
    const struct msg_stats_peer *x = &sorted->peer[*(const uint32_t *)a],
                                *y = &sorted->peer[*(const uint32_t *)b];
    const double more = figure(y) - figure(x);
    int order = more > 0 ? 1 : more < 0 ? -1 : strcmp(x->host, y->host);

    if (!order)
        order = (x->role > y->role) - (x->role < y->role);
    return order ? order : strcmp(x->name, y->name);
}

/* Of a host's row only speed, and how long its weights still take, are figures. */
static int compare_hosts(const void *a, const void *b)
{
    const struct msg_stats_host *x = &sorted->host[*(const uint32_t *)a],
                                *y = &sorted->host[*(const uint32_t *)b];
    const double more = by == 't'   ? y->tokens_s - x->tokens_s
                        : by == 'w' ? (double)y->left_ms - (double)x->left_ms
                                    : 0;

    return more > 0 ? 1 : more < 0 ? -1 : strcmp(x->name, y->name);
}

static void put_host(struct screen *out, const struct msg_stats_host *h)
{
    char left[32] = "";

    if (h->left_ms)
        snprintf(left, sizeof left, ", %u s left", h->left_ms / 1000);
    put(out, h->lacking ? TOP_WARN : TOP_PLAIN, "%-16.16s %5u %4u %7.0f %8.1f %6.1f  %s%s",
        h->name, h->processes, h->actors, h->tokens_s, (double)h->wire_bytes / 1e6,
        (double)h->wire_rate / 1e6, h->lacking ? "lacks the newest" : "", left);
}

/* What is worst of it: who is silent is not asked what it does. A heartbeat comes each second, so
 * three without one are no accident of the line. */
static const char *peer_state(const struct msg_stats_peer *p, enum top_colour *colour)
{
    *colour = TOP_BAD;
    if (p->age_ms > SILENT_MS)
        return "silent";
    *colour = TOP_WARN;
    if (p->probation)
        return "slow";
    *colour = *p->error ? TOP_WARN : TOP_PLAIN;
    return p->leases || busy(p) > .5 ? "works" : "idle";
}

static void put_peer(struct screen *out, const struct msg_stats_peer *p)
{
    enum top_colour colour;
    const char *state = peer_state(p, &colour);
    const char *role = *role_name(p->role) ? role_name(p->role) : "?";

    if (out->width < WIDE)
        put(out, colour, "%-15.15s %-10.10s %-6s %7.0f %3.0f%% %6llu  %s%s%s", p->host, role,
            state, p->tokens_s, 100 * busy(p), (unsigned long long)p->version, p->note,
            *p->error ? " ! " : "", p->error);
    else
        put(out, colour,
            "%-20.20s %-10.10s %-20.20s %-6s %8.0f %3.0f%% %7llu %6.0f M %7.1f %6.1f %-7.7s %3u"
            "  %s%s%s",
            p->host, role, p->name, state, p->tokens_s, 100 * busy(p),
            (unsigned long long)p->version, (double)p->rss_bytes / 1e6,
            (double)p->wire_bytes / 1e6, (double)p->wire_rate / 1e6, p->isa, p->threads,
            p->note, *p->error ? " ! " : "", p->error);
}

static void put_title(struct screen *out, bool fold)
{
    if (fold)
        put(out, TOP_TITLE, "%-16s %5s %4s %7s %8s %6s  %s", "HOST", "PROC", "ACT", "TOK/S",
            "WIRE MB", "MB/S", "WAITS FOR");
    else if (out->width < WIDE)
        put(out, TOP_TITLE, "%-15s %-10s %-6s %7s %4s %6s  %s", "HOST", "ROLE", "STATE",
            "TOK/S", "BUSY", "VERS.", "WAITS FOR / LAST ERROR");
    else
        put(out, TOP_TITLE, "%-20s %-10s %-20s %-6s %8s %4s %7s %8s %7s %6s %-7s %3s  %s",
            "HOST", "ROLE", "NAME", "STATE", "TOKENS/S", "BUSY", "VERSION", "MEMORY", "WIRE MB",
            "MB/S", "ISA", "THR", "WAITS FOR / LAST ERROR");
}

/* Who left since the last snapshot may have taken the end of the table along: the view follows. */
static void put_table(struct screen *out, const struct msg_stats *s, struct top_view *view)
{
    const uint32_t n = view->fold ? s->n_host : s->n_peer;
    uint32_t *row = calloc((size_t)n + 1, sizeof *row);
    const int room = out->most - out->n - 1;

    put_title(out, view->fold);
    view->rows = row ? (int)n : 0;
    view->shown = room < view->rows ? room : view->rows;
    if (view->first > view->rows - view->shown)
        view->first = view->rows - view->shown;
    if (view->first < 0)
        view->first = 0;
    for (uint32_t i = 0; row && i < n; i++)
        row[i] = i;
    sorted = s;
    by = view->sort ? view->sort : 'h';
    if (row)
        qsort(row, n, sizeof *row, view->fold ? compare_hosts : compare_peers);
    for (int i = view->first; i < view->first + view->shown; i++)
        if (view->fold)
            put_host(out, &s->host[row[i]]);
        else
            put_peer(out, &s->peer[row[i]]);
    free(row);
}

int top_screen(const struct msg_stats *s, struct top_view *view,
               struct top_line line[TOP_SCREEN_LINES])
{
    const int height = view->height < TOP_SCREEN_LINES ? view->height : TOP_SCREEN_LINES;
    struct screen out = {line, 0, height / 2 > TABLE_MIN ? height / 2 - 1 : height,
                         view->width};

    put_run(&out, s);
    put_trouble(&out, s);
    out.most = height - 1; /* the last line is the keys' */
    put_table(&out, s, view);
    out.most = height;
    put(&out, TOP_TITLE,
        "q quits  arrows, PgUp, PgDn: rows %d-%d of %d  sort: h r t b m w (%c)  f %s",
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
