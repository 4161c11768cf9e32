/* A mode has its verdicts: one table. Everything that comes from a page is checked here before
 * it is written, so that what is read later need not be. Strength, scores, reasons and flags
 * say how, not what: two judgements are alike without them. */

#include "prefs/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLAGS_MAX = 16,
    FLAG_BYTES = 64,
    CRITERIA_MAX = 12 * PREFS_CANDIDATES_MAX,
    SCORE_MAX = 5,
    STRENGTH_MAX = 3
};

static const bool allowed[PREFS_MODES][PREFS_VERDICTS] = {
    [PREFS_PAIR] = {[PREFS_CHOSEN] = true, [PREFS_TIE] = true, [PREFS_BOTH_BAD] = true},
    [PREFS_TRAJECTORY] = {[PREFS_CHOSEN] = true, [PREFS_TIE] = true, [PREFS_BOTH_BAD] = true},
    [PREFS_RANK] = {[PREFS_CHOSEN] = true,
                    [PREFS_TIE] = true,
                    [PREFS_BOTH_BAD] = true,
                    [PREFS_RANKING] = true},
    [PREFS_STEPS] = {[PREFS_STEP] = true},
    [PREFS_REWRITE] = {[PREFS_REWRITTEN] = true},
};

/* Every candidate once, in groups of equals, best first. */
static enum err check_ranking(const json_t *ranking, int n)
{
    unsigned seen = 0;
    size_t i, k;
    const json_t *group, *one;

    json_array_foreach((json_t *)(uintptr_t)ranking, i, group)
    {
        if (!json_array_size(group))
            return err_set(ERR_RANGE, "ranking: [[best, ...], [next, ...], ...] is wanted");
        json_array_foreach((json_t *)(uintptr_t)group, k, one)
        {
            const json_int_t at = json_is_integer(one) ? json_integer_value(one) : -1;
            if (at < 0 || at >= n || seen & 1u << at)
                return err_set(ERR_RANGE, "ranking: each of 0..%d once, in lists, best first",
                               n - 1);
            seen |= 1u << at;
        }
    }
    return seen == (1u << n) - 1
               ? OK
               : err_set(ERR_RANGE, "ranking: each of 0..%d once, in lists, best first", n - 1);
}

/* A name's score, or a list of them, one for each candidate. */
static bool is_score(const json_t *value)
{
    const json_int_t score = json_integer_value(value);

    return json_is_integer(value) && score >= 1 && score <= SCORE_MAX;
}

/* One score for the item or one for each answer, as the page asks; names are the study's. */
static enum err check_criteria(const json_t *criteria, int n)
{
    const char *name;
    json_t *value;

    if (!json_is_object(criteria) || json_object_size(criteria) > CRITERIA_MAX)
        return err_set(ERR_RANGE, "criteria: at most %d names with scores", CRITERIA_MAX);
    json_object_foreach((json_t *)(uintptr_t)criteria, name, value)
    {
        bool good = strlen(name) <= PREFS_NAME_MAX &&
                    (is_score(value) || json_array_size(value) == (size_t)n);
        for (size_t i = 0; good && i < json_array_size(value); i++)
            good = is_score(json_array_get(value, i));
        if (!good)
            return err_set(ERR_RANGE, "criteria: 1..%d, or a list of %d such", SCORE_MAX, n);
    }
    return OK;
}

/* Words, not a list of ours: what a study wants flagged is its own. */
static enum err check_flags(const json_t *flags)
{
    size_t i;
    const json_t *flag;

    if (!json_is_array(flags) || json_array_size(flags) > FLAGS_MAX)
        return err_set(ERR_RANGE, "flags: a list of at most %d words", FLAGS_MAX);
    json_array_foreach(
        (json_t *)(uintptr_t)flags, i,
        flag) if (!json_string_length(flag) ||
                  json_string_length(flag) >
                      FLAG_BYTES) return err_set(ERR_RANGE, "flags: words of at most %d bytes",
                                                 FLAG_BYTES);
    return OK;
}

/* Whether it differs from the answer is not asked: "as it is" is a rewrite, too. */
static enum err check_text(const json_t *text)
{
    char *const dump = text ? json_dumps(text, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    const size_t n = dump ? strlen(dump) : 0;
    json_t *const again = dump ? json_loads(dump, JSON_DECODE_ANY, NULL) : NULL;
    const bool readable = again != NULL;

    free(dump);
    json_decref(again);
    if (!readable || (!json_string_length(text) && !json_array_size(text)))
        return err_set(ERR_RANGE, "text: what was written, or a list of messages, is wanted");
    return n <= PREFS_TEXT_MAX ? OK
                               : err_set(ERR_RANGE, "text: more than %d bytes", PREFS_TEXT_MAX);
}

/* Only what the verdict means is looked at; what else a client sent along is not kept. */
static enum err check_value(const struct prefs_judgement *said, int n, int steps)
{
    switch (said->verdict) {
    case PREFS_CHOSEN:
        return said->choice >= 0 && said->choice < n
                   ? OK
                   : err_set(ERR_RANGE, "choice %d: not in 0..%d", said->choice, n - 1);
    case PREFS_RANKING:
        return check_ranking(said->ranking, n);
    case PREFS_STEP:
        return said->step >= -1 && said->step < steps
                   ? OK
                   : err_set(ERR_RANGE, "step %d: not in -1..%d", said->step, steps - 1);
    case PREFS_REWRITTEN:
        return check_text(said->text);
    default:
        return OK;
    }
}

/* What goes along with a verdict, whatever it is. */
static enum err check_beside(const struct prefs_judgement *said, int n)
{
    enum err err = OK;

    if (said->strength < 0 || said->strength > STRENGTH_MAX)
        err = err_set(ERR_RANGE, "strength %d: not in 0..%d", said->strength, STRENGTH_MAX);
    if (!err && said->criteria)
        err = check_criteria(said->criteria, n);
    if (!err && said->flags)
        err = check_flags(said->flags);
    if (!err && said->reason && strlen(said->reason) > PREFS_REASON_MAX)
        err = err_set(ERR_RANGE, "reason: more than %d bytes", PREFS_REASON_MAX);
    if (!err && (said->shown_ms < 0 || said->shown_ms > 30LL * 86400000))
        err = err_set(ERR_RANGE, "shown for %lld ms: not in 0 .. 30 days",
                      (long long)said->shown_ms);
    return err;
}

enum err verdict_check(const struct prefs_judgement *said, enum prefs_mode mode, int n,
                       int steps)
{
    const bool known = said->verdict == PREFS_SKIP ||
                       (said->verdict < PREFS_VERDICTS && allowed[mode][said->verdict]);
    enum err err = known ? check_value(said, n, steps)
                         : err_set(ERR_RANGE, "an item of mode %s takes no such verdict",
                                   words_mode[mode]);

    return err ? err : check_beside(said, n);
}

/* The best of a ranking, in ascending order, so that [1, 0] and [0, 1] are one view. */
static void view_ranking(struct strbuf *out, const json_t *ranking)
{
    const json_t *const best = json_array_get(ranking, 0);
    unsigned seen = 0;

    for (size_t i = 0; i < json_array_size(best); i++)
        seen |= 1u << (json_integer_value(json_array_get(best, i)) & 15);
    for (int i = 0; i < PREFS_CANDIDATES_MAX; i++)
        if (seen & 1u << i)
            strbuf_print(out, "%s%d", out->n ? "," : "", i);
}

/* A ranking and a choice of its only best one are the same view: people who were asked
 * differently can agree. */
void verdict_view(struct strbuf *out, const struct prefs_judgement *said)
{
    if (said->verdict == PREFS_CHOSEN)
        strbuf_print(out, "%d", said->choice);
    else if (said->verdict == PREFS_STEP)
        strbuf_print(out, "step %d", said->step);
    else if (said->verdict == PREFS_RANKING)
        view_ranking(out, said->ranking);
    else if (said->verdict == PREFS_TIE || said->verdict == PREFS_BOTH_BAD)
        strbuf_print(out, "%s", words_verdict[said->verdict]);
    else
        strbuf_put(out, "", 0);
}

bool prefs_verdict_same(const struct prefs_judgement *a, const struct prefs_judgement *b)
{
    struct strbuf one = {0}, other = {0};
    bool same;

    verdict_view(&one, a);
    verdict_view(&other, b);
    same = one.n && one.n == other.n && !memcmp(one.text, other.text, one.n);
    free(one.text);
    free(other.text);
    return same;
}

json_t *prefs_verdict_json(const struct prefs_judgement *said)
{
    json_t *const out = json_pack("{s:s}", "verdict", words_verdict[said->verdict]);

    if (said->verdict == PREFS_CHOSEN)
        json_object_set_new(out, "choice", json_integer(said->choice));
    else if (said->verdict == PREFS_STEP)
        json_object_set_new(out, "step", json_integer(said->step));
    else if (said->verdict == PREFS_RANKING)
        json_object_set(out, "ranking", (json_t *)(uintptr_t)said->ranking);
    else if (said->verdict == PREFS_REWRITTEN)
        json_object_set(out, "text", (json_t *)(uintptr_t)said->text);
    return out;
}

/* A number that is none, or of another size, becomes one that no check lets pass. */
static int small(const json_t *value)
{
    const json_int_t n = json_is_integer(value) ? json_integer_value(value) : -2;

    return n >= -2 && n < 1 << 20 ? (int)n : -2;
}

/* Steps are bounded by the limit here: how many the item has is asked when somebody judges it. */
enum err prefs_verdict_read(const json_t *verdict, enum prefs_mode mode, int n,
                            struct prefs_judgement *out)
{
    const char *const word = json_string_value(json_object_get(verdict, "verdict"));
    int which = 0;
    enum err err = word ? words_find(&which, words_verdict, "verdict", word)
                        : err_set(ERR_PARSE, "{\"verdict\": word, ...} is wanted");

    *out = (struct prefs_judgement){.verdict = (enum prefs_verdict)which,
                                    .choice = small(json_object_get(verdict, "choice")),
                                    .step = small(json_object_get(verdict, "step")),
                                    .ranking = json_object_get(verdict, "ranking"),
                                    .text = json_object_get(verdict, "text")};
    if (!err && which == PREFS_SKIP)
        err = err_set(ERR_RANGE, "a skip is no verdict");
    return err ? err : verdict_check(out, mode, n, PREFS_STEPS_MAX);
}
