/* export: a store's judgements as rows of the formats that others read.
 *
 *   auto         what each item's mode trains: preference, stepwise or sft rows
 *   preference   TRL: {"prompt", "chosen", "rejected"}; "weight" where it is not 1; a tie is
 *                {"tie": true}, two bad answers {"tie": true, "both_bad": true}
 *   trajectory   the same of items of mode trajectory
 *   unpaired     TRL's KTO: {"prompt", "completion", "label"}; two bad answers are two of false
 *   stepwise     TRL's PRM: {"prompt", "completions", "labels"}, up to the first wrong step
 *   sft          {"prompt", "completion"} of rewrites
 *   arena        a row a judgement: {"model_a", "model_b", "winner", "judge", ...}, a is left
 *   judgements   a row a judgement, as `drover agreement` reads them
 *   csv          a row a judgement, a line of CSV; no cell is one that a spreadsheet would run
 *
 * Annotators are pseudonyms; no name, login or address is in any of them. Gold questions and repeats are
 * in no set to train on. */

#ifndef ANNOTATE_EXCHANGE_EXPORT_H
#define ANNOTATE_EXCHANGE_EXPORT_H

#include "annotate/exchange/export_rule.h"

/* By enum export_format. */
extern const char *const export_words[EXPORT_FORMATS + 1];

/* Gives each row to `sink`, which borrows it. Errors: the store's, labels_fit's, sink's. */
enum err export_visit(struct prefs *prefs, const struct export_rule *rule,
                      enum err (*sink)(void *self, const json_t *row), void *self,
                      struct export_count *count) MUST_CHECK;

/* The same as lines, each with its end; of CSV the first names the columns. */
enum err export_run(struct prefs *prefs, const struct export_rule *rule,
                    enum err (*sink)(void *self, const char *line, size_t n), void *self,
                    struct export_count *count) MUST_CHECK;

/* What was left out and why, as one line for a person; NULL: nothing was. Free it. */
char *export_told(const struct export_rule *rule, const struct export_count *count);

#endif
