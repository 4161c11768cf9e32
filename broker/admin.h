/* admin: orders of people, and who says BYE (admin.c). Inside broker/ only. */

#ifndef BROKER_ADMIN_H
#define BROKER_ADMIN_H

#include "broker/state.h"

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
