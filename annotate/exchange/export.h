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

#include "annotate/exchange/labels.h"

enum export_format {
    EXPORT_AUTO,
    EXPORT_PREFERENCE,
    EXPORT_TRAJECTORY,
    EXPORT_UNPAIRED,
    EXPORT_STEPWISE,
    EXPORT_SFT,
    EXPORT_ARENA,
    EXPORT_JUDGEMENTS,
    EXPORT_CSV,
    EXPORT_FORMATS
};
extern const char *const export_words[EXPORT_FORMATS + 1];

enum export_part { EXPORT_WHOLE, EXPORT_TRAIN, EXPORT_TEST };

struct export_rule {
    enum export_format format;
    enum labels_how how; /* of the first six */
    bool drop_ties;      /* no ties and no pairs of bad answers in preference rows */
    enum export_part part;
    double test_size; /* in [0, 1]: share of the prompts that are EXPORT_TEST */
    uint64_t seed;    /* with a prompt's words, which they are: as `drover data split` */
};

struct export_count {
    size_t items; /* that gave a row */
    size_t rows, ties, both_bad;
    size_t undecided; /* by majority: pairs, or items, on which people tie */
    size_t decided;   /* items by a reviewer's decision */
    size_t left_out;  /* labels that this format has no row for */
    size_t same;      /* labels of two answers that are the same text */
};

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
