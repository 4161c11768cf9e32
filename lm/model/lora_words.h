/* lora_words: an adapter's configuration, and which modules of a model its words mean. */

#ifndef LM_MODEL_LORA_WORDS_H
#define LM_MODEL_LORA_WORDS_H

#include "lm/model/params.h"

enum { LORA_WORDS = 32, LORA_RANK = 4096 };

struct lora_conf {
    int r;
    double alpha, dropout; /* dropout: on the input of A, in training only; [0, 1) */
    bool rslora;
    /* Modules as PEFT matches them: a module's whole name or its end after a dot; targets 0:
     * what PEFT chooses for the family (part_row.usual); "all-linear": all of them. */
    const char *target[LORA_WORDS];
    int targets;
    const char *save[LORA_WORDS]; /* trained whole; score is, in any model that has it */
    int saves;
};

enum { LORA_WORDS_NAME = sizeof((struct tensor *)0)->name };

enum lora_kind { LORA_FROZEN, LORA_PAIR, LORA_WHOLE };

/* Whether it may carry a pair. */
bool lora_words_linear(const struct tensor *tensor);

/* The module that a weight belongs to. */
void lora_words_module(char out[LORA_WORDS_NAME], const struct tensor *tensor);

/* Errors: ERR_RANGE: a number out of range; a word that fits no module, or none that can do so. */
enum err lora_words_numbers(const struct lora_conf *conf) MUST_CHECK;
enum err lora_words_check(const struct params *base, const struct lora_conf *conf) MUST_CHECK;

/* What learns of a weight. */
enum lora_kind lora_words_kind(const struct lora_conf *conf, const struct tensor *tensor,
                               const char *module);

#endif
