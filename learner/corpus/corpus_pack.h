/* corpus_pack: records of a corpus as a micro-batch. */

#ifndef LEARNER_CORPUS_CORPUS_PACK_H
#define LEARNER_CORPUS_CORPUS_PACK_H

#include "learner/corpus/corpus.h"
#include "learner/step/micro_batch.h"

/* Tokens of the `batch` longest rows: no micro-batch has more. */
size_t corpus_pack_most(const struct corpus *corpus, size_t batch);

/* Fills a micro-batch with some records; `columns` beyond those that the corpus has something for
 * are the caller's to fill. Errors: micro_batch_begin's. */
enum err corpus_pack(const struct corpus *corpus, const uint32_t *record, size_t n,
                     unsigned columns, struct micro_batch *out) MUST_CHECK;
/* Each record's prompt with its partner's whole answer, cut at max_length together. The same
 * errors. */
enum err corpus_pack_mismatched(const struct corpus *corpus, const uint32_t *record, size_t n,
                                struct micro_batch *out) MUST_CHECK;

#endif
