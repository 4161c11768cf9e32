/* How it works: a row for each training command says what its own reader wants of a record
 * (RECORD_FOR_...) and whether it learns an answer to a prompt, so that a pair without one is
 * refused (settle). Without a method lint goes by what each record's kind is for. */
#include "data/lint_rule.h"

#include <string.h>

enum err lint_rule_method(struct lint_rule *rule, const char *method)
{
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
        {"rloo", RECORD_FOR_PROMPTS, false}, {"reinforce", RECORD_FOR_PROMPTS, false},
        {"raft", RECORD_FOR_PROMPTS, false}, {"online-dpo", RECORD_FOR_PROMPTS, false},
        {"spin", RECORD_FOR_SFT, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!strcmp(rows[i].name, method)) {
            rule->method = rows[i].name;
            rule->want = rows[i].want;
            rule->settle = rows[i].settle;
            return OK;
        }
    return err_set(
        ERR_RANGE,
        "method '%.40s': known are sft, reward, prm, dpo, simpo, orpo, cpo, kto, ppo, "
        "grpo, rloo, reinforce, raft, online-dpo, spin",
        method);
}
