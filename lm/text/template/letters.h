/* letters: Python's view of characters: blanks, names, cases.
 *
 * By utf8proc's tables, whose Unicode is a version newer than Python 3.11's: a letter of the
 * newest scripts may differ. */

#ifndef LM_TEXT_TEMPLATE_LETTERS_H
#define LM_TEXT_TEMPLATE_LETTERS_H

#include "lm/text/template/value.h"

bool letters_blank(uint32_t cp);                        /* str.isspace */
size_t letters_blank_start(const char *text, size_t n); /* bytes of blanks at the beginning */
size_t letters_blank_end(const char *text, size_t n);   /* bytes up to the blanks at the end */
size_t letters_word(const char *text, size_t n);        /* bytes of \w at the beginning */
bool letters_name(const char *text, size_t n);          /* str.isidentifier */
bool letters_printable(uint32_t cp);
bool letters_line_break(uint32_t cp);             /* of str.splitlines */
size_t letters_count(const char *text, size_t n); /* characters */

/* Bytes before character i; n when there are fewer. */
size_t letters_offset(const char *text, size_t n, size_t i);

/* str.upper 'u', lower 'l', title 't', capitalize 'c', swapcase 's', casefold 'f'. */
struct value letters_case(struct pool *pool, const struct string *string, char how);

/* str.isupper 'u', islower 'l', istitle 't', isalpha 'a', isdigit 'd', isdecimal 'e',
 * isnumeric 'n', isalnum 'w', isspace 's', isascii 'i', isprintable 'p', isidentifier 'k'. */
bool letters_all(const struct string *string, char what);

#endif
