/* fleet_report: what the terminal and metrics.jsonl hear of a run's iterations. */

#ifndef LEARNER_FLEET_FLEET_REPORT_H
#define LEARNER_FLEET_FLEET_REPORT_H

#include "learner/context/run_context.h"
#include "learner/fleet/fleet_loop.h"

struct fleet_report {             /* zeroed at first but for begun_ms and stepped_ms: now */
    int64_t begun_ms, stepped_ms; /* of this process; of the newest iteration */
    uint64_t tokens;              /* trained, of answers */
    uint64_t drafted, accepted;   /* by actors, up to the newest iteration */
    char *metrics;                /* JSON of the newest line; NULL: none yet */
    bool told_flat, told_critic;  /* that nothing is learnt; that the critic is noise */
};
void fleet_report_fini(struct fleet_report *report);

/* What the trainer cannot know of its iteration, before the journal hears of it: stop_if reads
 * the whole line. way_bytes: of what made the newest published version of another; 0: nothing did. */
void fleet_report_complete(struct fleet_report *report, const struct run_context *run,
                           struct trainer_job *job, uint64_t way_bytes, int64_t now_ms);
/* The iteration is durable: its lines. Errors: ERR_IO (metrics.jsonl). */
enum err fleet_report_step(struct fleet_report *report, struct run_context *run,
                           const struct trainer_job *job, int64_t now_ms) MUST_CHECK;
/* So is the last answer of an evaluation. Errors: ERR_IO. */
enum err fleet_report_evaluation(struct run_context *run, enum tasks_kind kind,
                                 uint64_t step) MUST_CHECK;
/* Of how many answers the scale of each normalised reward is, and what it is. */
void fleet_report_scale(struct run_context *run, size_t answers);

/* For `drover top`: what the run stands at. */
void fleet_report_stands(char *out, size_t room, const struct run_context *run,
                         enum loop_state state);

#endif
