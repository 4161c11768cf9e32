/* admin: orders of people, and who says BYE (admin.c). Inside broker/ only. */

#ifndef BROKER_ADMIN_H
#define BROKER_ADMIN_H

#include "broker/state.h"

/* May a HELLO be heard, as far as the machine's name goes? A supervisor's belongs to the first key
 * that says it, while that one is here; but the head comes in always, and the other goes (REFUSE).
 * False: *code and *words are set. `was`: the member that says it, or NULL; `link`: the sink's. */
bool admin_admits(struct broker *b, struct broker_member *was, void *link,
                  const struct msg_hello *hello, enum refuse_code *code, const char **words,
                  int64_t now_ms);

enum err admin_on_admin(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now);
/* From who has a ticket, and from the supervisor of a host for its own workers: may another key
 * come in? Nothing else. */
enum err admin_on_admit(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now);
enum err admin_on_admin_ok(struct broker *b, struct broker_member *from, const struct msg *msg,
                           int64_t now);
enum err admin_on_bye(struct broker *b, struct broker_member *from, const struct msg *msg,
                      int64_t now);

#endif
