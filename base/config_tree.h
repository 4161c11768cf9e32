/* config_tree: configuration as people write it, before anyone knows what it means.
 *
 * YAML becomes a jansson tree in which every scalar is a string (null, ~ and
 * nothing are null): the schema in conf.h decides what is a number, so `1e-6`
 * is one and `no` can be a name. Anchors and aliases are refused; depth and
 * size are bounded. */

#ifndef BASE_CONFIG_TREE_H
#define BASE_CONFIG_TREE_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

/* Parses one YAML document whose top is a mapping; an empty text gives {}.
 * `name` is put before the words of an error, with the line.
 * Errors: ERR_PARSE, ERR_RANGE (too deep, too large). Free with json_decref. */
enum err config_tree_yaml(json_t **out, const char *text, size_t n,
                          const char *name) MUST_CHECK;
/* The same of a file. Errors: fs_read's too. */
enum err config_tree_file(json_t **out, const char *path) MUST_CHECK;

/* Sets `path` (dots descend: "overlap.lag") to `value`, read as YAML.
 * Errors: ERR_PARSE, ERR_RANGE. */
enum err config_tree_set(json_t *root, const char *path, const char *value) MUST_CHECK;

/* A command line over `root`: the first argument that is a *.yaml or *.yml file, or --config
 * FILE, is read first; then, in order, key=value, --key=value, --key value [value ...]; a --key
 * with no value is `true`. Errors: ERR_PARSE names the argument; those of config_tree_file. */
enum err config_tree_args(json_t *root, int argc, char **argv) MUST_CHECK;

/* Takes what is null out of the top level and returns `root`: where an empty `--key=` means
 * that none is given. */
json_t *config_tree_given(json_t *root);

#endif
