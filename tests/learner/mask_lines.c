/* mask_lines: what a trainer learns of records, token by token, for a script to compare with TRL.
 *
 *     mask_lines TOKENIZER TEMPLATE TOKENS RULE < rows
 *
 * TOKENIZER: a tokenizer.json; TEMPLATE: a file; TOKENS: the special tokens that the template may
 * name, a JSON object; RULE: `assistant`, `completion`, `both` (of SFT) or `pairs`. A row is a
 * record in JSON, read as the trainers read it. The answer is one line: a list of sequences
 * {"ids", "learn"}, "learn" a text of 0 and 1, or {"error"} with words. The first token of a
 * sequence, which nothing predicts, is never learnt. */

#include "base/fs.h"
#include "base/mem.h"
#include "learner/corpus/corpus_answers.h"
#include "learner/corpus/corpus_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 << 20 };

static struct tokenizer *tokenizer;
static struct chat *chat;

static enum err load(const char *tokenizer_path, const char *template_path, const char *tokens)
{
    json_t *special = json_loads(tokens, 0, NULL);
    char *text = NULL, *source = NULL;
    size_t n;
    enum err err = fs_read(&text, &n, tokenizer_path, FILE_MAX);

    if (!err)
        err = tokenizer_json(&tokenizer, text, n, tokenizer_path);
    free(text);
    if (!err)
        err = fs_read(&source, &n, template_path, FILE_MAX);
    if (!err)
        err = chat_open(&chat, source, special);
    free(source);
    json_decref(special);
    return err;
}

static json_t *shown(const struct corpus *c)
{
    json_t *out = json_array();

    for (size_t seq = 0; seq < c->n * (size_t)c->group; seq++) {
        const size_t from = c->seq[seq], n = c->seq[seq + 1] - from;
        char *learn = mem_new(n + 1, 1);
        json_t *ids = json_array();

        for (size_t i = 0; i < n; i++) {
            json_array_append_new(ids, json_integer(c->token[from + i]));
            learn[i] = c->learn[from + i] ? '1' : '0';
        }
        json_array_append_new(out, json_pack("{s:o,s:s}", "ids", ids, "learn", learn));
        free(learn);
    }
    return out;
}

static json_t *answer(const json_t *row, const char *rule)
{
    const struct corpus_rule how = {
        .encode = {tokenizer, chat, NULL, NULL},
        .text_field = "text",
        .vocab = 1 << 30,
        .strict = true,
        .completion_only = strcmp(rule, "assistant") ? -1 : 0,
        .assistant_only = !strcmp(rule, "assistant") || !strcmp(rule, "both"),
    };
    struct dataset *set = dataset_new(NULL, 0);
    struct corpus *corpus = NULL;
    json_t *out;
    enum err err = dataset_push(set, row, dataset_name_file(set, "rows"), 1);

    if (!err)
        err = !strcmp(rule, "pairs") ? corpus_answers_pairs(&corpus, set, &how, "rows")
                                     : corpus_read_sft(&corpus, set, &how, "rows");
    out = err ? json_pack("{s:s}", "error", err_text()) : shown(corpus);
    corpus_free(corpus);
    dataset_free(set);
    return out;
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    if (argc != 5 || load(argv[1], argv[2], argv[3])) {
        fprintf(stderr, "mask_lines: %s\n", argc == 5 ? err_text() : "four arguments");
        return 2;
    }
    while ((n = getline(&line, &room, stdin)) > 0) {
        json_t *row = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL);
        json_t *out = answer(row, argv[4]);

        json_dumpf(out, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
        fflush(stdout);
        json_decref(row);
        json_decref(out);
    }
    free(line);
    chat_free(chat);
    tokenizer_free(tokenizer);
    return 0;
}
