/* glob: patterns of paths as `data_files` has them: * and ? within a name, ** across folders, [a-z],
 * [!a]. No braces, which fsspec's have not either. */

#ifndef DATA_GLOB_H
#define DATA_GLOB_H

#include <stdbool.h>

/* Whether the whole path is meant. Work is bounded by the product of the two lengths. */
bool glob_match(const char *pattern, const char *path);

#endif
