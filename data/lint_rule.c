/* How it works: a row for each training command says what its own reader wants of a record
 * (RECORD_FOR_...) and whether it learns an answer to a prompt, so that a pair without one is
 * refused (settle). Without a method lint goes by what each record's kind is for. */
#include "data/lint_rule.h"

#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

/* A row a method of learner/methods: tests/cli/test_commands.c fails while one is missing. */
static const struct {
    const char *name;
    enum record_want want;
    bool settle;
} rows[] = {
    {"sft", RECORD_FOR_SFT, false},      {"reward", RECORD_FOR_PAIRS, false},
    {"prm", RECORD_FOR_STEPS, false},    {"dpo", RECORD_FOR_PAIRS, true},
    {"simpo", RECORD_FOR_PAIRS, true},   {"orpo", RECORD_FOR_PAIRS, true},
    {"cpo", RECORD_FOR_PAIRS, true},     {"kto", RECORD_FOR_LABELS, true},
    {"ppo", RECORD_FOR_PROMPTS, false},  {"grpo", RECORD_FOR_PROMPTS, false},
    {"rloo", RECORD_FOR_PROMPTS, false}, {"reinforce++", RECORD_FOR_PROMPTS, false},
    {"raft", RECORD_FOR_PROMPTS, false}, {"online-dpo", RECORD_FOR_PROMPTS, false},
    {"xpo", RECORD_FOR_PROMPTS, false},  {"nash-md", RECORD_FOR_PROMPTS, false},
    {"spin", RECORD_FOR_SFT, false},
};

enum err lint_rule_method(struct lint_rule *rule, const char *method)
{
    struct strbuf known = {0};
    enum err err;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        strbuf_print(&known, "%s%s", i ? ", " : "", rows[i].name);
        if (strcmp(rows[i].name, method) != 0)
            continue;
        rule->method = rows[i].name;
        rule->want = rows[i].want;
        rule->settle = rows[i].settle;
        free(known.text);
        return OK;
    }
    err = err_set(ERR_RANGE, "method '%.40s': known are %s", method, known.text);
    free(known.text);
    return err;
}
