/* export_rule: what is to be exported, and what became of it. */

#ifndef ANNOTATE_EXCHANGE_EXPORT_RULE_H
#define ANNOTATE_EXCHANGE_EXPORT_RULE_H

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

#endif
