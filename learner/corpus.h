/* corpus: a data set as token ids, ready to be packed into batches.
 *
 * A record is one sequence (SFT) or two (pairs: chosen, rejected). Lengths follow TRL's rule of
 * the method: SFT cuts at max_length and drops records with nothing left to learn; pairs with
 * either side longer are left out. What was cut or dropped is counted. */

#ifndef LEARNER_CORPUS_H
#define LEARNER_CORPUS_H

#include "base/hash.h"
#include "data/dataset.h"
#include "lm/model/train.h"
#include "lm/text/encode.h"

struct corpus {
    size_t n;                         /* records */
    int group;                        /* sequences a record */
    size_t *seq;                      /* [n*group+1] where each starts */
    int *token;                       /* [seq[n*group]] */
    uint8_t *learn;                   /* the same; a sequence's first token is never learnt */
    float *margin;                    /* [n]; NULL when no record has one */
    uint32_t *length;                 /* [n] tokens of the record */
    size_t cut, dropped, skipped;     /* shortened; left out by length; bad records left out */
    size_t longer, shorter;           /* pairs whose chosen answer is longer, shorter (text) */
    size_t room_records, room_tokens; /* of the arrays */
};

struct corpus_rule {
    struct encode encode;
    const char *eos; /* text appended to plain text that does not end with it; NULL: none */
    const char *text_field;
    int vocab;
    bool hh, strict;
    int max_length; /* 0: no limit */
    /* SFT: learn the completion only: -1 where there is one, 0 never, 1 always. */
    int completion_only;
    bool assistant_only;
};

/* Errors: those of example_read and encode_*, with file and line; ERR_RANGE when nothing is
 * left. `what` ("training", "evaluation") is for the words. */
enum err corpus_sft(struct corpus **out, const struct dataset *set,
                    const struct corpus_rule *rule, const char *what) MUST_CHECK;
enum err corpus_pairs(struct corpus **out, const struct dataset *set,
                      const struct corpus_rule *rule, const char *what) MUST_CHECK;
void corpus_free(struct corpus *corpus);

/* Tokens, starts, what is learnt, margins: the same data give the same hash. */
struct hash corpus_hash(const struct corpus *corpus);

/* Tokens of the `batch` longest records: no micro-batch has more. */
size_t corpus_most(const struct corpus *corpus, size_t batch);

/* Some records packed; the arrays grow and are reused. Zero it at first. */
struct packed {
    struct batch batch;
    int *token, *seq;
    uint8_t *learn;
    float *margin; /* [n_seq]; NULL when the corpus has none */
    size_t room, room_seq;
};
void corpus_pack(const struct corpus *corpus, const uint32_t *record, size_t n,
                 struct packed *out);
void corpus_pack_free(struct packed *packed);

#endif
