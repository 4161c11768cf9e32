/* choosing_table: the file between choosing_pairs, which writes it once, and choosing_trial, on the
 * same machine. */

#ifndef TESTS_LONG_CHOOSING_TABLE_H
#define TESTS_LONG_CHOOSING_TABLE_H

#include <stdint.h>

struct choosing_table {
    int32_t d;
    int32_t
        world; /* verdicts are the small world's annotators' coins; else the utility's side */
};

struct choosing_row {
    int32_t question, unused;
    double utility[2]; /* of the first answer, of the second */
};

#endif
