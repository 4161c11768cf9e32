/* msg_rows: all messages, one row each, in the order of their numbers, which begin at 1.
 *
 *     ROW(TYPE, member, name, table, max)    MSG_TYPE; its struct; as people see it; its
 *                                            fields (codec_*.c); bytes of all its frames
 *     BARE(TYPE, name)                       one without a body
 *
 * From here follow the numbers, the names, the union of msg.h and what the codec does. A new
 * message is a row at the end, a struct (msg_*.h) and a table (codec_*.c); what its table cannot
 * say goes into codec_check.c. docs/PROTOCOL.md has its number and its fields, and
 * tests/proto/every.c an example: tests fail until both are there. */

#ifndef PROTO_MSG_ROWS_H
#define PROTO_MSG_ROWS_H

#define MSG_ROWS(ROW, BARE) \
    ROW(HELLO, hello, "HELLO", codec_peer_hello, WIRE_BODY_MAX) \
    BARE(WHO, "WHO") \
    ROW(WELCOME, welcome, "WELCOME", codec_peer_welcome, WIRE_BODY_MAX) \
    ROW(REFUSE, refuse, "REFUSE", codec_peer_refuse, WIRE_CONTROL_MAX) \
    ROW(HB, hb, "HB", codec_peer_hb, WIRE_BODY_MAX) \
    ROW(OPEN, open, "OPEN", codec_work_open, WIRE_BODY_MAX) \
    ROW(CANCEL, cancel, "CANCEL", codec_work_cancel, WIRE_BODY_MAX) \
    ROW(LEASE, lease, "LEASE", codec_work_lease, WIRE_BODY_MAX) \
    ROW(REVOKE, revoke, "REVOKE", codec_work_revoke, WIRE_CONTROL_MAX) \
    ROW(WANT, want, "WANT", codec_work_want, WIRE_BODY_MAX) \
    ROW(ROLLOUT, rollout, "ROLLOUT", codec_work_rollout, WIRE_BODY_MAX) \
    ROW(FAIL, fail, "FAIL", codec_work_fail, WIRE_CONTROL_MAX) \
    ROW(ASK, ask, "SCORE?", codec_work_ask, WIRE_BODY_MAX) \
    ROW(SCORE, score, "SCORE", codec_work_score, WIRE_BODY_MAX) \
    ROW(SAMPLE, sample, "SAMPLE", codec_work_sample, WIRE_BODY_MAX) \
    ROW(DROPPED, dropped, "DROPPED", codec_work_dropped, WIRE_CONTROL_MAX) \
    ROW(SETTLED, settled, "SETTLED", codec_work_settled, WIRE_BODY_MAX) \
    ROW(PUBLISH, publish, "PUBLISH", codec_work_publish, WIRE_CONTROL_MAX) \
    ROW(OFFER, offer, "OFFER", codec_bulk_offer, WIRE_BODY_MAX) \
    ROW(WREQ, wreq, "WREQ", codec_bulk_wreq, WIRE_CONTROL_MAX) \
    ROW(WCHUNK, wchunk, "WCHUNK", codec_bulk_wchunk, WIRE_CHUNK_MAX) \
    ROW(WNONE, wnone, "WNONE", codec_bulk_wnone, WIRE_CONTROL_MAX) \
    ROW(ADMIN, admin, "ADMIN", codec_peer_admin, WIRE_CONTROL_MAX) \
    ROW(ADMIN_OK, admin_ok, "ADMIN_OK", codec_peer_admin_ok, WIRE_CONTROL_MAX) \
    ROW(DRAIN, drain, "DRAIN", codec_peer_drain, WIRE_CONTROL_MAX) \
    ROW(BYE, bye, "BYE", codec_peer_bye, WIRE_CONTROL_MAX) \
    BARE(BYE_OK, "BYE_OK") \
    ROW(STATS, stats, "STATS", codec_bulk_stats, WIRE_BODY_MAX) \
    ROW(REFUSED, refused, "REFUSED", codec_work_refused, WIRE_CONTROL_MAX) \
    ROW(PARENT, parent, "PARENT", codec_bulk_parent, WIRE_CONTROL_MAX) \
    ROW(GUESTS, guests, "GUESTS", codec_bulk_guests, WIRE_CONTROL_MAX) \
    ROW(EXPORT, export, "EXPORT", codec_people_export, WIRE_BODY_MAX) \
    ROW(EXPORT_OK, export_ok, "EXPORT_OK", codec_people_export_ok, WIRE_CONTROL_MAX) \
    ROW(JUDGEMENT, judgement, "JUDGEMENT", codec_people_judgement, WIRE_CONTROL_MAX) \
    ROW(JUDGED, judged, "JUDGED", codec_people_judged, WIRE_CONTROL_MAX)

#endif
