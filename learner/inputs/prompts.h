/* prompts: the questions of a run as token ids, checked against the model before it starts. */

#ifndef LEARNER_INPUTS_PROMPTS_H
#define LEARNER_INPUTS_PROMPTS_H

#include "base/hash.h"
#include "data/dataset.h"
#include "lm/text/encode.h"
#include "reward/reward.h"

struct tasks;

struct prompt {
    int32_t *token;
    uint32_t n_token;
    bool chat;         /* a conversation: scorers read the template's tail after the answer */
    int32_t *answer;   /* the record's own, to its first stop token; NULL unless asked for */
    uint32_t n_answer; /* tokens of it */
    char *text;        /* as the model sees it; NULL unless asked for */
    char *shown; /* for people: text, or of a chat a JSON array of messages; NULL likewise */
    char *meta;  /* JSON object of the record's other columns; NULL unless asked for */
};
struct prompts {
    size_t n;
    struct prompt *row;
    size_t longest; /* tokens */
    size_t skipped; /* bad records left out */
    size_t dropped; /* prompts left out for their length */
    json_t *unused; /* {column: n} that neither the method nor a reward reads */
    json_t *vain;   /* {"reward x: column 'y' holds no number": n}: no answer can be right */
};

struct prompts_rule {
    struct encode encode;
    int vocab, context, response; /* prompt + response must fit into context, */
    int scorer_context, tail;     /* and, of a conversation with the tail, into the scorers' (0:
                                     there are none) */
    const char *response_key;     /* what `response` is called in the configuration */
    int max_prompt;               /* longer prompts are left out; 0: none is */
    bool hh, strict, text;
    bool shown;    /* people are asked about answers */
    bool question; /* judges read a dialogue's messages: meta gets them under "prompt" */
    bool answer;   /* each record has one: prompt and completion, or a dialogue's last turn; it
                      ends with a stop token, and is left out when longer than `response` */
    const int32_t *stop;
    uint32_t n_stop;
    const struct rewards *rewards; /* whose columns each record must have; NULL: no rewards */
};

enum { PROMPTS_META = 64 << 10 };

/* At most `most` records of the set (0: all). Errors: ERR_PARSE (a bad record, if strict),
 * ERR_RANGE (too long, a column that is missing, nothing left); words name file and line. */
enum err prompts_read(struct prompts **out, const struct dataset *set, size_t most,
                      const struct prompts_rule *rule) MUST_CHECK;
/* The prompt of a task: of the training prompts, or of an evaluation's. */
const struct prompt *prompts_of_task(const struct prompts *train, const struct prompts *eval,
                                     struct tasks *tasks, uint64_t task);

/* What was left out and what is not read, on standard error; nothing when all is. */
void prompts_tell(const struct prompts *prompts);
void prompts_free(struct prompts *prompts); /* NULL is fine */

/* Continues `state` with the prompts and their columns: the same questions, the same hash. */
void prompts_hash(const struct prompts *prompts, struct hash_sha256 *state);

#endif
