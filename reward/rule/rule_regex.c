/* Rule regex: 1 if the pattern matches somewhere. Patterns come from a configuration and the
 * answers from a model in training, so a match has limits: one that runs away (^(a+)+$ and its
 * kin) is a no, and no hang. */

#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/mem.h"
#include "reward/entry.h"
#include "reward/rule/rule_kind.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 1000000, DEPTH_MAX = 1000 };

struct rule_regex {
    pcre2_code *pattern;
    pcre2_match_context *limits;
};

static void drop(void *own)
{
    struct rule_regex *regex = own;

    pcre2_code_free(regex->pattern);
    pcre2_match_context_free(regex->limits);
    free(regex);
}

static enum err compile(void **own, const json_t *spec)
{
    struct rule_regex *regex = *own = mem_new(1, sizeof *regex);
    const char *pattern = entry_text(spec, "pattern");
    PCRE2_UCHAR words[160];
    PCRE2_SIZE at;
    int code;

    if (!pattern || !*pattern)
        return err_set(ERR_PARSE, "rule regex needs `pattern`");
    regex->pattern = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    if (!regex->pattern) {
        pcre2_get_error_message(code, words, sizeof words);
        return err_set(ERR_PARSE, "pattern '%.80s': %s at %zu", pattern, (const char *)words,
                       at);
    }
    regex->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(regex->limits, STEPS_MAX);
    pcre2_set_depth_limit(regex->limits, DEPTH_MAX);
    return OK;
}

/* Match data are made anew for each answer: a rule is const, so that threads may share it. */
static float score(const void *own, const struct rule_answer *answer)
{
    const struct rule_regex *regex = own;
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex->pattern, NULL);
    const int code = pcre2_match(regex->pattern, (PCRE2_SPTR)answer->text, strlen(answer->text),
                                 0, 0, data, regex->limits);

    pcre2_match_data_free(data);
    return code >= 0 ? 1.0f : 0.0f; /* below: no match, or a limit */
}

static const char *const keys[] = {"pattern", NULL};
const struct rule_kind rule_regex = {
    .name = "regex", .keys = keys, .read = compile, .free = drop, .score = score};
