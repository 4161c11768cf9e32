/* bpe: byte-pair merges, in Hugging Face's order (tokenizers, models/bpe/word.rs).
 *
 * The pair of lowest rank is merged first, the leftmost one on ties. A heap over a linked
 * list: n symbols take O(n log n). */

#ifndef LM_TEXT_BPE_H
#define LM_TEXT_BPE_H

#include "base/err.h"

#include <stddef.h>

struct bpe;
enum { BPE_MERGES_MAX = 1 << 21 };

struct bpe *bpe_new(void);
void bpe_free(struct bpe *bpe);

/* The next merge: its rank is the number of merges before it. A pair that was added before
 * takes the new rank. Errors: ERR_RANGE (too many). */
enum err bpe_add(struct bpe *bpe, int left, int right, int made) MUST_CHECK;

size_t bpe_count(const struct bpe *bpe);
void bpe_pair(const struct bpe *bpe, size_t rank, int *left, int *right);

/* Memory that runs share; one a thread. */
struct bpe_work;
struct bpe_work *bpe_work_new(void);
void bpe_work_free(struct bpe_work *work);

/* Merges ids[0..n) in place; returns how many are left. */
size_t bpe_run(const struct bpe *bpe, struct bpe_work *work, int *ids, size_t n);

#endif
