/* unigram: the most probable cut of a text into tokens that have a score each.
 *
 * Hugging Face's rule (tokenizers, models/unigram/model.rs): scores are added
 * in double from the left, a later cut wins only if it is better, and a character that no token
 * covers alone is unknown, ten below the lowest score. */

#ifndef LM_TEXT_UNIGRAM_H
#define LM_TEXT_UNIGRAM_H

#include "lm/text/vocab.h"

struct unigram;

/* vocab has no holes, score[i] is token i's (copied); unk is a token, or -1: then a character
 * without one is an error of the run. Errors: ERR_PARSE (no token, no such unk, a score that is
 * no number). */
enum err unigram_new(struct unigram **out, const struct vocab *vocab, const double *score,
                     int unk) MUST_CHECK;
void unigram_free(struct unigram *unigram);

double unigram_score(const struct unigram *unigram, int id); /* as it was given */
/* A number in the fewest digits that read back, as it stands in a tokenizer.json. Returns out. */
enum { UNIGRAM_DIGITS = 40 };
char *unigram_digits(char out[UNIGRAM_DIGITS], double score);
int unigram_unk(const struct unigram *unigram);

/* Memory that runs share; one a thread. */
struct unigram_work;
struct unigram_work *unigram_work_new(void);
void unigram_work_free(struct unigram_work *work);

/* Calls emit for each part of text[0..n), valid UTF-8, from left to right: the id of a token, or
 * -1 for a run of unknown characters. Errors: ERR_RANGE (over UNIGRAM_BYTES_MAX, an unknown
 * character and no unk), ERR_NOMEM, emit's. */
enum { UNIGRAM_BYTES_MAX = 1 << 24 };
typedef enum err unigram_emit(void *context, int id, const char *text, size_t n);
enum err unigram_run(const struct unigram *unigram, struct unigram_work *work, const char *text,
                     size_t n, unigram_emit *emit, void *context) MUST_CHECK;

#endif
