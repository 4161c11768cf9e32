/* golden: files of tests/golden, inflated where they are deflated (*.z). */

#ifndef TESTS_LM_GOLDEN_H
#define TESTS_LM_GOLDEN_H

#include <stddef.h>

/* The whole text and a zero; ends the program if it cannot be read. free() it. */
char *golden_text(const char *name, size_t *n);

/* Hexadecimal to bytes, in place; returns how many. */
size_t golden_unhex(char *text);

#endif
