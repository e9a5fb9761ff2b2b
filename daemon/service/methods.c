#include <string.h>

#include "limit.h"

#include "meanwhile.h"
#include "node.h"
#include "serve.h"

#define KIB(n) ((size_t)(n)*1024)
#define MIB(n) (KIB(n) * 1024)

/* Who may what.  Readers see the state of sets; operators run the node;
 * analysts write; scanners match, and so may whoever writes or runs it; cases
 * are for those who write, and are nobody else's to see. */
enum {
	PEER = HF_DUTY_PEER,
	ANALYST = HF_DUTY_ANALYST,
	OPERATOR = HF_DUTY_OPERATOR,
	SCANNER = HF_DUTY_SCANNER | HF_DUTY_ANALYST | HF_DUTY_OPERATOR,
	READER = HF_DUTY_READER | SCANNER,
	WORKER = HF_DUTY_ANALYST | HF_DUTY_OPERATOR,
};

/* What a person or program of ours can change something with is audited
 * (audit.h); what peers bring us is proven by their own signatures. */
#define READS(handler)  &hf_serve_##handler, HF_RPC_READS
#define WRITES(handler) &hf_serve_##handler, HF_RPC_WRITES

#define FEDERATION(name) "/hashfed.v1.Federation/" name
#define MATCH(name)      "/hashfed.v1.Match/" name
#define PUBLISH(name)    "/hashfed.v1.Publish/" name
#define TAKEDOWN(name)   "/hashfed.v1.Takedown/" name
#define ADMIN(name)      "/hashfed.v1.Admin/" name
#define TAKEDOWN(name)   "/hashfed.v1.Takedown/" name

/*
 * Every call this daemon answers, and the only place that says who may make
 * it, how big a message may be and how long it may take.
 *
 * Source: proto/SPEC.md sections 9 and 10.
 */
const struct hf_rpc_method hf_methods[] = {
	/* clang-format off */
	/* path, duties, bytes, deadline in ms, client and server streams, what it does: its handler */
	{ FEDERATION("Hello"),         PEER, KIB(128), 10000, false, false, READS(hello) },
	{ FEDERATION("GetManifest"),   PEER, KIB(1),   10000, false, false, READS(get_manifest) },
	{ FEDERATION("GetCheckpoint"), PEER, KIB(1),   10000, false, false, READS(get_checkpoint) },
	{ FEDERATION("Tail"),          PEER, MIB(4),   0,     false, true,  READS(tail) },
	{ FEDERATION("GetChunks"),     PEER, KIB(1),   600000, false, true, READS(get_chunks) },
	{ FEDERATION("GetProof"),      PEER, KIB(1),   10000, false, false, READS(get_proof) },
	{ FEDERATION("Gossip"),        PEER, MIB(4),   10000, false, false, READS(gossip) },
	{ FEDERATION("Offer"),         PEER, MIB(2),   600000, true, false, READS(offer) },

	{ MATCH("Match"),              SCANNER, MIB(4), 30000, false, false, READS(match) },
	{ MATCH("MatchStream"),        SCANNER, MIB(4), 0,     true,  true,  READS(match_stream) },
	{ MATCH("GetNews"),            SCANNER, MIB(4), 600000, false, true, READS(get_news) },

	{ PUBLISH("Append"),           ANALYST, MIB(4), 600000, true, false, WRITES(append) },
	{ PUBLISH("Retract"),          ANALYST, KIB(4), 600000, false, false, WRITES(retract) },
	{ PUBLISH("Amend"),            ANALYST, KIB(64), 60000, false, false, WRITES(amend) },
	{ PUBLISH("Opine"),            WORKER,  KIB(4), 60000, false, false, WRITES(opine) },

	{ TAKEDOWN("SendNotice"),      WORKER, KIB(128), 60000, false, false, WRITES(send_notice) },
	{ TAKEDOWN("ReportFound"),     SCANNER, KIB(128), 60000, false, false, WRITES(report_found) },
	{ TAKEDOWN("UpdateCase"),      WORKER, KIB(128), 60000, false, false, WRITES(update_case) },
	{ TAKEDOWN("GetCase"),         WORKER, KIB(1),  60000, false, false, READS(get_case) },
	{ TAKEDOWN("ListCases"),       WORKER, KIB(1),  30000, false, false, READS(list_cases) },
	{ TAKEDOWN("WatchCases"),      WORKER, KIB(1),  0,     false, true,  READS(watch_cases) },
	{ TAKEDOWN("GetBundle"),       WORKER, KIB(1),  60000, false, false, READS(get_bundle) },

	{ ADMIN("GetStatus"),          READER,   KIB(1),  10000, false, false, READS(get_status) },
	{ ADMIN("ListSets"),           READER,   KIB(1),  10000, false, false, READS(list_sets) },
	{ ADMIN("GetNote"),            READER,   KIB(1),  10000, false, false, READS(get_note) },
	{ ADMIN("ProveEntry"),         READER,   KIB(1),  10000, false, false, READS(prove_entry) },
	{ ADMIN("ListPeers"),          READER,   KIB(1),  10000, false, false, READS(list_peers) },
	{ ADMIN("OpenSet"),            OPERATOR, KIB(8),  30000, false, false, WRITES(open_set) },
	{ ADMIN("NextEpoch"),          OPERATOR, KIB(1),  30000, false, false, WRITES(next_epoch) },
	{ ADMIN("ShareSet"),           OPERATOR, KIB(8),  30000, false, false, WRITES(share_set) },
	{ ADMIN("FollowSet"),          OPERATOR, KIB(8),  30000, false, false, WRITES(follow_set) },
	{ ADMIN("AddPeer"),            OPERATOR, KIB(256), 30000, false, false, WRITES(add_peer) },
	{ ADMIN("RemovePeer"),         OPERATOR, KIB(8),  30000, false, false, WRITES(remove_peer) },
	{ ADMIN("GetInvite"),          READER,   KIB(1),  10000, false, false, READS(get_invite) },
	{ ADMIN("GetSizes"),           READER,   KIB(1),  120000, false, false, READS(get_sizes) },
	{ ADMIN("VerifySet"),          OPERATOR, KIB(1),  3600000, false, false, READS(verify_set) },
	{ ADMIN("VerifyStore"),        OPERATOR, KIB(1),  86400000, false, false, WRITES(verify_store) },
	{ ADMIN("MakeBackup"),         OPERATOR, KIB(1),  86400000, false, false, WRITES(make_backup) },
	{ ADMIN("GetEvidence"),        READER,   KIB(1),  30000, false, false, READS(get_evidence) },
	{ ADMIN("ListReceipts"),       READER,   KIB(1),  60000, false, false, READS(list_receipts) },
	{ ADMIN("Propose"),            OPERATOR, KIB(8),  30000, false, false, WRITES(propose) },
	{ ADMIN("ListProposals"),      READER,   KIB(1),  60000, false, false, READS(list_proposals) },
	{ ADMIN("ListAudit"),          OPERATOR, KIB(4),  60000, false, false, READS(list_audit) },
	{ ADMIN("GetAffected"),        WORKER,   KIB(4),  60000, false, false, READS(get_affected) },
	{ ADMIN("Explain"),            WORKER,   KIB(64), 60000, false, false, READS(explain) },
	{ ADMIN("Release"),            OPERATOR, KIB(1),  30000, false, false, WRITES(release) },
	{ ADMIN("ThawSet"),            OPERATOR, KIB(1),  30000, false, false, WRITES(thaw_set) },

	{ TAKEDOWN("AttestRole"),      OPERATOR, KIB(4),  30000, false, false, WRITES(attest_role) },
	{ TAKEDOWN("ListRoles"),       READER,   KIB(1),  10000, false, false, READS(list_roles) },
	/* clang-format on */
};

const size_t hf_methods_count = sizeof(hf_methods) / sizeof(hf_methods[0]);

bool hf_method_writes(const char *path)
{
	for (size_t i = 0; i < hf_methods_count; i++) {
		if (strcmp(hf_methods[i].path, path) == 0)
			return hf_methods[i].effect == HF_RPC_WRITES;
	}
	return false;
}

/* While the store is migrated, of all these. */
static const struct hf_rpc_events *const without_store[] = {
	&hf_serve_match,
	&hf_serve_match_stream,
	&hf_serve_get_status,
};

enum hf_err hf_method_can_serve(void *arg, const struct hf_rpc_method *method,
				struct hf_why *why)
{
	const struct hf_node *node = arg;

	if (!hf_meanwhile_is_on(node->meanwhile))
		return HF_OK;
	for (size_t i = 0; i < sizeof(without_store) / sizeof(without_store[0]);
	     i++) {
		if (method->events == without_store[i])
			return HF_OK;
	}
	return hf_meanwhile_refuse(node->meanwhile, why);
}
