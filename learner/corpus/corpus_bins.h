/* corpus_bins: rows that hold several records, as TRL's packing makes them.
 *
 * per_device_train_batch_size counts rows. Without packing a row is a record. A batch has no
 * padding in any case and every record keeps its own positions and attention, so what packing
 * changes is how many records make a batch, and with it the number of steps; `wrapped` alone
 * changes the records themselves. Strategies, in blocks of 1000 records of the data set:
 *
 *   bfd        best fit, decreasing (Ding et al. 2024, arXiv:2404.10830): records, cut at
 *              max_length, the longest first, each into the fullest row that has room for it
 *   bfd_split  the same of pieces: a record is divided at max_length instead of cut
 *   wrapped    records one after another, divided every max_length tokens: a row is a record
 */

#ifndef LEARNER_CORPUS_CORPUS_BINS_H
#define LEARNER_CORPUS_CORPUS_BINS_H

#include "learner/corpus/corpus.h"

enum { CORPUS_BINS_BLOCK = 1000 }; /* records that datasets.map hands over at once */

/* Makes rows of the records from `from` on, which are whole where the strategy divides them.
 * Errors: ERR_NOMEM. */
enum err corpus_bins_close(struct corpus *corpus, size_t from,
                           const struct corpus_rule *rule) MUST_CHECK;

/* Rows of the corpus, and the tokens of each. */
size_t corpus_bins_rows(const struct corpus *corpus);
const uint32_t *corpus_bins_length(const struct corpus *corpus);

/* record out: those of row[0..n), in the rows' order; room for as many as there are records.
 * Returns how many. */
size_t corpus_bins_take(const struct corpus *corpus, const uint32_t *row, size_t n,
                        uint32_t *record);

#endif
