/*
 * serve.h -- the handlers of every method, and the table that names them.
 *
 * A handler runs on the worker loop, after the layer has checked who calls
 * and how much.  It answers, or ends the call with an error and a sentence.
 *
 * Units    none.
 * Owns     handlers keep what they need in hf_rpc_data() and free it in done.
 * Threads  the worker loop; nothing here waits for a disk, a signer or a
 *          network, or takes long.
 * Errors   to the caller, once; nothing is logged per call.
 * Source   proto/hashfed/v1; proto/SPEC.md section 9.
 */
#ifndef HF_SERVE_H
#define HF_SERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "rpc_server.h"

/* The one table: path, duties, size limit, deadline, streams, handler. */
extern const struct hf_rpc_method hf_methods[];
extern const size_t hf_methods_count;

/* Does the row of this path say so? */
bool hf_method_writes(const char *path);

/* For the servers: while the store is migrated (meanwhile.h) most methods are
 * UNAVAILABLE.  arg is the node. */
HF_MUST enum hf_err hf_method_can_serve(void *arg,
					const struct hf_rpc_method *method,
					struct hf_why *why);

/* Federation. */
extern const struct hf_rpc_events hf_serve_hello;
extern const struct hf_rpc_events hf_serve_get_manifest;
extern const struct hf_rpc_events hf_serve_get_checkpoint;
extern const struct hf_rpc_events hf_serve_tail;
extern const struct hf_rpc_events hf_serve_get_chunks;
extern const struct hf_rpc_events hf_serve_get_proof;
extern const struct hf_rpc_events hf_serve_gossip;
extern const struct hf_rpc_events hf_serve_offer;

/* Match. */
extern const struct hf_rpc_events hf_serve_match;
extern const struct hf_rpc_events hf_serve_match_stream;
extern const struct hf_rpc_events hf_serve_get_news;

/* Publish. */
extern const struct hf_rpc_events hf_serve_append;
extern const struct hf_rpc_events hf_serve_retract;
extern const struct hf_rpc_events hf_serve_amend;
extern const struct hf_rpc_events hf_serve_opine;
extern const struct hf_rpc_events hf_serve_explain;
extern const struct hf_rpc_events hf_serve_release;

/* Takedown. */
extern const struct hf_rpc_events hf_serve_send_notice;
extern const struct hf_rpc_events hf_serve_report_found;
extern const struct hf_rpc_events hf_serve_update_case;
extern const struct hf_rpc_events hf_serve_get_case;
extern const struct hf_rpc_events hf_serve_list_cases;
extern const struct hf_rpc_events hf_serve_watch_cases;
extern const struct hf_rpc_events hf_serve_get_bundle;

/* Admin. */
extern const struct hf_rpc_events hf_serve_get_status;
extern const struct hf_rpc_events hf_serve_list_sets;
extern const struct hf_rpc_events hf_serve_open_set;
extern const struct hf_rpc_events hf_serve_next_epoch;
extern const struct hf_rpc_events hf_serve_share_set;
extern const struct hf_rpc_events hf_serve_follow_set;
extern const struct hf_rpc_events hf_serve_get_note;
extern const struct hf_rpc_events hf_serve_prove_entry;
extern const struct hf_rpc_events hf_serve_list_peers;
extern const struct hf_rpc_events hf_serve_add_peer;
extern const struct hf_rpc_events hf_serve_remove_peer;
extern const struct hf_rpc_events hf_serve_get_invite;
extern const struct hf_rpc_events hf_serve_verify_set;
extern const struct hf_rpc_events hf_serve_verify_store;
extern const struct hf_rpc_events hf_serve_make_backup;
extern const struct hf_rpc_events hf_serve_list_receipts;
extern const struct hf_rpc_events hf_serve_get_evidence;
extern const struct hf_rpc_events hf_serve_thaw_set;
extern const struct hf_rpc_events hf_serve_get_sizes;
extern const struct hf_rpc_events hf_serve_list_audit;
extern const struct hf_rpc_events hf_serve_get_affected;

/* Takedown. */
extern const struct hf_rpc_events hf_serve_attest_role;
extern const struct hf_rpc_events hf_serve_list_roles;
extern const struct hf_rpc_events hf_serve_propose;
extern const struct hf_rpc_events hf_serve_list_proposals;

#endif /* HF_SERVE_H */
