/* corpus_answers: the records of the direct methods as a corpus: a prompt and one answer with a
 * label, or two answers. Errors: as corpus_read.h. */

#ifndef LEARNER_CORPUS_CORPUS_ANSWERS_H
#define LEARNER_CORPUS_CORPUS_ANSWERS_H

#include "learner/corpus/corpus.h"

/* Prompt and two answers (implicit prompts: dialogue_split); learnt from where the answers
 * begin, at the smaller of the two places, to their ends: of an answer of several turns what
 * the user and the tools say, too, as in TRL, but with assistant_only. Equal or empty answers
 * are bad records. Errors: corpus_read_sft's. */
enum err corpus_answers_pairs(struct corpus **out, const struct dataset *set,
                              const struct corpus_rule *rule, const char *what) MUST_CHECK;
/* Prompt, completion and label; pairs become two records each, as TRL unpairs them: of every
 * 1000 pairs first the chosen, then the rejected. Errors: the same. */
enum err corpus_answers_labelled(struct corpus **out, const struct dataset *set,
                                 const struct corpus_rule *rule, const char *what) MUST_CHECK;

#endif
