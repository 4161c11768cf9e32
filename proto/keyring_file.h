/* keyring_file: the files of a keys folder, one by one. For keyring*.c only. */

#ifndef PROTO_KEYRING_FILE_H
#define PROTO_KEYRING_FILE_H

#include "proto/keyring_entry.h"

#include <stdbool.h>

/* An entry's folder and file. */
const char *keyring_file_folder(bool is_ticket); /* "worker", "ticket" */
bool keyring_file_name(const char *name);        /* may something be called that? */
/* What a stranger calls itself, as far as a file may be called that; `other` if nothing is left. */
void keyring_file_clean(char *out, size_t room, const char *text, const char *other);

/* Errors: ERR_IO, ERR_PARSE. */
enum err keyring_file_read(struct keyring_entry *out, const char *folder, bool is_ticket,
                           const char *name) MUST_CHECK;
/* `is_new`: fails (ERR_IO) if it is there. Errors: ERR_IO. */
enum err keyring_file_write(const char *folder, const struct keyring_entry *entry,
                            bool is_new) MUST_CHECK;

#endif
