/* scratch: a folder of the test's own, gone when it ends. */

#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

/* For cmocka, before and after a test or a group. */
int scratch_open(void **state);
int scratch_close(void **state);

/* The path of `name` in it; four are good at once. */
const char *scratch_at(const char *name);

/* Writes the file `name` in it, and the folders on its way. */
void scratch_put(const char *name, const char *text);

#endif
