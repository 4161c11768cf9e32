/* sampling: the options of all commands that let a model answer. */

#ifndef EVAL_SAMPLING_OPTIONS_H
#define EVAL_SAMPLING_OPTIONS_H

#include "base/conf.h"
#include "eval/sample_answers.h"
#include "lm/kernel/cores.h"

struct sampling_options {
    char *model, *chat_template_path;
    double temperature, top_p, min_p, seed;
    int top_k, max_new_tokens, slots;
    char *system;
    json_t *stop;
    double repetition_penalty, presence_penalty, frequency_penalty;
    int max_context, prompt_lookup_num_tokens;
    char *compute;
    int threads;
};

/* Rows for a table; a struct of another command has a struct sampling_options as its first
 * member. `tokens`: its longest answer when nobody says one, as text. */
#define SAMPLING_ROWS(tokens) \
    CONF_TEXT(sampling_options, model, "", "Hugging Face folder, .gguf file or run folder"), \
        OPEN_MODEL_CHAT(sampling_options, chat_template_path), \
        OPEN_MODEL_REACH(sampling_options, max_context), \
        OPEN_MODEL_COMPUTE(sampling_options, compute), CORES_KEY(sampling_options), \
        CONF_REAL(sampling_options, temperature, "1", 0, 100, "0 is greedy"), \
        CONF_REAL(sampling_options, top_p, "1", 0, 1, \
                  "smallest set of tokens with this mass"), \
        CONF_INT(sampling_options, top_k, "0", 0, 1e6, "most likely tokens only; 0: all"), \
        CONF_REAL(sampling_options, min_p, "0", 0, 1, \
                  "tokens at least this share of the likeliest"), \
        CONF_INT(sampling_options, max_new_tokens, "0", 0, 1e6, \
                 "longest answer; 0: " tokens ", or what the context still holds"), \
        CONF_REAL(sampling_options, repetition_penalty, "1", .01, 100, \
                  "of what was said, prompt included: logits above 0 are divided by it"), \
        CONF_REAL(sampling_options, frequency_penalty, "0", -2, 2, \
                  "off a token's logit, as often as it stands in the answer"), \
        CONF_REAL(sampling_options, presence_penalty, "0", -2, 2, \
                  "off a token's logit, if it stands in the answer"), \
        CONF_REAL(sampling_options, seed, "42", 0, 9e15, "same seed, same answers"), \
        CONF_INT(sampling_options, prompt_lookup_num_tokens, "15", 0, DRAFT_MOST, \
                 "tokens guessed ahead at most, from what was said, where it saves time: no " \
                 "answer " \
                 "is another"), \
        CONF_TREE(sampling_options, stop, "strings that end an answer")

extern const struct conf_key sampling_options_chat_keys[];

/* What the engine takes; stop texts are borrowed from conf. `usual`: max_new where conf says 0.
 * Errors: ERR_RANGE, ERR_PARSE (stop). */
enum err sampling_options_make(struct sampling *out, const struct sampling_options *conf,
                               const struct shape *shape, int usual) MUST_CHECK;

/* A sampler of the open model's answers that does what conf says; an answer whose length nobody
 * said ends where the context does. Errors: as above. */
enum err sampling_options_sampler(struct sample_answers *out, const struct open_model *model,
                                  const struct sampling_options *conf, int usual) MUST_CHECK;

#endif
