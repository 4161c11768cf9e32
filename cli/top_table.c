/* The table of `drover top`: a row a process, or folded a row a machine, under which stand those of
 * its processes that died or are down, as its supervisor says.
 *
 * Rows are sorted anew each second: by a figure the largest first, by a name from a to z, equal ones
 * by host and name, so that rows do not jump about. Only who is drawn is laid out. Columns are dropped
 * from the right until those that matter fit 80: host, role, state, tokens/s, busy, version, what it
 * waits for; of a machine processes, tokens/s, weights, load. */
#include "cli/top_table.h"

#include "proto/role.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { CHILDREN = 64 }; /* of a machine that are looked at */

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

/* What is worst of it: who is silent is not asked what it does. A heartbeat comes each second, so
 * three without one are no accident of the line. */
static const char *peer_state(const struct msg_stats_peer *p, enum top_colour *colour)
{
    *colour = TOP_BAD;
    if (p->age_ms > TOP_SILENT_MS)
        return "silent";
    *colour = TOP_WARN;
    if (p->probation)
        return "slow";
    *colour = *p->error ? TOP_WARN : TOP_PLAIN;
    return p->leases || busy(p) > .5 ? "works" : "idle";
}

static void put_peer(struct top_lines *out, const struct msg_stats_peer *p)
{
    enum top_colour colour;
    const char *state = peer_state(p, &colour);
    const char *role = *role_name(p->role) ? role_name(p->role) : "?";

    if (out->width < TOP_WIDE)
        top_lines_put(out, colour, "%-15.15s %-10.10s %-6s %7.0f %3.0f%% %6llu  %s%s%s",
                      p->host, role, state, p->tokens_s, 100 * busy(p),
                      (unsigned long long)p->version, p->note, *p->error ? " ! " : "",
                      p->error);
    else
        top_lines_put(
            out, colour,
            "%-20.20s %-10.10s %-20.20s %-6s %8.0f %3.0f%% %7llu %6.0f M %7.1f %6.1f %-7.7s %3u"
            "  %s%s%s",
            p->host, role, p->name, state, p->tokens_s, 100 * busy(p),
            (unsigned long long)p->version, (double)p->rss_bytes / 1e6,
            (double)p->wire_bytes / 1e6, (double)p->wire_rate / 1e6, p->isa, p->threads,
            p->note, *p->error ? " ! " : "", p->error);
}

/* ---- machines */

struct row { /* of the folded table: a machine, or a process of it */
    uint32_t host;
    const json_t *child; /* NULL: the machine itself */
};

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* It died and was started again, or is not there. */
static bool is_news(const json_t *child)
{
    return number(child, "restarts") > 0 || strcmp(word(child, "state"), "up") != 0;
}

static void put_child(struct top_lines *out, const json_t *child)
{
    const char *last = word(child, "last");
    const bool up = !strcmp(word(child, "state"), "up");

    top_lines_put(out, up ? TOP_WARN : TOP_BAD,
                  "  %-14.14s %-6.6s started %.0f times, last %.0f s ago: %s%s%s",
                  word(child, "name"), word(child, "state"), number(child, "restarts") + 1,
                  number(child, "age_s"), word(child, "cause"), *last ? "; it said: " : "",
                  last);
}

static void put_host(struct top_lines *out, const struct msg_stats_host *h, const json_t *says)
{
    char left[48] = "", machine[64] = "";

    if (h->left_ms)
        snprintf(left, sizeof left, "%u s left", h->left_ms / 1000);
    if (out->width >= TOP_WIDE && json_is_object(says))
        snprintf(machine, sizeof machine, " %5.0f %6.1f %8.0f M %8.1f G", number(says, "cores"),
                 number(says, "load"), number(says, "memory_free") / 1e6,
                 number(says, "disk_free") / 1e9);
    else if (out->width >= TOP_WIDE)
        snprintf(machine, sizeof machine, " %5s %6s %10s %10s", "-", "-", "-", "-");
    top_lines_put(out, h->lacking ? TOP_WARN : TOP_PLAIN,
                  "%-16.16s %5u %4u %7.0f %8.1f %6.1f%s  %s%s%s", h->name, h->processes,
                  h->actors, h->tokens_s, (double)h->wire_bytes / 1e6,
                  (double)h->wire_rate / 1e6, machine, h->lacking ? "lacks the newest" : "",
                  *left ? ", " : "", left);
}

static void put_title(struct top_lines *out, bool fold)
{
    const bool wide = out->width >= TOP_WIDE;

    if (fold)
        top_lines_put(out, TOP_TITLE, "%-16s %5s %4s %7s %8s %6s%s  %s", "HOST", "PROC", "ACT",
                      "TOK/S", "WIRE MB", "MB/S",
                      wide ? " CORES   LOAD   MEM FREE  DISK FREE" : "", "WAITS FOR");
    else if (!wide)
        top_lines_put(out, TOP_TITLE, "%-15s %-10s %-6s %7s %4s %6s  %s", "HOST", "ROLE",
                      "STATE", "TOK/S", "BUSY", "VERS.", "WAITS FOR / LAST ERROR");
    else
        top_lines_put(out, TOP_TITLE,
                      "%-20s %-10s %-20s %-6s %8s %4s %7s %8s %7s %6s %-7s %3s  %s", "HOST",
                      "ROLE", "NAME", "STATE", "TOKENS/S", "BUSY", "VERSION", "MEMORY",
                      "WIRE MB", "MB/S", "ISA", "THR", "WAITS FOR / LAST ERROR");
}

/* Who left since the last snapshot may have taken the end of the table along: the view follows. */
static void follow(const struct top_lines *out, struct top_view *view, uint32_t rows)
{
    const int room = out->most - out->n;

    view->rows = (int)rows;
    view->shown = room < view->rows ? room : view->rows;
    if (view->first > view->rows - view->shown)
        view->first = view->rows - view->shown;
    if (view->first < 0)
        view->first = 0;
}

static void put_peers(struct top_lines *out, const struct msg_stats *s, struct top_view *view)
{
    uint32_t *row = calloc((size_t)s->n_peer + 1, sizeof *row);

    for (uint32_t i = 0; row && i < s->n_peer; i++)
        row[i] = i;
    if (row)
        qsort(row, s->n_peer, sizeof *row, compare_peers);
    follow(out, view, row ? s->n_peer : 0);
    for (int i = view->first; i < view->first + view->shown; i++)
        put_peer(out, &s->peer[row[i]]);
    free(row);
}

/* `said`: what each machine's supervisor says, by its place in STATS. Returns how many rows. */
static uint32_t make_rows(const struct msg_stats *s, json_t **said, const uint32_t *order,
                          struct row *row)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n_host; i++) {
        const json_t *children = json_object_get(said[order[i]], "children"), *child;
        size_t at;

        row[n++] = (struct row){order[i], NULL};
        json_array_foreach((json_t *)children, at, child) if (at < CHILDREN && is_news(child))
            row[n++] = (struct row){order[i], child};
    }
    return n;
}

static void put_hosts(struct top_lines *out, const struct msg_stats *s, struct top_view *view)
{
    json_t **said = calloc((size_t)s->n_host + 1, sizeof *said);
    uint32_t *order = calloc((size_t)s->n_host + 1, sizeof *order);
    struct row *row = calloc((size_t)s->n_host * (CHILDREN + 1) + 1, sizeof *row);

    for (uint32_t i = 0; said && order && i < s->n_host; i++) {
        said[i] = json_loads(s->host[i].metrics, 0, NULL);
        order[i] = i;
    }
    if (said && order && row) {
        qsort(order, s->n_host, sizeof *order, compare_hosts);
        follow(out, view, make_rows(s, said, order, row));
        for (int i = view->first; i < view->first + view->shown; i++)
            if (row[i].child)
                put_child(out, row[i].child);
            else
                put_host(out, &s->host[row[i].host], said[row[i].host]);
    }
    for (uint32_t i = 0; said && i < s->n_host; i++)
        json_decref(said[i]);
    free(said);
    free(order);
    free(row);
}

void top_table_put(struct top_lines *out, const struct msg_stats *s, struct top_view *view)
{
    put_title(out, view->fold);
    sorted = s;
    by = view->sort ? view->sort : 'h';
    if (view->fold)
        put_hosts(out, s, view);
    else
        put_peers(out, s, view);
}

/* The newest death of that name counts: a supervisor keeps no more. */
bool top_table_cause(const struct msg_stats *s, const struct msg_stats_event *event, char *out,
                     size_t room)
{
    bool found = false;

    for (uint32_t i = 0; i < s->n_host && !found; i++) {
        json_t *says;
        const json_t *child;
        size_t at;

        if (strcmp(s->host[i].name, event->host) != 0)
            continue;
        says = json_loads(s->host[i].metrics, 0, NULL);
        json_array_foreach(json_object_get(says, "children"), at, child)
        {
            if (found || strcmp(word(child, "name"), event->name) != 0 ||
                !*word(child, "cause"))
                continue;
            snprintf(out, room, "%s%s%s", word(child, "cause"),
                     *word(child, "last") ? "; it said: " : "", word(child, "last"));
            found = true;
        }
        json_decref(says);
    }
    return found;
}
