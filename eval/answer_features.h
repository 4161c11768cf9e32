/* answer_features: what a frozen model makes of an answer: the last hidden state, at the token where
 * a reward model that grew out of it would be read. The same for any head. */

#ifndef EVAL_ANSWER_FEATURES_H
#define EVAL_ANSWER_FEATURES_H

#include "lm/file/open_model.h"

/* One answer: prompt and answer are both strings or both lists of messages; prompt may be NULL. */
struct answer_features_of {
    const json_t *prompt, *answer, *tools; /* tools: or NULL */
};

/* out [n, width of the model]. A text that is longer than the model's context is read by its last
 * tokens, which end in the answer; *cut (may be NULL) counts them. Errors: ERR_PARSE (kinds that
 * differ, no text), the encoder's, ERR_NOMEM; *bad says of which answer. */
enum err answer_features(float *out, const struct open_model *model,
                         const struct answer_features_of *of, int n, int *bad,
                         int *cut) MUST_CHECK;

#endif
