/* example: one record of a data set, read as a method learns from it: its view of a row.
 *
 * Which kinds of record there are is record_kind.h's; each may be standard (strings) or
 * conversational (lists of messages). An example's kind is that of its row, as far as it is
 * known by what was read: a pair is KIND_PREFERENCE with its prompt and KIND_IMPLICIT without,
 * an answer with its label KIND_UNPAIRED, without KIND_COMPLETION. Old {"from", "value"}
 * messages become {"role", "content"}; a list of calls in the compact form (data/calls.h)
 * becomes messages; calls whose arguments cannot be read are an error. */

#ifndef DATA_EXAMPLE_H
#define DATA_EXAMPLE_H

#include "data/record_kind.h"

struct example_rule {
    enum record_want want;
    const char *text_field; /* "text" */
    bool hh;                /* chosen and rejected are HH dialogues */
    json_t *unused;         /* counts columns as example_check_unused does; NULL: nobody asks */
};

struct example {
    enum record_kind kind;
    bool chat;                                              /* messages, not strings */
    json_t *text, *prompt, *completion, *chosen, *rejected; /* references; NULL if not there */
    json_t *tools;                                          /* list of JSON schemas, or NULL */
    json_t *kwargs; /* of a dialogue that is learnt: chat_template_kwargs, an object; or NULL */
    json_t *meta;   /* object: the columns not named above; never NULL */
    json_t *mask;   /* KIND_TOKENS: completion_mask, a list of 0 and 1, or NULL */
    bool has_margin;
    double margin;
    bool label; /* KIND_UNPAIRED: desirable? */
    /* RECORD_FOR_PAIRS, RECORD_FOR_LABELS: column `weight`, how often the record counts (1,
     * not below 0); columns `soft_label`, the share of votes for `chosen` (1, in 0..1), or
     * `tie: true` (1/2). */
    double weight, soft;
};

/* Errors: ERR_PARSE; the words name the field and what would be right. Release with
 * example_free. */
enum err example_read(struct example *out, const json_t *row,
                      const struct example_rule *rule) MUST_CHECK;
void example_free(struct example *example);

/* Behind an error of example_read's: adds to the standing words what to do where columns are
 * missing: format=NAME, or the columns that `rename` would make of others. ERR_PARSE. */
enum err example_cure(const json_t *row, enum record_want want);

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

#endif
