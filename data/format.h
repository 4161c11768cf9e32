/* format: records as others publish them, as records in TRL's columns.
 *
 *   trl              TRL's own columns: kept as they are
 *   hh               Anthropic HH: chosen and rejected are dialogues in one text
 *   ultrafeedback    {prompt, chosen, rejected, score_*} (binarised), or {instruction,
 *                    completions: [{response, overall_score}]}: the best against the worst
 *   prm800k          OpenAI PRM800K: ratings of -1, 0, 1 for each step
 *   bigbench_mistake {input, steps, mistake_index}: known up to the first mistake
 *   prmbench         {question, original_process, modified_process, error_steps}
 *   toolbench        a search tree of tool calls: the winning path against pruned branches
 *   bfcl             Berkeley function calling: a task, its functions, its gold calls
 *   orca             {question, chosen, rejected[, system]} (or input for question), all
 *                    texts; {question, response[, system_prompt]}
 *   argilla          {instruction, chosen_response, rejected_response}, or {instruction,
 *                    generations, ratings}: the best against the worst
 *   alpaca           {instruction[, input][, history], output}; Dolly's context and response;
 *                    chosen and rejected for output
 *   sharegpt         {conversations: [{from, value}][, system]}, perhaps with chosen and
 *                    rejected; {conversation: [{input, output}]}
 *   ultrachat        {id, data: [question, answer, ...]}
 *   helpsteer        {prompt, response, helpfulness}: unpaired; response_1 and response_2 with
 *                    preference_strength; response1 and response2 with overall_preference
 *   oasst            OpenAssistant's trees, or its table of messages (threads.h): the reply
 *                    ranked first against the others
 *   shp              {history, human_ref_A, human_ref_B, labels}
 *   webgpt           {question: {full_text}, answer_0, answer_1, score_0, score_1}
 *   tau_bench        results with reward and traj, or displays of few-shot dialogues
 *
 * Stepwise records become {"prompt", "completions": [...], "labels": [true | false | a
 * probability | null where nobody knows]}; trajectories become lists of messages. */

#ifndef DATA_FORMAT_H
#define DATA_FORMAT_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum format {
    FORMAT_AUTO,
    FORMAT_TRL,
    FORMAT_HH,
    FORMAT_ULTRAFEEDBACK,
    FORMAT_PRM800K,
    FORMAT_BIGBENCH_MISTAKE,
    FORMAT_PRMBENCH,
    FORMAT_TOOLBENCH,
    FORMAT_BFCL,
    FORMAT_TAU_BENCH,
    FORMAT_ORCA,
    FORMAT_ARGILLA,
    FORMAT_ALPACA,
    FORMAT_SHAREGPT,
    FORMAT_ULTRACHAT,
    FORMAT_HELPSTEER,
    FORMAT_OASST,
    FORMAT_SHP,
    FORMAT_WEBGPT,
    FORMATS
};

/* Their names as people read of them; the names themselves are in format.c's rows. */
#define FORMAT_NAMES \
    "auto, trl, hh, ultrafeedback, prm800k, bigbench_mistake, prmbench, toolbench, bfcl, " \
    "tau_bench, orca, argilla, alpaca, sharegpt, ultrachat, helpsteer, oasst, shp, webgpt"

struct format_rule {
    enum format format;
    bool untold;            /* with FORMAT_AUTO: as a trainer reads that was told none */
    const char *text_field; /* untold: its column of text, or NULL */
    double neutral;         /* prm800k: P(right) of a step rated 0 */
    bool alternatives;      /* prm800k: solutions that end in a step not chosen, too */
    bool originals;         /* prmbench: the solution before it was spoiled, too */
    int pairs;              /* toolbench, oasst: most pairs of one tree */
    const json_t *answers;  /* bfcl: {id: gold calls of BFCL}, or NULL */
    const json_t *tools;    /* bfcl, many turns: {class: [functions]}, or NULL */
};

/* neutral 1, alternatives and originals on, 64 pairs. */
struct format_rule format_usual(void);

/* By name; "auto" and NULL tell each record by its columns. Errors: ERR_RANGE lists them. */
enum err format_named(enum format *out, const char *name) MUST_CHECK;
const char *format_name(enum format format);

/* What a record is by its columns; FORMAT_TRL when it is none of the others. */
enum format format_of(const json_t *row);

/* What a record is read as by `rule`: the format it names, else what the columns say; with
 * `untold` a format only where no trainer could read the record by TRL's columns (`text_field`
 * is one of them). */
enum format format_as(const json_t *row, const struct format_rule *rule);

/* Appends what `row` gives (none, one or several records) to the list `out`. Errors: ERR_PARSE,
 * ERR_RANGE; the words name the field. */
enum err format_rows(json_t *out, const json_t *row, const struct format_rule *rule) MUST_CHECK;

/* The readers, one file a kind: format_steps.c, format_pairs.c, format_rated.c,
 * format_shapes.c, format_tools.c, format_bfcl.c. As format_rows: ERR_PARSE names the field that is missing or wrong. */
enum err format_steps_prm800k(json_t *out, const json_t *row,
                              const struct format_rule *rule) MUST_CHECK;
enum err format_steps_mistake(json_t *out, const json_t *row,
                              const struct format_rule *rule) MUST_CHECK;
enum err format_steps_prmbench(json_t *out, const json_t *row,
                               const struct format_rule *rule) MUST_CHECK;
enum err format_pairs_hh(json_t *out, const json_t *row,
                         const struct format_rule *rule) MUST_CHECK;
enum err format_pairs_ultrafeedback(json_t *out, const json_t *row,
                                    const struct format_rule *rule) MUST_CHECK;
enum err format_pairs_orca(json_t *out, const json_t *row,
                           const struct format_rule *rule) MUST_CHECK;
enum err format_tools_bench(json_t *out, const json_t *row,
                            const struct format_rule *rule) MUST_CHECK;
enum err format_bfcl(json_t *out, const json_t *row, const struct format_rule *rule) MUST_CHECK;
enum err format_tools_tau(json_t *out, const json_t *row,
                          const struct format_rule *rule) MUST_CHECK;
enum err format_rated_shp(json_t *out, const json_t *row,
                          const struct format_rule *rule) MUST_CHECK;
enum err format_rated_webgpt(json_t *out, const json_t *row,
                             const struct format_rule *rule) MUST_CHECK;
enum err format_rated_helpsteer(json_t *out, const json_t *row,
                                const struct format_rule *rule) MUST_CHECK;
enum err format_rated_oasst(json_t *out, const json_t *row,
                            const struct format_rule *rule) MUST_CHECK;
enum err format_rated_list(json_t *out, const json_t *row,
                           const struct format_rule *rule) MUST_CHECK;
enum err format_shapes_alpaca(json_t *out, const json_t *row,
                              const struct format_rule *rule) MUST_CHECK;
enum err format_shapes_orca(json_t *out, const json_t *row,
                            const struct format_rule *rule) MUST_CHECK;
enum err format_shapes_sharegpt(json_t *out, const json_t *row,
                                const struct format_rule *rule) MUST_CHECK;
enum err format_shapes_ultrachat(json_t *out, const json_t *row,
                                 const struct format_rule *rule) MUST_CHECK;

/* A string field. Errors: ERR_PARSE "'name' is missing or not a string". */
enum err format_text(const char **out, const json_t *row, const char *name) MUST_CHECK;

/* A list of strings, none of them empty. Errors: ERR_PARSE names the item. */
enum err format_texts(json_t **out, const json_t *row, const char *name) MUST_CHECK;

#endif
