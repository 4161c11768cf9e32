/* checkpoint: named blocks of bytes and a JSON head in one file, written whole or not at all.
 *
 *   file = "DROVERC1", u32 head length, u32 crc of the head, head (JSON), blocks in its order
 *
 * Little-endian. The head's "blocks" is a list of [name, bytes, crc]; "meta" is the caller's.
 * CRC-32C each. A file that fails any check is not read. */

#ifndef LEARNER_RUN_CHECKPOINT_H
#define LEARNER_RUN_CHECKPOINT_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { CHECKPOINT_BLOCKS = 16, CHECKPOINT_HEAD_MAX = 16 << 20 };

struct checkpoint_block {
    const char *name;
    void *bytes; /* read from, or filled */
    size_t n;
};

/* Errors: ERR_IO (words name path and reason; the older file stands). */
enum err checkpoint_write(const char *path, const json_t *meta,
                          const struct checkpoint_block *block, int n) MUST_CHECK;

/* Only the head: *meta is owned by the caller. Errors: ERR_IO, ERR_PARSE. */
enum err checkpoint_peek(const char *path, json_t **meta) MUST_CHECK;

/* Everything is checked before the first block is filled. Errors: also ERR_RANGE when a block
 * is missing or has another size. */
enum err checkpoint_read(const char *path, const struct checkpoint_block *block,
                         int n) MUST_CHECK;

/* FOLDER/step-0000000012.ckpt. Free it. */
char *checkpoint_path(const char *folder, int64_t step);

/* Steps of the checkpoints in a folder, falling; *n of them in *steps (free it). A missing
 * folder has none. Errors: ERR_IO. */
enum err checkpoint_list(int64_t **steps, size_t *n, const char *folder) MUST_CHECK;

/* Removes all but the newest `keep` and the one of step `spare` (-1: none). Errors: ERR_IO. */
enum err checkpoint_trim(const char *folder, size_t keep, int64_t spare) MUST_CHECK;

#endif
