/*
 * client.h -- connect to a daemon and call it.
 *
 * By default the daemon of this machine, over the unix socket of a duty; or a
 * daemon elsewhere, over TLS, with a certificate that it issued.  It retries
 * nothing: every call that writes can be made again, and the caller knows
 * when that is wanted.
 *
 * Units    _ms; digests raw bytes.
 * Owns     hf_client_open() gives the caller a client; hf_client_close() takes
 *          it back.  Answers live in the caller's arena.
 * Threads  a client belongs to one thread.  Opening reads the environment and
 *          starts threads with all signals blocked.
 * Errors   those of the daemon, with its sentence; UNAVAILABLE when no daemon
 *          answers, DENIED when a socket is not for us, UNAUTHENTICATED when
 *          the server is not the one that was pinned.  The sentence says what
 *          to do.
 * Source   hashfedd(8), FILES; proto/hashfed/v1.
 */
#ifndef HF_CLIENT_H
#define HF_CLIENT_H

#include "arena.h"
#include "codec_admin.h"
#include "codec_audit.h"
#include "codec_hub.h"
#include "codec_match.h"
#include "codec_opinion.h"
#include "codec_publish.h"
#include "codec_takedown.h"
#include "err.h"
#include "span.h"

struct hf_client;

/* All borrowed until hf_client_open() returns. */
struct hf_client_options {
	/* The directory of the sockets: run of struct hf_layout. */
	const char *run_dir;

	/* Bits of enum hf_duty: any one of them will do.  The least powerful
	 * socket that has one and lets us in is taken. */
	unsigned duties;

	/* "host:port" of a daemon elsewhere, or NULL.  With it all of these:
	 * PEM files as hashfed-key client issue writes them, and the SHA-256
	 * of the server's public key in 64 hex digits. */
	const char *server;
	const char *cert_path;
	const char *key_path;
	const char *pin;
};

HF_MUST enum hf_err hf_client_open(const struct hf_client_options *options,
				   struct hf_client **out_client,
				   struct hf_why *why);

/* Calls still open end.  NULL is fine. */
void hf_client_close(struct hf_client *client);

/* Where it is connected to: a path or "host:port"; lives as long as it. */
const char *hf_client_place(const struct hf_client *client);

/* Any call that is one message each way, in bytes; the reply is appended. */
HF_MUST enum hf_err hf_client_call(struct hf_client *client, const char *path,
				   struct hf_span request, int64_t deadline_ms,
				   struct hf_buf *out_reply,
				   struct hf_why *why);

/* Name, service, method, longest wait.  What is asked and answered has a
 * struct in proto/codec: ASK and TELL, ASK alone, TELL alone. */
/* clang-format off */
#define HF_CLIENT_ASK_TELL_TABLE(X)                                    \
	X(list_sets,   "Admin",   "ListSets",   30000)                        \
	X(open_set,    "Admin",   "OpenSet",    60000)                        \
	X(next_epoch,  "Admin",   "NextEpoch",  60000)                        \
	X(share_set,   "Admin",   "ShareSet",   60000)                        \
	X(get_note,    "Admin",   "GetNote",    30000)                        \
	X(prove_entry, "Admin",   "ProveEntry", 30000)                        \
	X(list_peers,  "Admin",   "ListPeers",  30000)                        \
	X(add_peer,    "Admin",   "AddPeer",    60000)                        \
	X(verify_set,  "Admin",   "VerifySet",  3600000)                      \
	X(make_backup, "Admin",   "MakeBackup", 86400000)                     \
	X(get_evidence, "Admin",  "GetEvidence", 30000)                       \
	X(list_receipts, "Admin", "ListReceipts", 60000)                      \
	X(list_audit,  "Admin",   "ListAudit",  60000)                        \
	X(get_affected, "Admin",  "GetAffected", 60000)                       \
	X(list_cases,  "Takedown", "ListCases", 30000)                        \
	X(get_case,    "Takedown", "GetCase",   30000)                        \
	X(get_bundle,  "Takedown", "GetBundle", 60000)                        \
	X(retract,     "Publish", "Retract",    600000)                       \
	X(amend,       "Publish", "Amend",      60000)                        \
	X(opine,       "Publish", "Opine",      60000)                        \
	X(explain,     "Admin",   "Explain",    60000)                        \
	X(release,     "Admin",   "Release",    60000)                        \
	X(send_notice, "Takedown", "SendNotice", 60000)                       \
	X(report_found, "Takedown", "ReportFound", 120000)                    \
	X(update_case, "Takedown", "UpdateCase", 60000)                       \
	X(attest_role, "Takedown", "AttestRole", 60000)                       \
	X(list_roles,  "Takedown", "ListRoles", 30000)                        \
	X(propose,     "Admin",   "Propose",    60000)                        \
	X(list_proposals, "Admin", "ListProposals", 60000)
#define HF_CLIENT_ASK_TABLE(X)                                                \
	X(follow_set,  "Admin",   "FollowSet",  60000)                        \
	X(thaw_set,    "Admin",   "ThawSet",    60000)                        \
	X(remove_peer, "Admin",   "RemovePeer", 60000)
#define HF_CLIENT_TELL_TABLE(X)                                               \
	X(get_status,  "Admin",   "GetStatus",  30000)                        \
	X(get_invite,  "Admin",   "GetInvite",  60000)                        \
	X(get_sizes,   "Admin",   "GetSizes",   120000)                       \
	X(verify_store, "Admin",  "VerifyStore", 86400000)
/* clang-format on */

#define HF_CLIENT_DECLARE(name, service, method, deadline_ms)                  \
	HF_MUST enum hf_err hf_client_##name(                                  \
		struct hf_client *client,                                      \
		const struct hf_##name##_request *request,                     \
		struct hf_arena *arena, struct hf_##name##_response *out,      \
		struct hf_why *why);
HF_CLIENT_ASK_TELL_TABLE(HF_CLIENT_DECLARE)
#undef HF_CLIENT_DECLARE

#define HF_CLIENT_DECLARE(name, service, method, deadline_ms)                  \
	HF_MUST enum hf_err hf_client_##name(                                  \
		struct hf_client *client,                                      \
		const struct hf_##name##_request *request,                     \
		struct hf_why *why);
HF_CLIENT_ASK_TABLE(HF_CLIENT_DECLARE)
#undef HF_CLIENT_DECLARE

#define HF_CLIENT_DECLARE(name, service, method, deadline_ms)                  \
	HF_MUST enum hf_err hf_client_##name(                                  \
		struct hf_client *client, struct hf_arena *arena,              \
		struct hf_##name##_response *out, struct hf_why *why);
HF_CLIENT_TELL_TABLE(HF_CLIENT_DECLARE)
#undef HF_CLIENT_DECLARE

/* One batch of lookups. */
HF_MUST enum hf_err hf_client_match(struct hf_client *client,
				    const struct hf_wire_match_request *request,
				    struct hf_arena *arena,
				    struct hf_wire_match_response *out,
				    struct hf_why *why);

#endif /* HF_CLIENT_H */
