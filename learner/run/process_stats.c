/* Rows by role and name, each with the lives of that name: a process that was killed and started
 * again counts on under the name that people know. What a life has done is what it says minus
 * what it said before, so that a late or repeated heartbeat adds nothing. Fed by the fleet's
 * loop from the broker's heartbeats; an offline run is one row, made at its end. */
#include "learner/run/process_stats.h"

#include "base/mem.h"
#include "base/say.h"

#include <stdlib.h>
#include <string.h>

/* A name is started again after a crash, a few times in a run; beyond that the oldest lives
 * are forgotten, and count no more. */
enum { LIVES = 16 };

struct process_history { /* all processes of one name */
    char role[16], name[128];
    uint64_t tokens; /* of all */
    uint64_t drafted, accepted;
    uint64_t rss_bytes;
    int64_t first_ms, last_ms;
    struct process_life {
        uint64_t process, said;     /* tokens, as it said last */
        uint64_t drafted, accepted; /* likewise */
    } life[LIVES];                  /* the latest: life i at i % LIVES */
    size_t lives;
};

struct process_stats {
    struct process_history hand[PROCESS_STATS_MAX];
    size_t n;
};

void process_stats_new(struct process_stats **out)
{
    *out = mem_new(1, sizeof **out);
}

void process_stats_free(struct process_stats *stats)
{
    free(stats);
}

/* The broker names a process that was killed until its silence is long enough: for a while both
 * it and the next one are there, and each counts by itself. */
static struct process_life *life_of(struct process_history *h,
                                    const struct process_stats_row *row, int64_t now_ms)
{
    struct process_life *life;

    for (size_t i = 0; i < LIVES && i < h->lives; i++)
        if (h->life[i].process == row->process)
            return &h->life[i];
    life = &h->life[h->lives % LIVES];
    /* What was done before the name was here, it did for another run; and where one may have
     * been forgotten, this may be it: rather too few than twice. */
    *life = now_ms == h->first_ms || h->lives >= LIVES
                ? (struct process_life){row->process, row->tokens, row->drafted, row->accepted}
                : (struct process_life){row->process, 0, 0, 0};
    h->lives++;
    return life;
}

/* A count that falls is a late message of the same life. */
static void count(uint64_t *all, uint64_t *said, uint64_t says)
{
    if (says <= *said)
        return;
    *all += says - *said;
    *said = says;
}

/* Names come from other machines: what does not fit is passed over, never cut, or two would
 * become one. */
void process_stats_see(struct process_stats *stats, const struct process_stats_row *row,
                       int64_t now_ms)
{
    const char *role = row->role, *name = row->name;
    struct process_life *life;
    struct process_history *h;
    size_t i = 0;

    while (i < stats->n &&
           (strcmp(stats->hand[i].role, role) || strcmp(stats->hand[i].name, name)))
        i++;
    if (i == PROCESS_STATS_MAX || strlen(role) >= sizeof h->role ||
        strlen(name) >= sizeof h->name)
        return;
    h = &stats->hand[i];
    if (i == stats->n) {
        snprintf(h->role, sizeof h->role, "%s", role);
        snprintf(h->name, sizeof h->name, "%s", name);
        h->first_ms = now_ms;
        stats->n++;
    }
    life = life_of(h, row, now_ms);
    count(&h->tokens, &life->said, row->tokens);
    count(&h->drafted, &life->drafted, row->drafted);
    count(&h->accepted, &life->accepted, row->accepted);
    h->rss_bytes = row->rss_bytes > h->rss_bytes ? row->rss_bytes : h->rss_bytes;
    h->last_ms = now_ms;
}

/* A number that is negative or no number is 0: the text is a broker's, but it may be another
 * version's. */
static uint64_t number(const json_t *row, const char *key)
{
    const json_int_t n = json_integer_value(json_object_get(row, key));

    return n > 0 ? (uint64_t)n : 0;
}

void process_stats_hear(struct process_stats *stats, const char *text, int64_t now_ms)
{
    json_t *list = *text ? json_loads(text, 0, NULL) : NULL;
    const json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        const struct process_stats_row one = {
            .role = json_string_value(json_object_get(row, "role")),
            .name = json_string_value(json_object_get(row, "name")),
            .process = number(row, "process"),
            .tokens = number(row, "tokens"),
            .rss_bytes = number(row, "rss_bytes"),
            .drafted = number(row, "drafted"),
            .accepted = number(row, "accepted")};
        if (one.role && one.name)
            process_stats_see(stats, &one, now_ms);
    }
    json_decref(list);
}

void process_stats_drafts(const struct process_stats *stats, uint64_t *drafted,
                          uint64_t *accepted)
{
    *drafted = *accepted = 0;
    for (size_t i = 0; i < stats->n; i++) {
        *drafted += stats->hand[i].drafted;
        *accepted += stats->hand[i].accepted;
    }
}

/* By name, then role: the lines at the end of a run are in one order, however the fleet came
 * up. */
static int by_name(const void *a, const void *b)
{
    const struct process_history *x = a, *y = b;
    const int order = strcmp(x->name, y->name);

    return order ? order : strcmp(x->role, y->role);
}

/* Sorted in place: the order in which they came is of no use to anybody. */
json_t *process_stats_json(struct process_stats *stats)
{
    json_t *list = json_array();

    qsort(stats->hand, stats->n, sizeof *stats->hand, by_name);

    for (size_t i = 0; i < stats->n; i++) {
        const struct process_history *h = &stats->hand[i];
        const double seconds = (double)(h->last_ms - h->first_ms) / 1e3;
        /* This process knows its peak better than its last heartbeat did. */
        const uint64_t own = strcmp(h->role, "learner") ? 0 : mem_peak(); /* this process */
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:I, s:I, s:f, s:I, s:I}", "role", h->role, "name",
                            h->name, "peak_memory_bytes",
                            (json_int_t)(own > h->rss_bytes ? own : h->rss_bytes), "tokens",
                            (json_int_t)h->tokens, "tokens_per_second",
                            seconds > 0 ? (double)h->tokens / seconds : 0.0, "drafted",
                            (json_int_t)h->drafted, "accepted", (json_int_t)h->accepted));
    }
    return list;
}

/* Seen twice, at its start and at its end, as a fleet's process would be. */
json_t *process_stats_alone(const char *name, uint64_t tokens, int64_t ms)
{
    struct process_stats *stats;
    json_t *list;

    process_stats_new(&stats);
    process_stats_see(stats, &(struct process_stats_row){"learner", name, 0, 0, 0, 0, 0}, 0);
    process_stats_see(
        stats, &(struct process_stats_row){"learner", name, 0, tokens, mem_peak(), 0, 0}, ms);
    list = process_stats_json(stats);
    process_stats_free(stats);
    return list;
}

/* Tokens only where there are any: a broker has none. */
void process_stats_print(const json_t *processes, FILE *to)
{
    const json_t *row;
    size_t i;

    json_array_foreach(processes, i, row)
    {
        const uint64_t tokens = number(row, "tokens"), drafted = number(row, "drafted");
        say(to, "%-24s peak memory %8.1f MB", json_string_value(json_object_get(row, "name")),
            (double)number(row, "peak_memory_bytes") / 1e6);
        if (tokens)
            fprintf(to, "  %10llu tokens  %8.0f tokens/s", (unsigned long long)tokens,
                    json_real_value(json_object_get(row, "tokens_per_second")));
        if (drafted)
            fprintf(to, "  %.0f %% of %llu guesses right",
                    100 * (double)number(row, "accepted") / (double)drafted,
                    (unsigned long long)drafted);
        fputc('\n', to);
    }
}
