/* example: one record of a data set, seen as the kind of example it is.
 *
 * The kinds are TRL's, standard (strings) or conversational (lists of messages): text,
 * messages, prompt and completion, preference (explicit prompt or implicit in both answers),
 * prompt only, and rows of token ids. Old {"from", "value"} messages become {"role",
 * "content"}; a list of calls in the compact form (data/calls.h) becomes messages; calls whose
 * arguments cannot be read are an error. */

#ifndef DATA_EXAMPLE_H
#define DATA_EXAMPLE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum example_kind {
    EXAMPLE_TEXT,       /* text: string */
    EXAMPLE_MESSAGES,   /* text: list of messages */
    EXAMPLE_COMPLETION, /* prompt, completion */
    EXAMPLE_PREFERENCE, /* chosen, rejected, and prompt unless it is implicit in both */
    EXAMPLE_PROMPT,     /* prompt */
    EXAMPLE_TOKENS,     /* text: list of ids */
    EXAMPLE_KINDS,
};

enum example_want {                  /* what the method can use */
                    EXAMPLE_FOR_SFT, /* tokens, completion, messages, text; preference by hh */
                    EXAMPLE_FOR_PAIRS,   /* preference */
                    EXAMPLE_FOR_PROMPTS, /* prompt, tokens; preference's prompt by hh */
                    EXAMPLE_FOR_LABELS   /* prompt, completion and label; or preference */
};

struct example_rule {
    enum example_want want;
    const char *text_field; /* "text" */
    bool hh;                /* chosen and rejected are HH dialogues */
    json_t *unused;         /* counts columns as example_check_unused does; NULL: nobody asks */
};

struct example {
    enum example_kind kind;
    bool chat;                                              /* messages, not strings */
    json_t *text, *prompt, *completion, *chosen, *rejected; /* references; NULL if not there */
    json_t *tools;                                          /* list of JSON schemas, or NULL */
    json_t *meta; /* object: the columns not named above; never NULL */
    json_t *mask; /* EXAMPLE_TOKENS: completion_mask, a list of 0 and 1, or NULL */
    bool has_margin;
    double margin;
    bool label; /* EXAMPLE_FOR_LABELS, kind completion: desirable? */
    /* EXAMPLE_FOR_PAIRS, EXAMPLE_FOR_LABELS: column `weight`, how often the record counts (1,
     * not below 0); columns `soft_label`, the share of votes for `chosen` (1, in 0..1), or
     * `tie: true` (1/2). */
    double weight, soft;
};

/* Errors: ERR_PARSE; the words name the field and what would be right. Release with
 * example_free. */
enum err example_read(struct example *out, const json_t *row,
                      const struct example_rule *rule) MUST_CHECK;
void example_free(struct example *example);

/* What every method asks of an answer: a completion, or either of a pair, says something, and a
 * pair's two differ. Errors: ERR_PARSE. */
enum err example_check_filled(const struct example *example) MUST_CHECK;

/* And what the methods ask that learn an answer to a prompt: a pair's prompt is made explicit
 * (dialogue_split). Errors: ERR_PARSE, for a pair without a prompt, too. */
enum err example_check_settle(struct example *example) MUST_CHECK;

/* Columns of `row` that the example does not hold (`rule` as it was read by), or that are not
 * in the NULL-ended list `read`: names[column] counts them. Columns that are null are none. */
void example_check_unused(json_t *names, const struct example *example, const json_t *row,
                          const struct example_rule *rule);
void example_check_unread(json_t *names, const json_t *row, const char *const *read);

/* Those names for people, the first 20: "a, b"; "" when there is none. Free it. */
char *example_check_names(const json_t *names);

const char *example_name(enum example_kind kind); /* for people: "prompt-completion", ... */

#endif
