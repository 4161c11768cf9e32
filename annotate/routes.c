/* All of the server's routes, each with the least role that may ask: the only place that says so.
 * GET changes nothing. `GET /api/admin/routes` tells this table, and a test walks it with every
 * role: a row that is new is in that test. */

#include "annotate/routes.h"

#include "annotate/account.h"
#include "annotate/admin.h"
#include "annotate/caller.h"
#include "annotate/carry.h"
#include "annotate/page.h"
#include "annotate/review.h"
#include "annotate/work.h"

/* clang-format off */
const struct route routes_table[] = {
    {"GET", "/", CALLER_ANYONE, page_answer},
    {"GET", "/admin", CALLER_ANYONE, page_answer},
    {"GET", "/style.css", CALLER_ANYONE, page_answer},
    {"GET", "/icon.svg", CALLER_ANYONE, page_answer},
    {"GET", "/main.js", CALLER_ANYONE, page_answer},
    {"GET", "/talk.js", CALLER_ANYONE, page_answer},
    {"GET", "/show.js", CALLER_ANYONE, page_answer},
    {"GET", "/modes.js", CALLER_ANYONE, page_answer},
    {"GET", "/differences.js", CALLER_ANYONE, page_answer},
    {"GET", "/look.js", CALLER_ANYONE, page_answer},
    {"GET", "/admin.js", CALLER_ANYONE, page_answer},

    {"GET", "/api/me", CALLER_ANYONE, account_me},
    {"POST", "/api/enter", CALLER_ANYONE, account_enter},
    {"POST", "/api/invited", CALLER_ANYONE, account_invited},
    {"POST", "/api/join", CALLER_ANYONE, account_join},
    {"POST", "/api/login", CALLER_ANYONE, account_login},
    {"POST", "/api/logout", CALLER_ANNOTATOR, account_logout},
    {"POST", "/api/password", CALLER_ANNOTATOR, account_password},
    {"POST", "/api/pause", CALLER_ANNOTATOR, account_pause},

    {"POST", "/api/next", CALLER_ANNOTATOR, work_next},
    {"POST", "/api/judge", CALLER_ANNOTATOR, work_judge},
    {"POST", "/api/undo", CALLER_ANNOTATOR, work_undo},
    {"POST", "/api/extend", CALLER_ANNOTATOR, work_extend},
    {"POST", "/api/return", CALLER_ANNOTATOR, work_return},

    {"GET", "/api/review/queue", CALLER_REVIEWER, review_queue},
    {"POST", "/api/review/take", CALLER_REVIEWER, review_take},

    {"GET", "/api/admin/state", CALLER_ADMIN, admin_state},
    {"GET", "/api/admin/agreement", CALLER_ADMIN, admin_agreement},
    {"GET", "/api/admin/invites", CALLER_ADMIN, admin_invites},
    {"GET", "/api/admin/audit", CALLER_ADMIN, admin_audit},
    {"GET", "/api/admin/guideline_text", CALLER_ADMIN, admin_guideline_text},
    {"GET", "/api/admin/routes", CALLER_ADMIN, admin_routes},
    {"GET", "/api/admin/snapshot", CALLER_ADMIN, carry_snapshot},
    {"GET", "/api/admin/export", CALLER_ADMIN, carry_export},
    {"POST", "/api/admin/invite", CALLER_ADMIN, admin_invite},
    {"POST", "/api/admin/uninvite", CALLER_ADMIN, admin_uninvite},
    {"POST", "/api/admin/person", CALLER_ADMIN, admin_person},
    {"POST", "/api/admin/guideline", CALLER_ADMIN, admin_guideline},
};
/* clang-format on */
const size_t routes_n = sizeof routes_table / sizeof *routes_table;
