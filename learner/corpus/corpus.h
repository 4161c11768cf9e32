/* corpus: a data set as token ids, ready to be packed into batches.
 *
 * A record is one sequence (SFT, labelled answers) or two (pairs: chosen, rejected). Lengths
 * follow TRL's rule of the method: SFT cuts at max_length and drops records with nothing left
 * to learn; a reward model's pairs with either side longer are left out; the direct methods cut
 * and drop records whose prompt fills max_length. What was cut or dropped is counted. */

#ifndef LEARNER_CORPUS_CORPUS_H
#define LEARNER_CORPUS_CORPUS_H

#include "base/hash.h"
#include "data/dataset.h"
#include "lm/text/encode.h"

/* Answers as they were before max_length cut them. */
struct corpus_whole {
    size_t *at;       /* [n+1] where each starts */
    int *token;       /* [at[n]] */
    uint8_t *learn;   /* the same */
    uint32_t *prompt; /* [n] tokens of the record before its answer */
};

/* Arrays of tokens are as large as the data: beyond CORPUS_MEMORY bytes each they lie on disk
 * (base/spool.h), and memory holds a window of them. */
enum { CORPUS_MEMORY = 128 << 20 };
struct spool;

/* What a batch counts, where that is not a record (corpus_bins.h). */
struct corpus_rows {
    size_t n;         /* 0: a row is a record */
    size_t *at;       /* [n+1] where a row's records begin */
    uint32_t *record; /* [at[n]] */
    uint32_t *length; /* [n] tokens */
};
enum corpus_packing { CORPUS_PLAIN, CORPUS_BFD, CORPUS_BFD_SPLIT, CORPUS_WRAPPED };

struct corpus {
    size_t n;             /* records */
    int group;            /* sequences a record */
    size_t *seq;          /* [n*group+1] where each starts */
    int *token;           /* [seq[n*group]] */
    uint8_t *learn;       /* the same; see objective.h */
    float *margin;        /* [n]; NULL when no record has one */
    float *weight, *soft; /* [n] of example.h; NULL when all are 1 */
    int8_t *label;        /* [n] 1 desirable, 0 not; NULL: not of that kind */
    /* [n] tokens that the second answer shares with the first and that are kept once, in the
     * first sequence; NULL: none */
    uint32_t *shared_prefix;
    uint32_t *partner; /* [n] the record whose answer is KTO's mismatched one; NULL: none */
    struct corpus_whole whole; /* the answers for it; empty without */
    uint32_t *length;          /* [n] tokens of the record */
    struct corpus_rows rows;
    float *target; /* [seq[n]] of corpus_steps.h; NULL: no solutions in steps */
    struct spool *tokens, *learns, *targets; /* where token, learn and target lie */
    uint32_t *owner;              /* [n] records of one prompt share a number; NULL: not told */
    size_t cut, dropped, skipped; /* shortened; left out by length; bad records left out */
    size_t longer, shorter;       /* pairs whose chosen answer is longer, shorter (text) */
    size_t room_records, room_tokens, room_answers; /* of the arrays */
    int longest; /* max_length of mismatched answers; 0: no limit */
};

struct corpus_rule {
    struct encode encode;
    const char *eos; /* text appended to plain text that does not end with it; NULL: none */
    const char *text_field;
    int vocab;
    const char *folder; /* for what memory is not to hold; NULL: spool_new's */
    size_t memory;      /* bytes of an array in memory; 0: CORPUS_MEMORY */
    bool hh, strict;
    json_t *unused; /* example_rule's; NULL: nobody asks */
    int max_length; /* 0: no limit */
    /* SFT: learn the completion only: -1 where there is one, 0 never, 1 always. */
    int completion_only;
    enum corpus_packing packing; /* needs max_length */
    bool assistant_only;         /* of conversations learn what the assistant says alone */
    /* Direct methods. */
    bool share;      /* the prompt of a pair is kept and computed once */
    bool prompt_too; /* the chosen sequence's prompt is learnt as 2 (ORPO) */
    bool hard;       /* soft labels, ties and weights are errors */
    /* Solutions in steps. */
    const struct steps_rule *steps;
    int bos;   /* stands before the prompt; -1: none */
    int block; /* answers rotate by one inside blocks of so many records; 0: no partner */
};

/* An empty one of `group` sequences a record. */
struct corpus *corpus_new(const struct corpus_rule *rule, int group);
void corpus_free(struct corpus *corpus);

/* Some sequences' tokens were just read: what lies on disk need not stay in memory. */
void corpus_seen(const struct corpus *corpus, size_t tokens);

/* Bytes that the data hold in memory for as long as the run lasts. */
size_t corpus_bytes(const struct corpus *corpus);

/* Tokens, starts, what is learnt, margins: the same data give the same hash. */
struct hash corpus_hash(const struct corpus *corpus);

/* For the readers of one kind of record: the sequence `which` of the record at hand (learn
 * NULL: all of it); the first sets margin, weight, soft, label and shared_prefix of record `n` to
 * nothing said. Then the end of the record. `marked` lets the first token be learnt. Errors:
 * ERR_NOMEM. */
enum err corpus_append(struct corpus *corpus, int which, const int *ids, size_t n,
                       const uint8_t *learn, bool marked) MUST_CHECK;
void corpus_close(struct corpus *corpus);
/* Behind the last record, `err` being how it was read: counts what the set had skipped, drops
 * arrays that say nothing, and hands the corpus out; on an error it is freed and *out NULL.
 * Errors: `err`; ERR_RANGE when no record is left. */
enum err corpus_end(struct corpus **out, struct corpus *corpus, enum err err,
                    const struct dataset *set, const struct corpus_rule *rule,
                    const char *what) MUST_CHECK;

struct example;
/* rule->encode.kwargs with the record's own variables of the template over them, for
 * encode.kwargs of a rule for this record; NULL: it has none. Those that the template does not
 * ask for are counted in rule->unused. The caller's. */
json_t *corpus_kwargs(const struct corpus_rule *rule, const struct example *example);

/* learn [n] out: 1 for the tokens, of all n, that the assistant says in `messages`, ends of
 * turn included. A token across a border belongs to the side of its first byte, across that of
 * a template's own marks to the assistant, as in transformers. Errors: ERR_PARSE when it says nothing, chat_render's. */
enum err corpus_said(const struct corpus_rule *rule, const json_t *messages,
                     const json_t *tools, uint8_t *learn, size_t n) MUST_CHECK;

#endif
