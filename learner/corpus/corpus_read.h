/* corpus_read: texts, conversations and pairs for reward models as a corpus. */

#ifndef LEARNER_CORPUS_CORPUS_READ_H
#define LEARNER_CORPUS_CORPUS_READ_H

#include "learner/corpus/corpus.h"

/* Errors: those of example_read and encode_*, with file and line; ERR_RANGE when nothing is
 * left. `what` ("training", "evaluation") is for the words. */
enum err corpus_read_sft(struct corpus **out, const struct dataset *set,
                         const struct corpus_rule *rule, const char *what) MUST_CHECK;
/* Two sequences a record, each prompt and answer; those with a side that is too long are left out.
 * Errors: the same. */
enum err corpus_read_pairs(struct corpus **out, const struct dataset *set,
                           const struct corpus_rule *rule, const char *what) MUST_CHECK;

#endif
