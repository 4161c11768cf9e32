/* The inverse of meta: each call appends one entry as ggml's docs/gguf.md lays it out, and counts
 * it, for the count stands before the entries (gguf_write puts it there). The kinds are those
 * that llama.cpp's loader asks each key for: u32, f32, bool, texts, lists. */

#include "lm/file/meta_write.h"

#include <string.h>

enum meta_write_kind { U32 = 4, I32 = 5, F32 = 6, BOOL = 7, TEXT = 8, LIST = 9 };

/* Little-endian by shifts, whatever this machine is. */
void meta_write_u32(struct strbuf *to, uint32_t value)
{
    char bytes[4];

    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(value >> (8 * i));
    strbuf_put(to, bytes, sizeof bytes);
}

void meta_write_u64(struct strbuf *to, uint64_t value)
{
    meta_write_u32(to, (uint32_t)value);
    meta_write_u32(to, (uint32_t)(value >> 32));
}

void meta_write_word(struct strbuf *to, const char *text, size_t n)
{
    meta_write_u64(to, n);
    strbuf_put(to, text, n);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void begin(struct meta_write *to, const char *key, enum meta_write_kind kind)
{
    meta_write_word(&to->buf, key, strlen(key));
    meta_write_u32(&to->buf, kind);
    to->keys++;
}

/* A list says its items' kind once and their number; ggml knows no list of mixed kinds. */
static void begin_list(struct meta_write *to, const char *key, enum meta_write_kind kind,
                       size_t n)
{
    begin(to, key, LIST);
    meta_write_u32(&to->buf, kind);
    meta_write_u64(&to->buf, n);
}

void meta_write_int(struct meta_write *to, const char *key, uint32_t value)
{
    begin(to, key, U32);
    meta_write_u32(&to->buf, value);
}

void meta_write_real(struct meta_write *to, const char *key, float value)
{
    begin(to, key, F32);
    meta_write_u32(&to->buf, bits_of(value));
}

void meta_write_bool(struct meta_write *to, const char *key, bool value)
{
    begin(to, key, BOOL);
    strbuf_put(&to->buf, value ? "\1" : "\0", 1);
}

void meta_write_text(struct meta_write *to, const char *key, const char *text)
{
    begin(to, key, TEXT);
    meta_write_word(&to->buf, text, strlen(text));
}

void meta_write_texts(struct meta_write *to, const char *key, const char *const *text, size_t n)
{
    begin_list(to, key, TEXT, n);
    for (size_t i = 0; i < n; i++)
        meta_write_word(&to->buf, text[i] ? text[i] : "", text[i] ? strlen(text[i]) : 0);
}

void meta_write_ints(struct meta_write *to, const char *key, const int32_t *value, size_t n)
{
    begin_list(to, key, I32, n);
    for (size_t i = 0; i < n; i++)
        meta_write_u32(&to->buf, (uint32_t)value[i]);
}

void meta_write_reals(struct meta_write *to, const char *key, const float *value, size_t n)
{
    begin_list(to, key, F32, n);
    for (size_t i = 0; i < n; i++)
        meta_write_u32(&to->buf, bits_of(value[i]));
}
