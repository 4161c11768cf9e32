/* dataset_row: where a record of a data set lies, and where it was read. */

#ifndef DATA_DATASET_ROW_H
#define DATA_DATASET_ROW_H

#include <stddef.h>

struct dataset_row {
    size_t at, bytes; /* its text */
    int file;         /* index into `file` */
    long line;        /* from 1 */
};

#endif
