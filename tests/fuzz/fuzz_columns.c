/* fuzz_columns: any bytes as a Parquet and as an Arrow file: opened, and the first rows read. */
#include "data/columns/arrow.h"
#include "data/columns/bytes.h"
#include "data/columns/parquet.h"

#include <jansson.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { ROWS = 1000 }; /* a run may say more than anybody waits for */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct parquet *parquet;
    struct arrow *arrow;
    enum err err;

    if (!parquet_open(&parquet, bytes_memory(bytes, n))) {
        json_t *row = NULL;
        for (int i = 0; i < ROWS; i++) {
            err = parquet_next(parquet, &row);
            if (err ? err != ERR_PARSE : !row)
                break;
            json_decref(row);
        }
        parquet_close(parquet);
    }
    if (!arrow_open(&arrow, bytes_memory(bytes, n))) {
        json_t *row = NULL;
        for (int i = 0; i < ROWS; i++) {
            err = arrow_next(arrow, &row);
            if (err ? err != ERR_PARSE : !row)
                break;
            json_decref(row);
        }
        arrow_close(arrow);
    }
    return 0;
}
