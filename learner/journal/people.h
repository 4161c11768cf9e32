/* people: pairs of answers that people are asked about, and what they said of them, in memory. A part
 * of the ledger (ledger_people.c), which tells it what is durable.
 *
 * A judgement is pending (noted, in the journal's next group), then durable: only then is it
 * answered and may be learnt. It stands until another takes it back; one person has one that stands
 * of a pair. It is learnt at most once, as a pair whose first answer is the better one, by an iteration that
 * is not more than max_age versions ahead of the oldest of the pair's writers. */

#ifndef LEARNER_JOURNAL_PEOPLE_H
#define LEARNER_JOURNAL_PEOPLE_H

#include "learner/journal/record.h"
#include "proto/msg_people.h"

#include <stdbool.h>

enum {
    PEOPLE_SAID =
        64, /* rows of the journal about one pair, undone ones and undoings included */
    PEOPLE_NONE = -1,
};

struct people_conf {
    uint32_t per_iteration; /* pairs; 0: nobody is asked */
    uint32_t max_age;       /* versions */
    bool keep;              /* answers stay when they are too old: a reward model reads them */
};

struct people_pair {
    struct id id;
    struct record_pair of;
    uint64_t iteration;            /* whose answers they are */
    struct record_sample *body[2]; /* a, b: its own; NULL once they are too old to be learnt */
    int64_t first, last;           /* what was said of it, of people.said; PEOPLE_NONE */
    uint32_t n_said;
    enum people_way { PEOPLE_HERE, PEOPLE_SENT, PEOPLE_STORED } way; /* this process's */
};
struct people_said {
    struct record_judged *what; /* its own */
    int64_t pair, next;         /* next: of the same pair */
    bool durable, undone;
    uint64_t trained; /* 1 + the iteration that learnt it; 0: none did */
};

struct people {
    struct people_conf conf;
    struct id run;
    struct people_pair *pair; /* in the journal's order, as all here */
    struct people_said *said;
    int64_t n_pair, n_said;
    int64_t *place; /* [places] of pairs by id, open addressing; PEOPLE_NONE */
    size_t room_pair, room_said, places;
    struct record_people **step; /* [n_step] of iterations not yet forgotten */
    size_t n_step, room_step;
    struct record_refreshed *refreshed; /* [n_refreshed] */
    size_t n_refreshed;
    uint64_t unknown; /* judgements that were refused */
};

void people_fini(struct people *people);

/* The pair of that id, or PEOPLE_NONE. */
int64_t people_find(const struct people *people, const struct id *pair);
/* May a pair of these answers still be learnt by an iteration? */
bool people_young(const struct people *people, const struct record_pair *pair,
                  uint64_t iteration);

/* Adds a pair; takes its answers. False: it is there (they are freed). */
bool people_add(struct people *people, uint64_t iteration, const struct record_pair *of,
                struct record_sample *a, struct record_sample *b);

/* What a judgement is answered. JUDGED_KEPT with *known false: it is new, people_note follows; with
 * *known true it is there, and *durable says whether it may be answered yet. */
enum judged_answer people_judge(const struct people *people,
                                const struct msg_judgement *judgement, bool *known,
                                bool *durable);
/* Adds one that is pending; what it takes back stands until it is durable. Its pair is there. */
void people_note(struct people *people, const struct record_judged *judged);
/* One is durable; it may be there already. False: nothing that a journal may say here. */
bool people_durable(struct people *people, const struct record_judged *judged);
/* Is the judgement of that pair durable? */
bool people_is_durable(const struct people *people, const struct id *pair,
                       const struct id *judgement);

/* What iteration `iteration` may learn: indices into said, in the journal's order; frees *out. */
size_t people_due(const struct people *people, uint64_t iteration, int64_t **out);
/* All that says which is better and stands, whatever its age and whatever learnt it; likewise. */
size_t people_kept(const struct people *people, int64_t **out);
/* The last refresh before an iteration's answers were scored; NULL: there was none. */
const struct record_refreshed *people_refreshed(const struct people *people,
                                                uint64_t iteration);
void people_refresh(struct people *people, const struct record_refreshed *record);
/* Figures as the iteration ends, which learns `due` of them and asks about `more` pairs. */
struct record_people_counts people_counts(const struct people *people, uint64_t iteration,
                                          size_t due, size_t more);
/* An iteration learnt these. Takes the record. False: one of them is not there, or was learnt. */
bool people_learn(struct people *people, struct record_people *record);
/* Its record, until it is forgotten; or NULL. */
const struct record_people *people_of(const struct people *people, uint64_t iteration);
/* One of its judgements, of said. */
const struct people_said *people_named(const struct people *people,
                                       const struct record_judgement *name);

/* Nothing up to this iteration is learnt again: records of it go, and answers that are too old. */
void people_forget(struct people *people, uint64_t iteration);

#endif
