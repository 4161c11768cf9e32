/* meta_write: metadata of a GGUF file that is being written: keys and values one after another. */

#ifndef LM_FILE_META_WRITE_H
#define LM_FILE_META_WRITE_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins as zeros; free buf.text. */
struct meta_write {
    struct strbuf buf;
    uint64_t keys;
};

/* Little-endian, without a key: for the rest of a file's head. */
void meta_write_u32(struct strbuf *to, uint32_t value);
void meta_write_u64(struct strbuf *to, uint64_t value);
void meta_write_word(struct strbuf *to, const char *text, size_t n);

void meta_write_int(struct meta_write *to, const char *key, uint32_t value);
void meta_write_real(struct meta_write *to, const char *key, float value);
void meta_write_bool(struct meta_write *to, const char *key, bool value);
void meta_write_text(struct meta_write *to, const char *key, const char *text);

/* Lists: n texts (NULL is an empty one), whole numbers, reals. */
void meta_write_texts(struct meta_write *to, const char *key, const char *const *text,
                      size_t n);
void meta_write_ints(struct meta_write *to, const char *key, const int32_t *value, size_t n);
void meta_write_reals(struct meta_write *to, const char *key, const float *value, size_t n);

#endif
