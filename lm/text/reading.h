/* reading: what a reward model reads of an answer, and the token at which its number stands.
 *
 * Training, PPO's rewarders, `reward-score`, `eval` and `data filter` all go by it. Plain text
 * ends in the model's end token, as TRL's RewardTrainer appends it; a dialogue in what its
 * template writes behind the last turn. An answer that was cut off has neither. */

#ifndef LM_TEXT_READING_H
#define LM_TEXT_READING_H

#include "lm/text/encode.h"

/* The text of the end token `id`; NULL when id < 0 or the tokenizer has none such. Free with
 * free(). */
char *reading_end(const struct tokenizer *tokenizer, int id);

/* A string with `eos` behind it, unless it is there; messages as they are. A new reference. */
json_t *reading_ended(const json_t *value, const char *eos);

/* ids of a whole answer with what stands before it, `all`: a string or messages. `finished`: it
 * ended by itself. Errors: encode_whole's; ERR_PARSE when no token is left to read at. */
enum err reading_answer(const struct encode *encode, const char *eos, const json_t *all,
                        const json_t *tools, bool finished, struct encoded *out) MUST_CHECK;

/* ids that follow the end token of a dialogue's last answer; none without a template. */
enum err reading_tail(const struct encode *encode, int **ids, size_t *n) MUST_CHECK;

/* Where sequence i of packed sequences is read: its last token. */
static inline int reading_at(const int *seq, int i)
{
    return seq[i + 1] - 1;
}

#endif
