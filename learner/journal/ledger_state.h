/* ledger_state: what the files of ledger share; for ledger*.c only. */

#ifndef LEARNER_JOURNAL_LEDGER_STATE_H
#define LEARNER_JOURNAL_LEDGER_STATE_H

#include "learner/journal/attempts.h"
#include "learner/journal/journal.h"
#include "learner/journal/ledger_conf.h"
#include "learner/journal/people.h"
#include "learner/journal/settled.h"

enum { PLACES_MAX = 1 << 28 };
enum ledger_place {
    PLACE_NEW,
    PLACE_PENDING,
    PLACE_DURABLE,
    PLACE_FALSE, /* durable, and its REFUSED is on its way to the disk */
};

struct ledger_waiting { /* appended, not durable */
    enum journal_type type;
    void *what; /* its struct, from the heap */
};
struct ledger_group {
    struct ledger_waiting *item;
    size_t n, room;
};

struct ledger {
    struct ledger_conf conf;
    struct journal *journal;
    struct settled_set *settled;
    uint8_t *place;              /* [n_answer] */
    struct record_sample **kept; /* [n_answer] of batches not yet trained */
    uint8_t *flat;               /* [rows of answers] tasks whose answers teach nothing */
    uint64_t n_answer;           /* room for them */
    struct hash *version;        /* [iterations + 1] */
    uint64_t newest;             /* version: durable steps */
    uint64_t epoch, bytes;
    struct id run;
    uint64_t halting; /* the version of a HALT, durable or not; 0: none */
    bool started, busy, ended, halted;
    struct hash weights;
    struct ledger_group pending, writing;
    struct attempts attempts; /* of samples that lack */
    struct people people;
    struct record_bytes bytes_made; /* of the record in the making */
    struct record_refused *refused; /* the newest, oldest first */
    uint32_t n_refused;
    uint64_t untaken; /* noted by this process */
    bool refusing;    /* until the next epoch is durable nothing is taken */
};

static inline size_t ledger_index(const struct ledger *l, uint64_t task, uint32_t sample)
{
    return (size_t)tasks_index(l->conf.tasks, task, sample);
}

static inline uint8_t *ledger_flat(const struct ledger *l, uint64_t task)
{
    return &l->flat[ledger_index(l, task, 0) / tasks_plan(l->conf.tasks)->samples];
}

/* A sample is durable. Takes it. */
enum err ledger_settle(struct ledger *l, struct record_sample *sample) MUST_CHECK;
/* All answers of an iteration are durable. */
bool ledger_complete(const struct ledger *l, uint64_t iteration);
/* The step's record, but for what it gives. */
void ledger_step_of(const struct ledger *l, uint64_t iteration, struct record_step *step);
/* Adds a record's bytes to the pending group. */
void ledger_append(struct ledger *l, enum journal_type type, const void *what);
void ledger_note_start(struct ledger *l); /* of the next epoch */

/* A record is durable, by being written or by being read: does in memory what it says. Takes
 * *what, or leaves it (then it is the caller's to free). Errors: of conf. */
enum err ledger_kinds_apply(struct ledger *l, enum journal_type type, void **what) MUST_CHECK;

/* People's records: what must hold before them, what they do (ledger_people.c). Errors:
 * ERR_PARSE. */
enum err ledger_people_check_exported(const struct ledger *l, const void *what) MUST_CHECK;
enum err ledger_people_apply_exported(struct ledger *l, void **what) MUST_CHECK;
enum err ledger_people_apply_judged(struct ledger *l, void **what) MUST_CHECK;
enum err ledger_people_check_refreshed(const struct ledger *l, const void *what) MUST_CHECK;
enum err ledger_people_apply_refreshed(struct ledger *l, void **what) MUST_CHECK;
enum err ledger_people_check_learnt(const struct ledger *l, const void *what) MUST_CHECK;
enum err ledger_people_apply_learnt(struct ledger *l, void **what) MUST_CHECK;

/* A HALT is durable: what was there of the batches behind it goes, and they count as settled.
 */
void ledger_halt_done(struct ledger *l);

/* journal_visit */
enum err ledger_kinds_visit(void *ledger, const struct journal_record *record) MUST_CHECK;

/* A durable REFUSED does its work: takes the sample back, and keeps the record. Takes it.
 * Errors: of conf.undone. */
enum err ledger_refuse_done(struct ledger *l, struct record_refused *refused) MUST_CHECK;
/* Is there such an answer, durable and not trained? */
bool ledger_refuse_open(const struct ledger *l, const struct record_refused *refused);

#endif
