/* journal: the run's truth, an append-only file of checked records.
 *
 *   file   = "DROVERJ2" { record }
 *   record = magic "JREC", u32 length, u64 before, u32 type, u32 crc, payload[length]
 *
 * Little-endian; the checksum is CRC-32C over length, before, type and payload. `before` is the
 * size of the file without this record's group (what is written between two fsyncs): all of it
 * was durable. So what a crash left half-written at the end is told from damage: the first is
 * cut off when the file is opened, the second refused. Payloads are the business of record.h.
 *
 * A file of version 1 ("DROVERJ1", without who wrote what and without REFUSED) is read, and
 * made one of version 2 before anything is appended, so that an older program refuses it. */

#ifndef LEARNER_JOURNAL_JOURNAL_H
#define LEARNER_JOURNAL_JOURNAL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_RECORD_MAX = 64 << 20 };

struct journal;
struct journal_record {
    uint32_t type; /* record.h; never 0 */
    const uint8_t *payload;
    size_t n;
    uint64_t at; /* offset of the record in the file */
};
typedef enum err journal_visit(void *self, const struct journal_record *record);

/* Opens or makes `path`, tells `visit` (may be NULL) every record in order, cuts off a torn
 * tail, and stands ready to append. *torn (may be NULL): bytes cut. Errors: ERR_IO; ERR_PARSE
 * (not a journal, damage); what `visit` returns. */
enum err journal_open(struct journal **out, const char *path, journal_visit *visit, void *self,
                      uint64_t *torn) MUST_CHECK;
void journal_close(struct journal *journal); /* what is pending is lost */

/* Adds a record to the pending group. */
void journal_append(struct journal *journal, uint32_t type, const void *payload, size_t n);

/* What was appended and is being made durable: all that the slow move may touch, so that it can
 * run on any thread. Borrowed from the journal until journal_commit_end. */
struct journal_group {
    int fd;
    const char *path; /* for words */
    const uint8_t *byte;
    size_t n;
};

/* Makes the pending group durable, in three moves: `begin` takes what is pending (false: nothing
 * is, or a commit is under way), `write` writes and fsyncs it (any thread), `end` makes room for
 * the next. Between them journal_append goes on with the next group. After a failed write
 * nothing may be called but journal_close. Errors: ERR_IO (a full or failing disk). */
bool journal_pending(const struct journal *journal); /* something is appended */
bool journal_commit_begin(struct journal *journal, struct journal_group *out);
enum err journal_commit_write(const struct journal_group *group) MUST_CHECK;
void journal_commit_end(struct journal *journal);

/* All three. Errors: ERR_IO. */
enum err journal_commit(struct journal *journal) MUST_CHECK;

/* Bytes that are durable. */
uint64_t journal_size(const struct journal *journal);

#endif
