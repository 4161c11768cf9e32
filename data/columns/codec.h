/* codec: what a page or buffer was packed with, unpacked to a size that is known before. */

#ifndef DATA_COLUMNS_CODEC_H
#define DATA_COLUMNS_CODEC_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Parquet's numbers, and Arrow's framed LZ4 behind them. */
enum codec {
    CODEC_NONE,
    CODEC_SNAPPY,
    CODEC_GZIP,
    CODEC_LZO,
    CODEC_BROTLI,
    CODEC_LZ4,
    CODEC_ZSTD,
    CODEC_LZ4_RAW,
    CODEC_LZ4_FRAME,
    CODECS
};

/* Errors: ERR_RANGE names a codec that is not read (LZO, brotli, a number that has no name). */
enum err codec_known(int64_t codec) MUST_CHECK;

/* Unpacks n bytes into exactly `room`; `codec` is one that codec_known let pass. Errors: ERR_IO
 * (damaged, or more or fewer bytes than `room`). */
enum err codec_unpack(enum codec codec, const void *from, size_t n, void *to,
                      size_t room) MUST_CHECK;

#endif
