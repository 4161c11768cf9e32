/* record_kind: which of TRL's kinds of record a row is, by its columns, and what it is made of.
 *
 *   text                a text to go on with
 *   messages            a dialogue
 *   prompt              a question without an answer
 *   prompt-completion   a question and its answer
 *   preference          a question, the better answer, the worse one
 *   implicit            the same, the question in both answers
 *   unpaired            a question, an answer, and whether it is a good one
 *   stepwise            a question, the steps of an answer, which of them are right
 *   tokens              ids
 *
 * The kinds are rows of one table (record_kind.c); lint, convert, the reader of examples
 * (example.h) and what learns from them ask it. */

#ifndef DATA_RECORD_KIND_H
#define DATA_RECORD_KIND_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum record_kind {
    KIND_TEXT,
    KIND_MESSAGES,
    KIND_PROMPT,
    KIND_COMPLETION,
    KIND_PREFERENCE,
    KIND_IMPLICIT,
    KIND_UNPAIRED,
    KIND_STEPWISE,
    KIND_TOKENS,
    KINDS
};
/* What a record can become (data/convert.h), as people read of them: all but tokens. */
#define RECORD_KIND_NAMES \
    "text, messages, prompt, prompt-completion, preference, implicit, unpaired, stepwise"

/* What a method learns from. */
enum record_want {
    RECORD_FOR_SFT,     /* tokens, prompt-completion, messages, text; preference by hh */
    RECORD_FOR_PAIRS,   /* preference, implicit */
    RECORD_FOR_PROMPTS, /* prompt, tokens; preference's prompt by hh */
    RECORD_FOR_LABELS,  /* unpaired; preference, implicit */
    RECORD_FOR_STEPS    /* stepwise */
};

struct record_form {
    const char *name;
    const char *column[4]; /* a row that has all of these is of this kind, unless it has all of
                              a kind's that asks for more; NULL-ended, as the next two */
    const char *text[3];   /* those that hold a string or messages which say something */
    const char *read[9]; /* what an example of this kind holds; the others are told as unread */
    enum record_want want; /* who learns from it */
    bool pair;             /* a chosen answer and a rejected one */
};
const struct record_form *record_kind_form(enum record_kind kind);

/* Errors: ERR_PARSE lists the columns when they are of no kind. */
enum err record_kind_of(enum record_kind *out, const json_t *row) MUST_CHECK;

/* "text", "messages", ..., "tokens". record_kind_named: ERR_RANGE lists them. */
const char *record_kind_name(enum record_kind kind);
enum err record_kind_named(enum record_kind *out, const char *name) MUST_CHECK;

/* Is the column one that makes a record of any kind but tokens what it is? Such a column does
 * not go along when a record becomes one of another kind. */
bool record_kind_owns(const char *column);

/* The prompt of a row: what stands before the answer or answers. A new reference; of text and
 * tokens it is all of it. Errors: ERR_PARSE. */
enum err record_kind_prompt(json_t **out, const json_t *row, enum record_kind kind) MUST_CHECK;

/* Finds what is wrong with a row that the columns alone do not show. Each flaw is reported by
 * `say`; `words` say where. */
enum record_flaw {
    FLAW_EMPTY,      /* an answer, a step or a prompt without a letter */
    FLAW_EQUAL,      /* chosen and rejected are the same */
    FLAW_LABELS,     /* labels and steps do not match, or a label is none */
    FLAW_MESSAGE,    /* a message without role or content */
    FLAW_CALL,       /* a tool call that cannot be read */
    FLAW_FIELD,      /* a column of the wrong type */
    FLAW_UNBALANCED, /* tokens and their mask differ in length */
    FLAWS
};
const char *record_kind_check_name(enum record_flaw flaw); /* "empty", ... */
void record_kind_check(const json_t *row, enum record_kind kind,
                       void (*say)(void *self, enum record_flaw flaw, const char *words),
                       void *self);

#endif
