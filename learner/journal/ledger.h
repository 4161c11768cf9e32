/* ledger: what a run has settled, trained and announced: its journal, and the same in memory.
 *
 * Knows no socket. A sample is new, then pending (appended), then durable (its group is
 * fsynced): only then it is settled, told to the owner and may be trained. Samples of training
 * tasks stay in memory until their iteration's STEP is durable. Opened again after any crash it
 * stands where the last fsync left it. */

#ifndef LEARNER_JOURNAL_LEDGER_H
#define LEARNER_JOURNAL_LEDGER_H

#include "learner/journal/ledger_conf.h"

struct attempts;
struct journal_group;
struct ledger;

enum {
    LEDGER_REFUSALS = 256, /* that are remembered, to be told to a broker that forgot */
    LEDGER_UNTAKEN = 1024, /* refused answers that were never taken: noted by one process */
};

/* Errors: ERR_IO; ERR_PARSE (damage); ERR_STATE (a journal of another run or plan; fewer steps
 * than `base`). */
enum err ledger_open(struct ledger **out, const struct ledger_conf *conf) MUST_CHECK;
void ledger_close(struct ledger *ledger); /* NULL is fine; what is pending is lost */

/* A learner begins: the epoch is one more than any before, durable on return. Errors: ERR_STATE
 * (the journal is another run's), ERR_IO. */
enum err ledger_start(struct ledger *ledger, const struct id *run) MUST_CHECK;

/* What happens to a sample that arrived; takes it (frees it when it is not new). */
bool ledger_take(struct ledger *ledger, struct record_sample *sample);
/* Notes that a worker failed a sample that lacks; takes it. False: that is known. */
bool ledger_attempt(struct ledger *ledger, struct record_attempt *attempt);
/* Those of samples that lack. */
const struct attempts *ledger_attempts(const struct ledger *ledger);

/* Notes the end of an iteration: its samples in the order of training, and what they gave. */
void ledger_step(struct ledger *ledger, uint64_t iteration, const struct hash *next);

/* The same of the iteration that stop_if ends training with, not the plan's last: one record,
 * so that no crash comes between the two. From here on no task behind it is taken; once it is
 * durable they count as settled, and the last evaluation is under this version. */
void ledger_halt(struct ledger *ledger, uint64_t iteration, const struct hash *next);
bool ledger_halted(const struct ledger *ledger); /* is durable */

/* Ids below this may be open now: tasks_window, but none of those that were cut off. */
uint64_t ledger_window(const struct ledger *ledger);

/* Notes that an answer is false; takes it (frees it when too many were noted that had never
 * been taken: false). One that is durable and not trained is taken back with the commit that
 * holds ledger_refuse_start too; any other has reason RECORD_UNTAKEN and is evidence only. */
bool ledger_refuse(struct ledger *ledger, struct record_refused *refused);
/* After some of those: the next epoch begins in the same group. Until it is durable no sample
 * is taken, and nothing may be trained. */
void ledger_refuse_start(struct ledger *ledger);
/* The same, above an epoch that somebody has seen of this run: a copy of its folder may have
 * gone on. */
void ledger_refuse_above(struct ledger *ledger, uint64_t epoch);
bool ledger_refusing(const struct ledger *ledger);
uint64_t ledger_epoch(const struct ledger *ledger);
/* The newest that were refused, in the journal's order; until the next call of another. */
const struct record_refused *ledger_refused(const struct ledger *ledger, uint32_t *n);

void ledger_end(struct ledger *ledger, const struct hash *weights);

/* Adds a record to the pending group; takes `what`, the struct of its type from the heap. It does
 * its work once it is durable (ledger_kinds.c). What the functions above add has more to it; this
 * is for kinds that have not. */
void ledger_note(struct ledger *ledger, enum journal_type type, void *what);

/* As journal_commit_*: between the two, any thread gives the group to journal_commit_write.
 * `end` settles what was written and tells the owner. Errors: those of conf.durable and
 * conf.undone. */
bool ledger_commit_due(const struct ledger *ledger); /* `begin` would say true */
bool ledger_commit_begin(struct ledger *ledger, struct journal_group *out);
enum err ledger_commit_end(struct ledger *ledger) MUST_CHECK;
/* All of it, here and now. Errors: both's. */
enum err ledger_commit(struct ledger *ledger) MUST_CHECK;
bool ledger_idle(const struct ledger *ledger); /* nothing pending, nothing being written */

/* The number of STEPs that are durable is the newest version. */
uint64_t ledger_version(const struct ledger *ledger);
/* Hash of a version's image, up to the newest. */
const struct hash *ledger_hash(const struct ledger *ledger, uint64_t version);
bool ledger_ended(const struct ledger *ledger, struct hash *weights); /* END is durable */

/* May (task, sample) still come? */
bool ledger_lacks(const struct ledger *ledger, uint64_t task, uint32_t sample);
struct settled ledger_settled(struct ledger *ledger);
uint64_t ledger_watermark(const struct ledger *ledger);
uint64_t ledger_pending(const struct ledger *ledger); /* bytes taken and not yet durable */

/* All samples of an iteration are durable: sample [n] in order of (task, sample), n = batch *
 * samples; false if some lack. They live until ledger_forget. */
bool ledger_batch(const struct ledger *ledger, uint64_t iteration,
                  const struct record_sample **sample);
/* Its answers that teach nothing and are not trained, whole groups: n of them. sample NULL:
 * only counts. They live as long. */
uint32_t ledger_flats(const struct ledger *ledger, uint64_t iteration,
                      const struct record_sample **sample);
uint32_t ledger_batch_size(const struct ledger *ledger);
void ledger_forget(struct ledger *ledger, uint64_t iteration);

#endif
