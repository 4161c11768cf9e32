/* eval: what the verbs of `drover eval` share: options, prompts, answers, figures.
 *
 * A verb prints a table for people, writes a JSON line a record to `output`, and its figures as
 * one flat JSON object to `figures`. Intervals are over prompts, the same one but once: of shares
 * Wilson's (stats/share.h), of other means bootstrap-t (stats/mean.h). */

#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include "data/dataset.h"
#include "eval/evaluator.h"
#include "eval/sampling_options.h"
#include "lm/file/open_model.h"
#include "stats/bootstrap.h"

#include <stdio.h>

enum { EVAL_LONGEST = 128 }; /* tokens of an answer when nobody says how many */

struct eval_conf {
    struct sampling_options sampling; /* first: SAMPLING_ROWS */
    char *baseline, *reference, *dataset, *format, *run, *output, *json;
    json_t **figures; /* where the verb's figures go; NULL: nowhere. The caller owns them */
    char *answers, *baseline_answers, *judge_name;
    double penalty;
    json_t *by, *gold, *models;
    int max_samples, samples, resamples, bins;
};

bool eval_is_hh(const struct eval_conf *conf); /* format: hh */

/* Prompts of a data set in any of its formats. */
struct eval_prompts {
    size_t n;
    json_t **prompt, **meta; /* [n] references; meta: all other columns */
    uint32_t *owner;         /* [n] eval_owners */
    struct dataset *set;
};
enum err eval_prompts(struct eval_prompts *out, const struct eval_conf *conf) MUST_CHECK;
void eval_prompts_free(struct eval_prompts *prompts);

struct eval_answer {
    char *text; /* UTF-8 */
    int tokens; /* words when the answer came from a file without ids */
    bool finished;
    int *ids; /* [tokens]; NULL from a file without */
};
struct eval_answers {
    size_t n; /* prompts * samples: answer s to prompt i at i * samples + s */
    int samples;
    struct eval_answer *answer;
    struct open_model loaded; /* the model, unless from a file; still open */
};
/* From `file` (lines with "completion", as `drover generate` writes them) unless it is empty,
 * else sampled from `model`. Errors name model or file. */
enum err eval_answers(struct eval_answers *out, const struct eval_conf *conf,
                      const struct eval_prompts *prompts, const char *model, const char *file,
                      int samples) MUST_CHECK;
void eval_answers_free(struct eval_answers *answers);

/* Answer k as an evaluator takes it. */
struct evaluator_item eval_item(const struct eval_prompts *prompts,
                                const struct eval_answers *answers, size_t k);

/* score [answers->n]; in windows, so that memory stays bounded. */
enum err eval_score(struct evaluator *evaluator, const struct eval_prompts *prompts,
                    const struct eval_answers *answers, double *score) MUST_CHECK;

/* [n] the first place of the same prompt: rows of one prompt belong together. */
uint32_t *eval_owners(json_t *const *prompt, size_t n);

/* The mean of value [n] with its interval. share: of values in [0, 1], each the mean of at most
 * so many right or wrong answers; 0: of any values. */
enum err eval_mean(struct bootstrap *out, const struct eval_conf *conf, const uint32_t *owner,
                   const double *value, size_t n, double share) MUST_CHECK;

/* Figures: `key`, and its bounds with _low and _high behind it. */
void eval_put(json_t *figures, const char *key, const struct bootstrap *value);

/* Lengths in tokens and the share that ended by themselves, printed and as figures with a
 * prefix: length_mean, length_median, length_p90, length_max, finished. */
void eval_lengths(const struct eval_answers *answers, const char *name, const char *prefix,
                  json_t *figures);

/* JSON lines to conf->output; every line at once. Opened on the first line, closed by eval_end.
 */
struct eval_out {
    const struct eval_conf *conf;
    FILE *to;
};
enum err eval_line(struct eval_out *out, json_t *line) MUST_CHECK; /* takes the line */
/* Closes, and hands `figures` (taken) to conf->figures. `err` so far is handed on. */
enum err eval_end(struct eval_out *out, json_t *figures, enum err err) MUST_CHECK;

/* The verbs. */
enum err eval_win(const struct eval_conf *conf) MUST_CHECK;
enum err eval_accuracy(const struct eval_conf *conf) MUST_CHECK;
enum err eval_kl(const struct eval_conf *conf) MUST_CHECK;
enum err eval_best(const struct eval_conf *conf) MUST_CHECK;
enum err eval_curve(const struct eval_conf *conf) MUST_CHECK;
enum err eval_bias(const struct eval_conf *conf) MUST_CHECK;

#endif
