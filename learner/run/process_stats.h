/* process_stats: what the processes of a run were: peak memory, tokens, tokens a second, for the
 * lines at the end, run.json and the report.
 *
 * The broker says it in each heartbeat (docs/PROTOCOL.md, HB: metrics). Processes of
 * one name, one after the other or for a while beside each other, are one row. */

#ifndef LEARNER_RUN_PROCESS_STATS_H
#define LEARNER_RUN_PROCESS_STATS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

struct process_stats;

enum { PROCESS_STATS_MAX = 256 }; /* processes; further ones are not listed */

void process_stats_new(struct process_stats **out);
void process_stats_free(struct process_stats *stats); /* NULL is fine */

struct process_stats_row {
    const char *role, *name;
    uint64_t process; /* of the same name, another number: another process */
    uint64_t tokens;  /* since its start */
    uint64_t rss_bytes;
    uint64_t drafted, accepted; /* of an actor: tokens guessed, and guessed right */
};

/* A heartbeat's JSON array of these; what is none is passed over. */
void process_stats_hear(struct process_stats *stats, const char *text, int64_t now_ms);
void process_stats_see(struct process_stats *stats, const struct process_stats_row *row,
                       int64_t now_ms);

/* Of all processes together, since their starts: tokens guessed, and guessed right. */
void process_stats_drafts(const struct process_stats *stats, uint64_t *drafted,
                          uint64_t *accepted);

/* [{role, name, peak_memory_bytes, tokens, tokens_per_second, drafted, accepted}], by name; the
 * caller's. Rates are over the time in which the process was seen. */
json_t *process_stats_json(struct process_stats *stats);
/* The same of a process that works alone: this one. */
json_t *process_stats_alone(const char *name, uint64_t tokens, int64_t ms);
/* One line a process. */
void process_stats_print(const json_t *processes, FILE *to);

#endif
