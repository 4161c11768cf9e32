/* record_people: records about pairs of answers that people are asked about; as in record.h:
 *
 *   9 EXPORTED iteration u64, pairs u32, {task u64, sample u32, sample u32, hash, hash,
 *              version u64, hash}[]
 *              before its iteration's STEP, in the same group; run_people_note
 *  10 JUDGED   id [16], pair [16], verdict u32, undo [16], text (annotator)
 *              ledger_people_judge
 *  11 PEOPLE   iteration u64, judgements u32, {pair [16], id [16]}[], exported u64, judged u64,
 *              trained u64, too old u64, unknown u64, waiting u64,
 *              taken back u64
 *              as EXPORTED
 *  12 REFRESHED iteration u64, judgements u64, image hash, bytes u64
 *              as EXPORTED; run_refresh_note
 */

#ifndef LEARNER_JOURNAL_RECORD_PEOPLE_H
#define LEARNER_JOURNAL_RECORD_PEOPLE_H

#include "proto/noun.h"

struct record_pair { /* two answers to a task, whose pair is digest_pair of them */
    uint64_t task;
    uint32_t a, b; /* samples */
    struct hash hash_a, hash_b;
    struct version version; /* the oldest that wrote a token of either */
};
struct record_exported {
    uint64_t iteration;
    uint32_t n_pair;
    struct record_pair *pair;
};
struct record_judged { /* as msg_judgement */
    struct id id, pair;
    uint32_t verdict;
    struct id undo;
    char *annotator;
};
struct record_judgement {
    struct id pair, id;
};
struct record_people {
    uint64_t iteration;
    uint32_t n_judgement;
    struct record_judgement *judgement; /* learnt as pairs, in the journal's order */
    struct record_people_counts {       /* of the run so far, for metrics.jsonl */
        uint64_t exported, judged;      /* pairs; judgements, those taken back too */
        uint64_t trained, too_old;      /* of these; too_old: will not be */
        uint64_t unknown, waiting;      /* that were none; young pairs that nobody judged */
        uint64_t taken_back;            /* after they were learnt */
    } counts;
};

struct record_refreshed { /* a reward model that people taught: the next iteration's scorer */
    uint64_t iteration;
    uint64_t judgements; /* by so many */
    struct hash image;
    uint64_t bytes; /* of it */
};

#endif
