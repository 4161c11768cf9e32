/* The words of a stranger end as file names and lines of a log, so that the registrar cleans
 * them; what counts (who asks) the broker filled in. */

#include "deploy/admit.h"

#include "base/mem.h"
#include "proto/registrar.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_at(const json_t *tree, const char *key)
{
    const char *text = json_string_value(json_object_get(tree, key));

    return text ? text : "";
}

enum err admit_obey(char **result, struct registrar *registrar, const struct msg_admin *order,
                    int64_t now_s, bool *later)
{
    json_t *tree = json_loads(order->arguments, 0, NULL);
    struct keyring_entry as = {.role = (enum role)order->role};
    struct hash key;
    enum err err = OK;

    *result = NULL;
    *later = false;
    if (!tree || curve_key(&key, text_at(tree, "public_key")))
        err = err_set(ERR_PARSE,
                      "admit: arguments {\"public_key\", \"name\", \"host\"} are meant");
    if (!err) {
        snprintf(as.name, sizeof as.name, "%.40s", text_at(tree, "name"));
        snprintf(as.host, sizeof as.host, "%.60s", text_at(tree, "host"));
        snprintf(as.address, sizeof as.address, "%.60s", order->address);
        err = registrar_admit(&as, registrar, &order->key, &key, now_s, later);
    }
    if (!err)
        *result = mem_print("{\"name\":\"%s\"}", as.name); /* letters, digits, . _ - */
    json_decref(tree);
    return err;
}
