/* draft: guesses at the tokens that come next, to be checked several at once.
 *
 * A pass over a few rows of a sequence reads the weights once, as a pass over one row does; where reading
 * them is what takes the time, guessing right is free, and guessing wrong nearly so. A guess decides
 * nothing: a token counts only if it is drawn from its own logits with its own random number
 * (generate.h), so that what is written has the same bits with any guesses, and with none. */

#ifndef LM_GEN_DRAFT_H
#define LM_GEN_DRAFT_H

#include "lm/model/shape.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DRAFT_MOST = 15,         /* guesses ahead in one pass */
    DRAFT_ANSWERS = 64,      /* earlier answers to a prompt */
    DRAFT_TOKENS = 16 << 10, /* of all of them */
    DRAFT_MATCH = 8,         /* tokens that are compared of what stands before a guess */
};

/* Earlier answers to the same prompt, one behind the other; borrowed. */
struct draft_answers {
    const int32_t *token; /* [n_token] what ended each is part of it */
    const uint8_t *share; /* [n_token] the probability that each had, of 255; NULL: unknown */
    const uint32_t *each; /* [n] tokens of each, at least 1; their sum is n_token */
    uint32_t n, n_token;
};
/* Why these are none, in words; NULL if they are: counts beyond the limits above, lengths that do not
 * add up, a token that is not below `vocab`. No answers at all are fine. */
const char *draft_unfit(const struct draft_answers *answers, int vocab);

/* Where a guess comes from: an earlier answer that began as this one does, or what followed the same few
 * tokens somewhere in the prompt, in the answer so far or in an earlier answer. */
enum draft_kind { DRAFT_EARLIER, DRAFT_LOOKUP, DRAFT_KINDS };

struct draft_guess {
    int token;
    float chance; /* that it will be drawn, 0..1 */
    float hope;   /* the same before it is scaled by how others fared */
    enum draft_kind kind;
};

/* How the guesses of one stream have fared, old ones fading; zeros at first. */
struct draft_record {
    float hoped[DRAFT_KINDS], held[DRAFT_KINDS];
};
/* A guess was checked. */
void draft_checked(struct draft_record *record, const struct draft_guess *guess, bool held);

/* What was said, and how the next token is drawn. */
struct draft_place {
    const int *token; /* [n] prompt and answer, guesses so far included */
    int n_prompt, n;
    double u; /* the number that it will be drawn with; below 0: the most probable is taken */
};
/* The best guess at token[n]; false: there is none. */
bool draft_next(struct draft_guess *out, const struct draft_record *record,
                const struct draft_answers *answers, const struct draft_place *place);

/* How long a pass over so many rows takes, in passes over one: of this machine's instruction set and the
 * precision. From measurements (bench_draft rows): below a few rows the weights are read, above it is
 * arithmetic. */
double draft_pass(enum precision compute, int rows);
/* Is one row more worth its time, if it brings a token with this chance, where `rows` rows bring `tokens`
 * so far? */
bool draft_worth(enum precision compute, double chance, int rows, double tokens);

#endif
