/* Reward models, scalar and by steps. Both read the policy's own tokens, so that what is scored
 * is what was sampled and no detokenised copy of it: the model's tokenizer has to be the
 * policy's. A scalar head is read at the last token behind the tail (lm/text/reading.h); a
 * process reward model gives P(right) at the token where each step ends (reward/prm.h), and
 * what those become is the learner's affair (reward/credit.h). Which of the two it is, the
 * model says: `steps` must go with the head, and `fits` is where that is seen first. */

#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/model/forward.h"
#include "lm/text/reading.h"
#include "lm/text/steps.h"
#include "reward/batch.h"
#include "reward/entry.h"
#include "reward/prm.h"
#include "reward/reward.h"
#include "reward/reward_kind.h"

#include <stdlib.h>
#include <string.h>

enum { PROMPT_TOKENS = 512 }; /* last tokens of a prompt that a process reward model reads */

static bool knows(const char *key, bool alone)
{
    return !strcmp(key, "model") || !strcmp(key, "steps") || !strcmp(key, "step_separator") ||
           !strcmp(key, alone ? "max_prompt_length" : "people");
}

static const char *name(const json_t *entry)
{
    return entry_text(entry, "model") ? "rm" : NULL;
}

/* Alone, steps become one number, by lm/text/steps.h's words; in a run they may be credited. */
static enum err steps_named(enum reward_steps *out, const char *word, bool alone)
{
    static const char *const names[REWARDS_NO_STEPS] = {"min",   "product",   "last", "mean",
                                                        "dense", "potential", "worst"};
    enum steps_how how = STEPS_MIN;

    if (alone) {
        const enum err err = steps_how(&how, word);
        *out = (enum reward_steps)how;
        return err ? err_add("steps") : OK;
    }
    for (int i = 0; i < REWARDS_NO_STEPS; i++)
        if (!strcmp(word, names[i])) {
            *out = (enum reward_steps)i;
            return OK;
        }
    return err_set(ERR_RANGE,
                   "steps: '%s': expected min, product, last, mean, dense, potential or worst",
                   word);
}

/* Whether people teach it: they compare answers, not steps. */
static enum err read_people(struct reward *to, const char *word, bool steps)
{
    if (word && strcmp(word, "true") && strcmp(word, "false"))
        return err_set(ERR_PARSE, "people: '%s': expected true or false", word);
    to->people = word && !strcmp(word, "true");
    return to->people && steps ? err_set(ERR_RANGE, "people: does not go with steps") : OK;
}

static enum err read_model(struct reward *to, const json_t *entry, bool alone)
{
    const char *word = entry_text(entry, "steps");
    const char *separator = entry_text(entry, "step_separator");
    const char *most = entry_text(entry, "max_prompt_length");
    const int prompt = most ? (int)strtol(most, NULL, 10) : PROMPT_TOKENS;
    json_t *spec;
    enum err err = OK;

    to->model = mem_text(entry_text(entry, "model"));
    err = read_people(to, alone ? NULL : entry_text(entry, "people"), word != NULL);
    if (err)
        return err;
    if (alone && ((separator && !*separator) || prompt < 1))
        return err_set(ERR_RANGE, "step_separator may not be empty, nor max_prompt_length 0");
    if (word)
        err = steps_named(&to->steps, word, alone);
    else if (separator && !alone)
        err = err_set(ERR_PARSE, "step_separator: goes with steps");
    if (err || (!word && !alone))
        return err;
    spec =
        json_pack("{s:s,s:i}", "separator", separator ? separator : "\n", "max_prompt", prompt);
    to->spec = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(spec);
    return OK;
}

/* Token by token, as bytes: two tokenizers of one vocabulary in another order, or one token
 * apart, would give scores that mean nothing, and no error. */
static enum err same_tokens(const struct model_files *files, const struct tokenizer *policy)
{
    const int n = tokenizer_count(policy);

    for (int id = 0; id < n; id++) {
        size_t a, b;
        const char *const x = tokenizer_piece(policy, id, &a);
        const char *const y = id < tokenizer_count(files->tokenizer)
                                  ? tokenizer_piece(files->tokenizer, id, &b)
                                  : NULL;
        if (!y || !x || a != b || memcmp(x, y, a))
            return err_set(ERR_RANGE,
                           "its tokenizer differs from the policy's (token %d): a reward model "
                           "must read the policy's tokens",
                           id);
    }
    return OK;
}

static enum err fits(const struct reward *reward, const struct model_files *files,
                     const struct tokenizer *policy)
{
    const char *path = reward->model;
    const enum head head = files->shape.head;

    if (head == HEAD_LM)
        return err_set(ERR_RANGE,
                       "%s is a language model: make a reward model of it with `drover reward`",
                       path);
    if (head == HEAD_STEP && reward->steps == REWARDS_NO_STEPS)
        return err_set(ERR_RANGE,
                       "%s is a process reward model: say what its steps become, such as "
                       "steps: potential",
                       path);
    if (head != HEAD_STEP && reward->steps != REWARDS_NO_STEPS)
        return err_set(ERR_RANGE, "%s is no process reward model (`drover prm` trains one)",
                       path);
    return same_tokens(files, policy);
}

/* All answers of the batch in one run, without padding. */
static enum err by_last_token(struct reward_batch *batch, const struct model *model)
{
    const int n = (int)batch->n_item;
    int *seq = mem_new((size_t)n + 1, sizeof *seq), *token = batch_pack(batch, seq, true);
    float *value = NULL;
    enum err err = mem_big(&value, (size_t)seq[n], sizeof *value, "scores");

    if (!err)
        err = forward_score(model, token, seq, n, 1.0f, NULL, NULL, value);
    for (int i = 0; i < n && !err; i++) {
        batch->each[i] = 1;
        batch->value[i] = value[reading_at(seq, i)];
    }
    batch->n_value = batch->n_item;
    free(value);
    free(token);
    free(seq);
    return err;
}

static enum err score(struct reward_batch *batch, const struct reward_model *with)
{
    const struct shape *shape = &with->files->shape;
    const enum err err = batch_fits(batch, shape);

    if (err)
        return err;
    return shape->head == HEAD_STEP ? prm_score(batch, with)
                                    : by_last_token(batch, with->model);
}

const struct reward_kind kind_model = {.number = SCORER_REWARD_MODEL,
                                       .word = "model",
                                       .whose = "a model",
                                       .known =
                                           "steps, step_separator, max_prompt_length, compute",
                                       .model = true,
                                       .knows = knows,
                                       .name = name,
                                       .read = read_model,
                                       .fits = fits,
                                       .score = score};
